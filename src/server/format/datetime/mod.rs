//! Dates, times and intervals: PostgreSQL's ISO style, and what of it is read.
//!
//! All counts are PostgreSQL's own: days or microseconds since 2000-01-01.

mod abbreviation;
mod calendar;
mod free;
mod interval;
mod read;
mod write;
mod zone;

#[cfg(feature = "sqlite")]
pub(crate) use interval::put_parts;
pub(crate) use interval::{get_interval, put_interval};
pub(crate) use read::{get_date, get_time, get_timestamp, get_timestamptz};
pub(crate) use write::{put_date, put_time, put_timestamp, put_timestamptz};
#[cfg(feature = "sqlite")]
pub(crate) use zone::to_instant;
pub(crate) use zone::{zone, zone_name};

use crate::error_response::SqlState;

const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
pub(crate) const DAY: i64 = 24 * HOUR;
/// Days from 1970-01-01 to 2000-01-01.
pub(crate) const EPOCH_DAYS: i64 = 10_957;

/// Why a date or time cannot be read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Bad {
    /// It is none: 22007.
    Form,
    /// A field or the whole is out of range: 22008.
    Range,
    /// So is a month or a day; perhaps they are meant in another order.
    Order,
    /// The offset of a zone is out of range: 22009.
    ZoneRange,
    /// There is no such time zone: 22023.
    NoZone(String),
}

