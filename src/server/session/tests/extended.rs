//! The extended protocol: statements, portals, errors up to Sync.

use super::*;

#[test]
fn one_statement_through_the_extended_protocol() {
    check(
        &[run("echo int4 text", &[Some(b"7"), None]), sync()],
        "1 2 T(?column?:0,?column?:0) D(7,NULL) C(SELECT 1) Z(I)",
    );
    check(&[run("do", &[]), sync()], "1 2 n C(DO) Z(I)");
    check(&[run("", &[]), sync()], "1 2 n I Z(I)");
    check(&[sync(), sync()], "Z(I) Z(I)");
    // The shape of asyncpg and postgres.js: answers at Flush.
    check(
        &[
            parse("", "echo int4", &[]),
            describe(b'S', ""),
            flush(),
            bind("", "", &[1], &[Some(&[0, 0, 0, 9])], &[1]),
            execute("", 0),
            sync(),
        ],
        "1 t(23) T(?column?:0) 2 D(|||\\t) C(SELECT 1) Z(I)",
    );
    // The unnamed statement outlives Sync, is replaced by the next, and goes with a simple query.
    check(
        &[
            parse("", "rows 1", &[]),
            sync(),
            bind("", "", &[], &[], &[]),
            execute("", 0),
            sync(),
            parse("", "rows 2", &[]),
            bind("", "", &[], &[], &[]),
            execute("", 0),
            sync(),
            query("do"),
            bind("", "", &[], &[], &[]),
            sync(),
        ],
        "1 Z(I) 2 D(1) C(SELECT 1) Z(I) 1 2 D(1) D(2) C(SELECT 2) Z(I) C(DO) Z(I) \
         E(ERROR 26000: unnamed prepared statement does not exist) Z(I)",
    );
}

#[test]
fn types_are_the_clients_or_the_engines() {
    check(
        &[
            parse("s", "echo text text text", &[23, 0, 705]),
            describe(b'S', "s"),
            sync(),
        ],
        "1 t(23,25,25) T(?column?:0,?column?:0,?column?:0) Z(I)",
    );
    check(
        &[
            parse("s", "echo text", &[987_654]),
            describe(b'S', "s"),
            sync(),
        ],
        "1 t(987654) T(?column?:0) Z(I)",
    );
}

#[test]
fn formats_are_per_parameter_and_per_column() {
    let number: &[u8] = &[0, 0, 0, 1];
    let start = [parse("s", "echo int4 int4", &[])].concat();
    check(
        &[
            start.clone(),
            bind("", "s", &[0, 1], &[Some(b"1"), Some(number)], &[1, 0]),
            describe(b'P', ""),
            execute("", 0),
            sync(),
        ],
        "1 2 T(?column?:1,?column?:0) D(|||\\x01,1) C(SELECT 1) Z(I)",
    );
    type Case<'a> = (&'a [i16], &'a [Option<&'a [u8]>], &'a [i16], &'a str);
    let wrong: &[Case<'_>] = &[
        (
            &[0, 0, 0],
            &[None, None],
            &[],
            "08P01: bind message has 3 parameter formats but 2 parameters",
        ),
        (
            &[],
            &[None],
            &[],
            "08P01: bind message supplies 1 parameters, but prepared statement \"s\" requires 2",
        ),
        (
            &[2],
            &[None, None],
            &[],
            "22023: unsupported format code: 2",
        ),
        (
            &[],
            &[None, None],
            &[-1],
            "22023: unsupported format code: -1",
        ),
        (
            &[],
            &[None, None],
            &[0, 0, 0],
            "08P01: bind message has 3 result formats but query has 2 columns",
        ),
        (
            &[],
            &[Some(b"x"), None],
            &[],
            "22P02: invalid input syntax for type integer: \"x\"",
        ),
        (
            &[],
            &[Some(b"2147483648"), None],
            &[],
            "22003: value \"2147483648\" is out of range for type integer",
        ),
        (
            &[],
            &[Some(b"\xff"), None],
            &[],
            "22021: invalid byte sequence for encoding \"UTF8\": 0xff",
        ),
        (
            &[],
            &[Some(b"1\0"), None],
            &[],
            "22021: invalid byte sequence for encoding \"UTF8\": 0x00",
        ),
        (
            &[1],
            &[None, Some(b"123")],
            &[],
            "08P01: insufficient data left in message",
        ),
        (
            &[1],
            &[None, Some(b"12345")],
            &[],
            "22P03: incorrect binary data format in bind parameter 2",
        ),
    ];
    for (formats, parameters, results, error) in wrong {
        check(
            &[
                start.clone(),
                bind("", "s", formats, parameters, results),
                execute("", 0),
                sync(),
            ],
            &format!("1 E(ERROR {error}) Z(I)"),
        );
    }
    // A format for parameters that are not there, as some drivers send.
    check(
        &[
            parse("", "do", &[]),
            bind("", "", &[1], &[], &[1]),
            execute("", 0),
            sync(),
        ],
        "1 2 C(DO) Z(I)",
    );
}

