//! Texts that are a value's text form already, to the letter: what is kept is, as a rule, what a client
//! is sent. What is in the file may have been written by others, so each byte is looked at; what is
//! not of this form is read and written anew.

use crate::error_response::ErrorResponse;
use crate::server::Field;
use crate::server::format::{Element, Kind};

/// Writes a text that is its column's already; else the field comes back.
#[inline]
pub(super) fn put<'r>(text: &[u8], field: Field<'r>) -> Result<Option<Field<'r>>, ErrorResponse> {
    let Kind::Plain(element) = field.kind() else {
        return Ok(Some(field));
    };
    let good = match element {
        Element::Uuid => is_uuid(text),
        Element::Numeric => is_numeric(text),
        Element::Date => is_date(text),
        Element::Time => is_time(text),
        Element::Timestamp => is_timestamp(text),
        Element::TimestampTz => field.in_utc() && instant(text).is_some(),
        // Kept as it is shown.
        Element::Jsonb => std::str::from_utf8(text).is_ok(),
        _ => false,
    };
    if good {
        field.shown(text)
    } else {
        Ok(Some(field))
    }
}

/// Two digits as a number.
fn two(bytes: &[u8], at: usize) -> Option<u32> {
    match bytes.get(at..)? {
        [a @ b'0'..=b'9', b @ b'0'..=b'9', ..] => {
            Some(u32::from(a - b'0') * 10 + u32::from(b - b'0'))
        }
        _ => None,
    }
}

fn days_in_month(year: u32, month: u32) -> u32 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => {
            29
        }
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// `2026-01-31` at the beginning, from the year 1 to 9999: year, month, day.
fn date_of(bytes: &[u8]) -> Option<(u32, u32, u32)> {
    let [_, _, _, _, b'-', _, _, b'-', _, _, ..] = bytes else {
        return None;
    };
    let year = two(bytes, 0)? * 100 + two(bytes, 2)?;
    let (month, day) = (two(bytes, 5)?, two(bytes, 8)?);
    let good = year > 0
        && (1..=12).contains(&month)
        && day > 0
        && (day <= 28 || day <= days_in_month(year, month));
    good.then_some((year, month, day))
}