impl Bad {
    /// The code, the message and the hint, of a text that is no value of this type.
    pub(crate) fn told(&self, kind: &str, text: &str) -> (SqlState, String, Option<&'static str>) {
        let other = |code| SqlState::new(code).unwrap_or(SqlState::DATETIME_FIELD_OVERFLOW);
        let range = || format!("date/time field value out of range: \"{text}\"");
        match self {
            Self::Form => (
                SqlState::INVALID_DATETIME_FORMAT,
                format!("invalid input syntax for type {kind}: \"{text}\""),
                None,
            ),
            Self::Range => (SqlState::DATETIME_FIELD_OVERFLOW, range(), None),
            Self::Order => (
                SqlState::DATETIME_FIELD_OVERFLOW,
                range(),
                Some("Perhaps you need a different \"datestyle\" setting."),
            ),
            Self::ZoneRange => (
                other("22009"),
                format!("time zone displacement out of range: \"{text}\""),
                None,
            ),
            Self::NoZone(name) => (
                SqlState::INVALID_PARAMETER_VALUE,
                format!("time zone \"{name}\" not recognized"),
                None,
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::calendar::{DATES, date, days};
    use super::*;
    use crate::server::value::Interval;

    fn shown(put: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        put(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn dates_are_read_and_shown_as_in_postgresql() {
        let cases = [
            ("2000-01-01", 0, "2000-01-01"),
            ("1999-12-31", -1, "1999-12-31"),
            ("20260131", 9527, "2026-01-31"),
            ("2026/1/31", 9527, "2026-01-31"),
            ("1/31/2026", 9527, "2026-01-31"),
            ("01-31-2026", 9527, "2026-01-31"),
            ("2024-02-29 23:00:00+05", 8825, "2024-02-29"),
            ("infinity", i32::MAX, "infinity"),
            ("-Infinity", i32::MIN, "-infinity"),
            ("epoch", -10_957, "1970-01-01"),
            ("0001-01-01 BC", -730_485, "0001-01-01 BC"),
            ("4714-11-24 BC", -2_451_545, "4714-11-24 BC"),
            ("5874897-12-31", 2_145_031_948, "5874897-12-31"),
        ];
        for (text, days, back) in cases {
            assert_eq!(get_date(text), Ok(days), "{text}");
            assert_eq!(shown(|out| put_date(out, days)), back);
        }
        let wrong = [
            ("2023-02-29", Bad::Range),
            ("2023-13-01", Bad::Order),
            ("0000-01-01", Bad::Range),
            ("5874898-01-01", Bad::Range),
            ("4714-01-01 BC", Bad::Range),
            ("31-01-2026", Bad::Order),
            ("1/31-2026", Bad::Form),
            ("today's", Bad::Form),
            ("", Bad::Form),
            ("2026-01", Bad::Form),
            ("2026-01-31x", Bad::Form),
        ];
        for (text, bad) in wrong {
            assert_eq!(get_date(text), Err(bad), "{text}");
        }
    }

    #[test]
    fn timestamps_are_read_and_shown_as_in_postgresql() {
        let cases = [
            ("2000-01-01 00:00:00", 0, "2000-01-01 00:00:00"),
            (
                "2000-01-01T00:00:00.000001Z",
                1,
                "2000-01-01 00:00:00.000001",
            ),
            ("1999-12-31 23:59:59.5", -500_000, "1999-12-31 23:59:59.5"),
            ("2000-01-01 24:00", DAY, "2000-01-02 00:00:00"),
            ("2000-01-02", DAY, "2000-01-02 00:00:00"),
            (
                "2000-01-01 01:02:03.1234567",
                3_723_123_457,
                "2000-01-01 01:02:03.123457",
            ),
            ("infinity", i64::MAX, "infinity"),
            ("2000-01-01 12:00 AM +053000", 0, "2000-01-01 00:00:00"),
            (
                "2000-01-01 1:02pm",
                13 * HOUR + 2 * MINUTE,
                "2000-01-01 13:02:00",
            ),
        ];
        for (text, value, back) in cases {
            assert_eq!(get_timestamp(text), Ok(value), "{text}");
            assert_eq!(shown(|out| put_timestamp(out, value)), back);
        }
        assert_eq!(get_timestamp("2000-01-01 25:00"), Err(Bad::Range));
        assert_eq!(get_timestamp("2000-01-01 10:61"), Err(Bad::Range));
        assert_eq!(get_timestamp("2000-01-01 10"), Err(Bad::Form));
        assert_eq!(get_timestamp("2000-01-01 13:00 PM"), Err(Bad::Range));
    }

    #[test]
    fn times_are_read_and_shown_as_in_postgresql() {
        for (text, value, back) in [
            ("10:20", 10 * HOUR + 20 * MINUTE, "10:20:00"),
            (
                "10:20:30.5+02",
                10 * HOUR + 20 * MINUTE + 30_500_000,
                "10:20:30.5",
            ),
            ("2026-01-01 10:20", 10 * HOUR + 20 * MINUTE, "10:20:00"),
            ("24:00", DAY, "24:00:00"),
        ] {
            assert_eq!(get_time(text), Ok(value), "{text}");
            assert_eq!(shown(|out| put_time(out, value)), back);
        }
        for (text, bad) in [
            ("24:00:01", Bad::Range),
            ("2026-01-01", Bad::Form),
            ("10:20 x", Bad::Form),
            ("", Bad::Form),
        ] {
            assert_eq!(get_time(text), Err(bad), "{text}");
        }
    }

    #[test]
    fn instants_know_zones() {
        let berlin = zone("Europe/Berlin").unwrap();
        let cases = [
            (
                "2026-07-01 12:00:00+02",
                "2026-07-01 12:00:00+02",
                "2026-07-01 10:00:00+00",
            ),
            (
                "2026-01-01 12:00:00",
                "2026-01-01 12:00:00+01",
                "2026-01-01 11:00:00+00",
            ),
            (
                "2026-01-01 12:00 America/New_York",
                "2026-01-01 18:00:00+01",
                "2026-01-01 17:00:00+00",
            ),
            (
                "2026-01-01 12:00:00-0530",
                "2026-01-01 18:30:00+01",
                "2026-01-01 17:30:00+00",
            ),
            (
                "2026-01-01 12:00:00 UTC",
                "2026-01-01 13:00:00+01",
                "2026-01-01 12:00:00+00",
            ),
            // The hour that is not there, and the one that is twice.
            (
                "2026-03-29 02:30:00",
                "2026-03-29 03:30:00+02",
                "2026-03-29 01:30:00+00",
            ),
            (
                "2026-10-25 02:30:00",
                "2026-10-25 02:30:00+01",
                "2026-10-25 01:30:00+00",
            ),
        ];
        for (text, local, utc) in cases {
            let at = get_timestamptz(text, Some(&berlin)).unwrap();
            assert_eq!(
                shown(|out| put_timestamptz(out, at, Some(&berlin))),
                local,
                "{text}"
            );
            assert_eq!(shown(|out| put_timestamptz(out, at, None)), utc, "{text}");
        }
        assert_eq!(
            get_timestamptz("2026-01-01 12:00 Nowhere/Land", None),
            Err(Bad::NoZone("nowhere/land".into()))
        );
        let india = zone("Asia/Kolkata").unwrap();
        assert_eq!(
            shown(|out| put_timestamptz(out, 0, Some(&india))),
            "2000-01-01 05:30:00+05:30"
        );
    }

    #[test]
    fn intervals_are_read_and_shown_as_in_postgresql() {
        let cases = [
            (
                "1 year 2 mons 3 days 04:05:06.7",
                (14, 3, 14_706_700_000),
                "1 year 2 mons 3 days 04:05:06.7",
            ),
            ("-1 day +02:00:00", (0, -1, 2 * HOUR), "-1 days +02:00:00"),
            ("90 minutes", (0, 0, 90 * MINUTE), "01:30:00"),
            ("1.5 hours", (0, 0, 90 * MINUTE), "01:30:00"),
            ("-.5 hours", (0, 0, -30 * MINUTE), "-00:30:00"),
            ("1 day ago", (0, -1, 0), "-1 days"),
            ("@ 2 weeks", (0, 14, 0), "14 days"),
            ("0", (0, 0, 0), "00:00:00"),
            ("-00:00:01", (0, 0, -SECOND), "-00:00:01"),
            (
                "P1Y2M3DT4H5M6.5S",
                (14, 3, 4 * HOUR + 5 * MINUTE + 6_500_000),
                "1 year 2 mons 3 days 04:05:06.5",
            ),
            ("PT36H", (0, 0, 36 * HOUR), "36:00:00"),
            ("1 days, 0:00:01", (0, 1, SECOND), "1 day 00:00:01"),
            ("-1.5 seconds", (0, 0, -1_500_000), "-00:00:01.5"),
        ];
        for (text, (months, days, microseconds), back) in cases {
            let expected = Interval {
                months,
                days,
                microseconds,
            };
            assert_eq!(get_interval(text), Ok(expected), "{text}");
            assert_eq!(shown(|out| put_interval(out, expected)), back);
        }
        for bad in [
            "",
            "ago",
            "1 fortnight",
            "P",
            "P1YTT1H",
            "PT1HT1M",
            "one day",
            "1 day x",
            ". hours",
        ] {
            assert_eq!(get_interval(bad), Err(Bad::Form), "{bad}");
        }
        assert_eq!(get_interval("999999999999 years"), Err(Bad::Range));
    }

    proptest! {
        #[test]
        fn days_and_dates_are_one_to_one(count in DATES) {
            let (year, month, day) = date(count);
            prop_assert_eq!(days(year, month, day), count);
        }

        #[test]
        fn timestamps_come_back(value in any::<i64>()) {
            let text = shown(|out| put_timestamp(out, value));
            if DATES.contains(&value.div_euclid(DAY)) {
                prop_assert_eq!(get_timestamp(&text), Ok(value));
            }
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,30}", iso in "[-+0-9: TPYMDHSz.]{0,30}") {
            for text in [&text, &iso] {
                let _ = (get_date(text), get_time(text), get_interval(text));
                let _ = (get_timestamp(text), get_timestamptz(text, None));
            }
        }

        #[test]
        fn any_interval_is_shown_and_read_back(months in any::<i32>(), days in any::<i32>(), microseconds in -HOUR * 1_000_000..HOUR * 1_000_000) {
            let value = Interval { months, days, microseconds };
            let text = shown(|out| put_interval(out, value));
            prop_assert_eq!(get_interval(&text), Ok(value), "{}", text);
        }
    }
}
