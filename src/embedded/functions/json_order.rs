//! The order of `jsonb` (PostgreSQL docs, "jsonb Indexing"): Object > Array > Boolean > Number >
//! String > null; what has more members or elements behind what has fewer.

use std::cmp::Ordering;

use crate::embedded::functions::json_change::Json;
use crate::embedded::number;

/// The collation `pg_jsonb`.
pub(super) fn compare(a: &str, b: &str) -> Ordering {
    if a == b {
        return Ordering::Equal;
    }
    let (a, b) = (Json::read(a), Json::read(b));
    // PostgreSQL keeps what stands alone as an array of one, which is less than other such arrays
    // but has an element more than an empty one.
    let alone = |items: &[Json]| match items {
        [] => Ordering::Greater,
        _ => Ordering::Less,
    };
    match (&a, &b) {
        (Json::Plain(_), Json::Array(items)) => alone(items),
        (Json::Array(items), Json::Plain(_)) => alone(items).reverse(),
        _ => order(&a, &b),
    }
}

fn order(a: &Json, b: &Json) -> Ordering {
    let same_rank = || rank(a).cmp(&rank(b));
    match (a, b) {
        (Json::Object(left), Json::Object(right)) => left.len().cmp(&right.len()).then_with(|| {
            let pairs = left.iter().zip(right);
            first(pairs.map(|((k, v), (l, w))| k.cmp(l).then_with(|| order(v, w))))
        }),
        (Json::Array(left), Json::Array(right)) => left
            .len()
            .cmp(&right.len())
            .then_with(|| first(left.iter().zip(right).map(|(v, w)| order(v, w)))),
        (Json::Plain(left), Json::Plain(right)) => same_rank().then_with(|| {
            if let (Some(left), Some(right)) = (a.string(), b.string()) {
                return left.cmp(&right);
            }
            match (number::parse(left), number::parse(right)) {
                (Ok(left), Ok(right)) => left.cmp(&right),
                // `false` is before `true` as it is.
                _ => left.cmp(right),
            }
        }),
        _ => same_rank(),
    }
}

fn first(mut orders: impl Iterator<Item = Ordering>) -> Ordering {
    orders
        .find(|o| *o != Ordering::Equal)
        .unwrap_or(Ordering::Equal)
}

fn rank(json: &Json) -> u8 {
    match json {
        Json::Object(_) => 5,
        Json::Array(_) => 4,
        Json::Plain(raw) => match raw.as_bytes().first() {
            Some(b't' | b'f') => 3,
            Some(b'n') => 0,
            Some(b'"') => 1,
            _ => 2,
        },
    }
}

/// What is the same for equal values: numbers without zeros at their ends.
pub(super) fn key(text: &str) -> String {
    normal(Json::read(text)).show()
}

fn normal(json: Json) -> Json {
    match json {
        Json::Object(members) => {
            Json::Object(members.into_iter().map(|(k, v)| (k, normal(v))).collect())
        }
        Json::Array(items) => Json::Array(items.into_iter().map(normal).collect()),
        Json::Plain(raw) => match number::parse(&raw) {
            Ok(number) => Json::Plain(number::show(&number.normalized())),
            Err(_) => Json::Plain(raw),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jsonb_has_an_order_of_its_own() {
        // As PostgreSQL 15 sorts them.
        let sorted = [
            "[]",
            "null",
            "\"\"",
            "\"a\"",
            "\"b\"",
            "-1",
            "9",
            "10",
            "false",
            "true",
            "[null]",
            "[9]",
            "[10.5]",
            "[[]]",
            "[{}]",
            "[1, 1]",
            "[1, 2]",
            "{}",
            "{\"a\": 9}",
            "{\"a\": 10}",
            "{\"b\": 1}",
            "{\"a\": 1, \"b\": 1}",
        ];
        for (i, a) in sorted.iter().enumerate() {
            for (j, b) in sorted.iter().enumerate() {
                assert_eq!(compare(a, b), i.cmp(&j), "{a} {b}");
            }
        }
    }

    #[test]
    fn numbers_are_equal_by_value() {
        for (a, b) in [
            ("1", "1.0"),
            ("[1.50, {\"a\": 0.0}]", "[1.5, {\"a\": 0}]"),
            ("0", "0.000"),
        ] {
            assert_eq!(compare(a, b), Ordering::Equal, "{a} {b}");
            assert_eq!(key(a), key(b));
        }
        assert_ne!(key("\"1\""), key("1"));
    }
}
