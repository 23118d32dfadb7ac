//! Until when a secret is good, as a file says it.

use core::time::Duration;

use x509_cert::der::DateTime;

/// Reads `2027-01-31`, `2027-01-31 12:00:00`, `2027-01-31 12:00:00.5+02:00`: since the Unix epoch,
/// in UTC unless the text says otherwise. Years are 1970 to 9999.
pub(super) fn read(text: &str) -> Option<Duration> {
    let (date, rest) = text.split_at_checked(10)?;
    let mut date = date.splitn(3, '-');
    let (year, month, day) = (date.next()?, two(date.next()?)?, two(date.next()?)?);
    if !year.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let year = year.parse().ok()?;
    let rest = match rest.as_bytes().first() {
        None => "00:00",
        Some(b' ' | b'T') => rest.get(1..)?,
        Some(_) => return None,
    };
    let end = rest.find(['+', '-', 'Z']).unwrap_or(rest.len());
    let (time, zone) = rest.split_at_checked(end)?;
    // What is below a second makes no difference worth a login.
    let (time, fraction) = time.split_once('.').unwrap_or((time, ""));
    if !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let mut time = time.splitn(3, ':');
    let (hour, minute) = (two(time.next()?)?, two(time.next()?)?);
    let second = time.next().map_or(Some(0), two)?;
    let at = DateTime::new(year, month, day, hour, minute, second).ok()?;
    let at = at.unix_duration();
    let Some(sign @ ('+' | '-')) = zone.chars().next() else {
        return matches!(zone, "" | "Z").then_some(at);
    };
    let (hours, minutes) = match zone.get(1..)?.split_once(':') {
        Some((hours, minutes)) => (two(hours)?, two(minutes)?),
        None => (two(zone.get(1..)?)?, 0),
    };
    if hours > 15 || minutes > 59 {
        return None;
    }
    let east = Duration::from_secs(u64::from(hours) * 3600 + u64::from(minutes) * 60);
    if sign == '+' {
        at.checked_sub(east)
    } else {
        at.checked_add(east)
    }
}

fn two(digits: &str) -> Option<u8> {
    let fine = digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_digit());
    fine.then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_or_not() {
        // `date --utc --date=… +%s`
        for (text, seconds) in [
            ("2027-01-31", 1_801_353_600),
            ("2027-01-31 12:30", 1_801_398_600),
            ("2027-01-31 12:30:15", 1_801_398_615),
            ("2027-01-31T12:30:15Z", 1_801_398_615),
            ("2027-01-31 12:30:15.999+00", 1_801_398_615),
            ("2027-01-31 12:30:15+02", 1_801_391_415),
            ("2027-01-31 12:30:15-05:30", 1_801_418_415),
            ("1970-01-01", 0),
        ] {
            assert_eq!(read(text), Some(Duration::from_secs(seconds)), "{text}");
        }
        for text in [
            "",
            "infinity",
            "tomorrow",
            "2027-1-31",
            "2027-02-30",
            "+027-01-31",
            "1969-12-31",
            "1970-01-01 00:00+01",
            "2027-01-31x",
            "2027-01-31 ",
            "2027-01-31 12",
            "2027-01-31 24:01",
            "2027-01-31 12:30 +02",
            "2027-01-31 12:30+2",
            "2027-01-31 12:30+16",
            "2027-01-31 12:30Zulu",
            "2027-01-31 12:30:15.soon",
            "ünüünü-01-31",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
