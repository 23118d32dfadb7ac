//! Time zones: their names, and which instant a local time is.

use jiff::tz::TimeZone;

use crate::server::format::datetime::read::Text;
use crate::server::format::datetime::{DAY, EPOCH_DAYS, SECOND};

/// A zone by a name that [`zone_name`] gave, or by that of the IANA database.
pub(crate) fn zone(name: &str) -> Option<TimeZone> {
    if name.eq_ignore_ascii_case("utc") || name.eq_ignore_ascii_case("gmt") {
        return Some(TimeZone::UTC);
    }
    // jiff has no colon in the name of an offset.
    let plain = name
        .split_once('>')
        .filter(|(head, _)| head.starts_with('<') && head.contains(':'))
        .map(|(head, rest)| format!("{}>{rest}", head.replace(':', "")));
    let posix = plain.as_deref().unwrap_or(name);
    TimeZone::get(name)
        .ok()
        .or_else(|| TimeZone::posix(posix).ok())
}

/// The name of a zone as it is shown, for what SET TIME ZONE takes: a name of the IANA database, a
/// POSIX rule, or hours east of UTC.
pub(crate) fn zone_name(given: &str) -> Option<String> {
    if given.eq_ignore_ascii_case("default") || given.eq_ignore_ascii_case("utc") {
        return Some("UTC".into());
    }
    let number = given.strip_prefix(['+', '-']).unwrap_or(given);
    if number.starts_with(|c: char| c.is_ascii_digit()) {
        let mut rest = Text(number);
        let hours = rest.number().ok()?;
        let rule = rest.byte(b':');
        let minutes = if rule { rest.number().ok()? } else { 0 };
        if hours > 15 || minutes > 59 || rest.end().is_err() {
            return None;
        }
        // POSIX counts to the west, and what is no number is its rule.
        let (east, west) = if given.starts_with('-') != rule {
            ('-', '+')
        } else {
            ('+', '-')
        };
        let minutes = match minutes {
            0 => String::new(),
            minutes => format!(":{minutes:02}"),
        };
        return Some(format!(
            "<{east}{hours:02}{minutes}>{west}{hours:02}{minutes}"
        ));
    }
    let zone = zone(given)?;
    Some(zone.iana_name().unwrap_or(given).to_owned())
}

/// Seconds east of UTC at an instant. Beyond the years that the zone's rules cover: none.
pub(super) fn offset_at(zone: &TimeZone, value: i64) -> i64 {
    let since_1970 = value.saturating_add(EPOCH_DAYS * DAY);
    jiff::Timestamp::from_microsecond(since_1970)
        .map_or(0, |at| zone.to_offset(at).seconds().into())
}

/// The instant of a local time in a zone. As in PostgreSQL, a time that is not there is taken with
/// the offset before the gap, one that is there twice is the later.
pub(crate) fn to_instant(local: i64, zone: &TimeZone) -> i64 {
    let with = |offset: i64| local.saturating_sub(offset.saturating_mul(SECOND));
    let before = offset_at(zone, local.saturating_sub(DAY));
    let after = offset_at(zone, local.saturating_add(DAY));
    if offset_at(zone, with(after)) == after {
        with(after)
    } else {
        with(before)
    }
}