#[test]
fn portals_give_as_many_rows_as_are_asked_for() {
    for kind in ["rows", "greedy"] {
        check(
            &[
                query("begin"),
                parse("", &format!("{kind} 9"), &[]),
                bind("c", "", &[], &[], &[]),
                execute("c", 4),
                sync(),
                // It survives Sync in a transaction block, and others between.
                query("do"),
                execute("c", 3),
                flush(),
                execute("c", 2),
                execute("c", 2),
                execute("c", 2),
                close(b'P', "c"),
                execute("c", 2),
                sync(),
            ],
            "C(BEGIN) Z(T) 1 2 D(1) D(2) D(3) D(4) s Z(T) C(DO) Z(T) D(5) D(6) D(7) s D(8) D(9) s \
             C(SELECT 0) C(SELECT 0) 3 E(ERROR 34000: portal \"c\" does not exist) Z(E)",
        );
    }
    // Without a transaction block it lives until Sync.
    check(
        &[
            parse("", "rows 3", &[]),
            bind("c", "", &[], &[], &[]),
            execute("c", 2),
            flush(),
            execute("c", 2),
            sync(),
            execute("c", 1),
            sync(),
        ],
        "1 2 D(1) D(2) s D(3) C(SELECT 1) Z(I) E(ERROR 34000: portal \"c\" does not exist) Z(I)",
    );
    check(
        &[run("do", &[]), execute("", 0), sync()],
        "1 2 n C(DO) E(ERROR 55000: portal \"\" cannot be run) Z(I)",
    );
}

#[test]
fn portals_end_with_their_transaction() {
    check(
        &[
            query("begin"),
            parse("r", "rows 2", &[]),
            bind("c", "r", &[], &[], &[]),
            run("commit", &[]),
            describe(b'P', "c"),
            sync(),
        ],
        "C(BEGIN) Z(T) 1 2 1 2 n C(COMMIT) E(ERROR 34000: portal \"c\" does not exist) Z(I)",
    );
}

#[test]
fn names_are_unique_until_closed() {
    check(
        &[
            parse("s", "rows 1", &[]),
            parse("s", "rows 2", &[]),
            sync(),
            close(b'S', "s"),
            close(b'S', "s"),
            close(b'P', "nope"),
            parse("s", "rows 3", &[]),
            bind("p", "s", &[], &[], &[]),
            bind("p", "s", &[], &[], &[]),
            sync(),
            describe(b'S', "nope"),
            sync(),
            bind("", "nope", &[], &[], &[]),
            sync(),
            execute("nope", 0),
            sync(),
        ],
        "1 E(ERROR 42P05: prepared statement \"s\" already exists) Z(I) 3 3 3 1 2 \
         E(ERROR 42P03: cursor \"p\" already exists) Z(I) \
         E(ERROR 26000: prepared statement \"nope\" does not exist) Z(I) \
         E(ERROR 26000: prepared statement \"nope\" does not exist) Z(I) \
         E(ERROR 34000: portal \"nope\" does not exist) Z(I)",
    );
}

#[test]
fn statements_and_portals_have_limits() {
    let mut client = Client::new();
    for n in 0..crate::server::session::store::MAX_NAMED {
        client
            .session
            .handle_input(&parse(&format!("s{n}"), "do", &[]));
        if n % 500 == 0 {
            client.output();
        }
    }
    client.output();
    let story = client.say(&[parse("more", "do", &[]), sync()].concat());
    assert!(
        story.ends_with("E(ERROR 54000: too many prepared statements in this session) Z(I)"),
        "{story}"
    );
}

#[test]
fn sql_forgets_statements_of_the_protocol() {
    check(
        &[
            parse("a", "do", &[]),
            parse("b", "do", &[]),
            sync(),
            query("deallocate a"),
            query("deallocate a"),
            bind("", "a", &[], &[], &[]),
            sync(),
            bind("", "b", &[], &[], &[]),
            sync(),
            query("discard all"),
            bind("", "b", &[], &[], &[]),
            sync(),
        ],
        "1 1 Z(I) C(DEALLOCATE) Z(I) E(ERROR 26000: prepared statement \"a\" does not exist) Z(I) \
         E(ERROR 26000: prepared statement \"a\" does not exist) Z(I) 2 Z(I) C(DISCARD ALL) Z(I) \
         E(ERROR 26000: prepared statement \"b\" does not exist) Z(I)",
    );
}
