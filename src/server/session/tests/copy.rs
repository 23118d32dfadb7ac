//! COPY in both directions.

use super::*;

#[test]
fn copy_takes_rows_from_the_client() {
    let lines = [data("1\ta\n2"), flush(), sync(), data("\t\\N\n"), done()].concat();
    check(
        &[query("copy in text; do"), lines.clone(), query("do")],
        "G C(COPY 2) C(DO) Z(I) C(DO) Z(I)",
    );
    check(
        &[
            run("copy in text", &[]),
            lines.clone(),
            run("do", &[]),
            sync(),
        ],
        "1 2 n G C(COPY 2) 1 2 n C(DO) Z(I)",
    );
    check(
        &[query("copy in csv"), data("1,\"a\nb\""), done()],
        "G C(COPY 1) Z(I)",
    );
    let mut client = Client::new();
    client.say(&[query("copy in text"), lines].concat());
    assert_eq!(
        *client.calls.lock().unwrap(),
        ["query copy in text", "1|a", "2|NULL"]
    );
}

#[test]
fn copy_that_fails_is_over_and_what_is_left_of_it_ignored() {
    check(
        &[
            query("copy in text"),
            data("1\ta\n"),
            message(b'f', b"no more\0"),
            query("do"),
        ],
        "G E(ERROR 57014: COPY from stdin failed: no more) Z(I) C(DO) Z(I)",
    );
    check(
        &[
            query("copy in text"),
            data("x\n"),
            data("more\n"),
            done(),
            query("do"),
        ],
        "G E(ERROR 22P04: missing data for column \"t\") Z(I) C(DO) Z(I)",
    );
    check(
        &[
            query("begin"),
            run("copy in text", &[]),
            data("x\ty\n"),
            done(),
            sync(),
            sync(),
            query("rollback"),
        ],
        "C(BEGIN) Z(T) 1 2 n G E(ERROR 22P02: invalid input syntax for type integer: \"x\") Z(E) \
         Z(E) C(ROLLBACK) Z(I)",
    );
    check(
        &[query("copy in text"), query("do")],
        "G E(FATAL 08P01: unexpected message type 0x51 during COPY from stdin) end",
    );
    check(&[query("copy in text"), message(b'X', b"")], "G end");
}

#[test]
fn copy_gives_rows_to_the_client() {
    check(
        &[query("copy out text 2")],
        "H d(1\\tx\\\\ty\\n) d(2\\tx\\\\ty\\n) c C(COPY 2) Z(I)",
    );
    check(
        &[run("copy out csv 1", &[]), sync()],
        "1 2 n H d(n,t\\n) d(1,x\\ty\\n) c C(COPY 1) Z(I)",
    );
    check(
        &[query("copy out binary 1")],
        "H d(PGCOPY\\n\\xff\\r\\n||||||||||\\x02|||\\x04|||\\x01|||\\x03x\\ty) d(\\xff\\xff) c C(COPY 1) Z(I)",
    );
    check(
        &[query("copy out binary 0")],
        "H d(PGCOPY\\n\\xff\\r\\n|||||||||\\xff\\xff) c C(COPY 0) Z(I)",
    );
}