/// `12:34:56.789`, before 24:00, and with no 0 at the end: microseconds.
fn time_of(bytes: &[u8]) -> Option<i64> {
    let [_, _, b':', _, _, b':', _, _, fraction @ ..] = bytes else {
        return None;
    };
    let (hour, minute, second) = (two(bytes, 0)?, two(bytes, 3)?, two(bytes, 6)?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let mut micros = 0_u32;
    match fraction {
        [] => {}
        [b'.', digits @ ..] if (1..=6).contains(&digits.len()) && !digits.ends_with(b"0") => {
            for place in 0..6 {
                let digit = match digits.get(place) {
                    Some(digit @ b'0'..=b'9') => u32::from(digit - b'0'),
                    Some(_) => return None,
                    None => 0,
                };
                micros = micros * 10 + digit;
            }
        }
        _ => return None,
    }
    let seconds = hour * 3600 + minute * 60 + second;
    Some(i64::from(seconds) * 1_000_000 + i64::from(micros))
}

pub(super) fn is_date(bytes: &[u8]) -> bool {
    bytes.len() == 10 && date_of(bytes).is_some()
}

pub(super) fn is_time(bytes: &[u8]) -> bool {
    time_of(bytes).is_some()
}

pub(super) fn is_timestamp(bytes: &[u8]) -> bool {
    timestamp_of(bytes).is_some()
}

/// Without a time zone: microseconds since 1970.
pub(super) fn timestamp(bytes: &[u8]) -> Option<i64> {
    let ((year, month, day), micros) = timestamp_of(bytes)?;
    // Years that begin in March, so that the leap day is the last.
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day;
    // Counted from the first of March of the year 0.
    Some((i64::from(days) - 719_469) * 86_400_000_000 + micros)
}

fn timestamp_of(bytes: &[u8]) -> Option<((u32, u32, u32), i64)> {
    let (day, time) = bytes.split_at_checked(10)?;
    Some((date_of(day)?, time_of(time.strip_prefix(b" ")?)?))
}

/// An instant as it is kept, in UTC: microseconds since 1970.
pub(super) fn instant(bytes: &[u8]) -> Option<i64> {
    timestamp(bytes.strip_suffix(b"+00")?)
}

pub(super) fn is_uuid(bytes: &[u8]) -> bool {
    let Ok(bytes) = <&[u8; 36]>::try_from(bytes) else {
        return false;
    };
    // Without a branch for each byte many are looked at at once.
    let (mut bad, mut dashes) = (false, 0_u8);
    for byte in bytes {
        let dash = *byte == b'-';
        let hex = (byte.wrapping_sub(b'0') < 10) | (byte.wrapping_sub(b'a') < 6);
        bad |= !(hex | dash);
        dashes += u8::from(dash);
    }
    let at = |place: usize| bytes.get(place) == Some(&b'-');
    !bad && dashes == 4 && at(8) && at(13) && at(18) && at(23)
}

/// Digits with a point between them, without a 0 in front that says nothing.
pub(super) fn is_numeric(bytes: &[u8]) -> bool {
    let digits = bytes.strip_prefix(b"-").unwrap_or(bytes);
    let whole = digits.iter().take_while(|b| b.is_ascii_digit()).count();
    let (before, behind) = digits.split_at(whole);
    if before.is_empty() || before.len() > 1 && before.first() == Some(&b'0') {
        return false;
    }
    let behind = match behind {
        [] => return digits.len() == bytes.len() || digits != b"0",
        [b'.', behind @ ..] => behind,
        _ => return false,
    };
    let sign = digits.len() == bytes.len() || digits.iter().any(|b| matches!(b, b'1'..=b'9'));
    sign && !behind.is_empty() && behind.iter().all(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::embedded::{datetime, number};

    #[test]
    fn only_what_would_be_written_is_taken() {
        for good in [
            "2026-01-31",
            "2024-02-29",
            "0001-01-01",
            "9999-12-31",
            "2000-02-29",
        ] {
            assert!(is_date(good.as_bytes()), "{good}");
        }
        for bad in [
            "2026-02-29",
            "2026-1-31",
            "2026-13-01",
            "2026-00-10",
            "2026-01-00",
            "0000-01-01",
            "1900-02-29",
            "2026-01-31 ",
            "2026-01-3x",
            "12026-01-31",
            "",
            "2026/01/31",
            "2026-04-31",
        ] {
            assert!(!is_date(bad.as_bytes()), "{bad}");
        }
        for good in [
            "00:00:00",
            "23:59:59.999999",
            "12:34:56.7",
            "12:34:56.000001",
        ] {
            assert!(is_time(good.as_bytes()), "{good}");
        }
        for bad in [
            "24:00:00",
            "12:60:00",
            "12:00:60",
            "12:00:00.",
            "12:00:00.10",
            "12:00",
            "1:00:00",
            "12:00:00.1234567",
            "12:00:00.x",
            "12:00:00.0",
            "12:00:00+00",
        ] {
            assert!(!is_time(bad.as_bytes()), "{bad}");
        }
        assert!(is_timestamp(b"2026-01-31 12:34:56.789"));
        for bad in [
            "2026-01-31T12:34:56",
            "2026-01-31",
            "2026-01-31 12:34:56+00",
            "2026-01-31  1:00:00",
        ] {
            assert!(!is_timestamp(bad.as_bytes()), "{bad}");
        }
        assert!(is_uuid(b"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"));
        for bad in [
            "A0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
            "a0eebc999-c0b-4ef8-bb6d-6bb9bd380a11",
            "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1",
            "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1g",
        ] {
            assert!(!is_uuid(bad.as_bytes()), "{bad}");
        }
        for good in [
            "0",
            "1",
            "-1",
            "10.50",
            "0.00",
            "-0.5",
            "123456789012345678901234567890.1",
        ] {
            assert!(is_numeric(good.as_bytes()), "{good}");
        }
        for bad in [
            "", "-", ".5", "5.", "01", "+1", "1e5", "1.2.3", "-0", "-0.00", " 1", "NaN", "--1",
        ] {
            assert!(!is_numeric(bad.as_bytes()), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn instants_are_those_that_are_read(micros in -62_135_596_800_000_000_i64..253_402_300_800_000_000) {
            let kept = datetime::keep_timestamptz(micros).unwrap();
            prop_assert_eq!(instant(kept.as_bytes()), Some(micros), "{}", kept);
            let shown = datetime::show_timestamp(micros).unwrap();
            prop_assert!(is_timestamp(shown.as_bytes()), "{}", shown);
            prop_assert_eq!(timestamp(shown.as_bytes()), Some(micros), "{}", shown);
        }

        #[test]
        fn what_is_taken_reads_and_shows_the_same(text in "[-0-9.: +]{0,26}", date in "[0-9]{4}-[0-9]{2}-[0-9]{2}") {
            for text in [&text, &date, &format!("{date} 12:00:00")] {
                if is_numeric(text.as_bytes()) {
                    prop_assert_eq!(&number::show(&number::parse(text).unwrap()), text);
                }
                if is_date(text.as_bytes()) {
                    prop_assert_eq!(&datetime::show_date(datetime::parse_date(text).unwrap()), text);
                }
                if is_timestamp(text.as_bytes()) {
                    let micros = datetime::parse_timestamp(text).unwrap();
                    prop_assert_eq!(&datetime::show_timestamp(micros).unwrap(), text);
                }
            }
        }
    }
}
