//! What a StartupMessage may say.

use super::*;

fn bad_replication(value: &str) -> String {
    format!(
        "FATAL 22023: invalid value for parameter \"replication\": \"{value}\" (Valid values are: \"false\", 0, \"true\", 1, \"database\".)"
    )
}

#[test]
fn versions() {
    let body = b"user\0alice\0\0";
    let admitted = "R in alice/alice";
    for (major, minor, outcome) in [
        (0, 0, unsupported("0.0")),
        (
            0,
            1,
            format!("old {}", unsupported("0.1").replace(" 0A000:", ": ")),
        ),
        (
            1,
            0,
            format!("old {}", unsupported("1.0").replace(" 0A000:", ": ")),
        ),
        (
            2,
            0,
            format!("old {}", unsupported("2.0").replace(" 0A000:", ": ")),
        ),
        (
            2,
            65_535,
            format!("old {}", unsupported("2.65535").replace(" 0A000:", ": ")),
        ),
        (3, 0, format!("{admitted} 3.0")),
        (3, 1, format!("{admitted} 3.1")),
        (3, 2, format!("{admitted} 3.2")),
        (3, 3, format!("v 3.2 [] {admitted} 3.2")),
        (3, 9999, format!("v 3.2 [] {admitted} 3.2")),
        (3, 65_535, format!("v 3.2 [] {admitted} 3.2")),
        (4, 0, unsupported("4.0")),
        (1234, 0, unsupported("1234.0")),
        (1234, 5677, unsupported("1234.5677")),
        (1234, 5681, unsupported("1234.5681")),
        (65_535, 65_535, unsupported("65535.65535")),
    ] {
        alone(&of_version(major, minor, body), &outcome);
        // The version is judged before the layout, and in a bare packet too.
        if major != 3 {
            alone(&of_version(major, minor, b""), &outcome);
            alone(&of_version(major, minor, b"no layout"), &outcome);
        }
    }
}

#[test]
fn protocol_options_are_negotiated_away() {
    let refused = |major, minor, body: &str, outcome: &str| {
        alone(&of_version(major, minor, body.as_bytes()), outcome);
    };
    let admitted = "R in alice/alice";
    let one = "user\0alice\0_pq_.one\0value\0\0";
    refused(3, 0, one, &format!("v 3.0 [_pq_.one] {admitted} 3.0"));
    refused(3, 1, one, &format!("v 3.1 [_pq_.one] {admitted} 3.1"));
    refused(3, 2, one, &format!("v 3.2 [_pq_.one] {admitted} 3.2"));
    refused(3, 9999, one, &format!("v 3.2 [_pq_.one] {admitted} 3.2"));
    // In the order received, repeated, the bare name too; names are case-sensitive.
    refused(
        3,
        0,
        "_pq_.b\0\0user\0alice\0_pq_.\0x\0_pq_.a\0\0_pq_.b\0y\0_PQ_.c\0z\0pq_.d\0e\0\0",
        "v 3.0 [_pq_.b _pq_. _pq_.a _pq_.b] R in alice/alice 3.0 _PQ_.c=z pq_.d=e",
    );
    // The answer is queued before the user is looked for, but after the layout was judged.
    refused(
        3,
        0,
        "_pq_.one\0x\0\0",
        &format!("v 3.0 [_pq_.one] {NO_USER}"),
    );
    refused(3, 9999, "\0", &format!("v 3.2 [] {NO_USER}"));
    refused(3, 9999, "user\0alice\0_pq_.one\0x\0", LAYOUT);
    refused(
        3,
        9999,
        "_pq_.one\0x\0replication\0maybe\0\0",
        &bad_replication("maybe"),
    );
}

#[test]
fn layouts() {
    for body in [
        "",
        "user",
        "user\0",
        "user\0alice",
        "user\0alice\0",
        "\0x",
        "\0\0",
        "user\0alice\0\0x",
        "user\0alice\0\0\0",
        "user\0\0",
        "user\0alice\0\0database\0d\0\0",
        "user\0alice\0database\0",
        "user\0alice\0database\0\0",
    ] {
        alone(&startup(body), LAYOUT);
    }
    alone(&startup("\0"), NO_USER);
    alone(&startup("user\0\0\0"), NO_USER);
    alone(&startup("database\0d\0\0"), NO_USER);
    alone(&startup("USER\0alice\0\0"), NO_USER);
    alone(&startup("user\0alice\0user\0\0\0"), NO_USER);
}

#[test]
fn parameters() {
    for (body, outcome) in [
        ("user\0alice\0database\0orders\0\0", "R in alice/orders 3.0"),
        ("user\0alice\0database\0\0\0", "R in alice/alice 3.0"),
        (
            "database\0d\0user\0u\0database\0e\0user\0v\0\0",
            "R in v/e 3.0",
        ),
        (
            "b\x002\0user\0u\0a\x001\0B\x003\0a\x004\0\0",
            "R in u/u 3.0 b=2 a=1 B=3 a=4",
        ),
        (
            "user\0u\0options\0-c a=b\0options\0-c c=d\\ e\0\0",
            "R in u/u 3.0 options=-c c=d\\ e",
        ),
        ("user\0Us er\"'\0\0", "R in Us er\"'/Us er\"' 3.0"),
        ("user\0ü€\0database\0 \0\0", "R in ü€/  3.0"),
        (
            "user\0u\0search_path\0x; drop table y\0\0",
            "R in u/u 3.0 search_path=x; drop table y",
        ),
    ] {
        alone(&startup(body), outcome);
    }
}

#[test]
fn names_are_cut_to_63_bytes() {
    for (name, cut) in [
        ("n".repeat(62), 62),
        ("n".repeat(63), 63),
        ("n".repeat(64), 63),
        ("n".repeat(300), 63),
    ] {
        let short = "n".repeat(cut);
        let both = startup(&format!("user\0{name}\0database\0{name}x\0\0"));
        let database: String = format!("{name}x").chars().take(63).collect();
        alone(&both, &format!("R in {short}/{database} 3.0"));
        alone(
            &startup(&format!("user\0{name}\0\0")),
            &format!("R in {short}/{short} 3.0"),
        );
    }
}

#[test]
fn replication_values() {
    let of = |value: &str| startup(&format!("user\0u\0database\0d\0replication\0{value}\0\0"));
    for value in ["true", "TRUE", "t", "tr", "yes", "y", "on", "ON", "1"] {
        alone(&of(value), "R in u/ 3.0 Physical");
    }
    for value in ["false", "f", "no", "n", "off", "of", "0"] {
        alone(&of(value), "R in u/d 3.0");
    }
    alone(&of("database"), "R in u/d 3.0 Database");
    for value in [
        "", "maybe", "o", "Database", "databas", "11", "truee", " true",
    ] {
        alone(&of(value), &bad_replication(value));
    }
    // Judged in the scan: before the layout, the user and the rules.
    alone(&startup("replication\0maybe\0"), &bad_replication("maybe"));
    alone(
        &startup("replication\0maybe\0\0x"),
        &bad_replication("maybe"),
    );
    check(
        Encryption::Required,
        &[(&of("maybe"), &bad_replication("maybe"))],
    );
    // Every one is looked at; the last counts.
    alone(
        &startup("user\0u\0replication\0maybe\0replication\0off\0\0"),
        &bad_replication("maybe"),
    );
    alone(
        &startup("user\0u\0database\0d\0replication\0on\0replication\0off\0\0"),
        "R in u/d 3.0",
    );
}
