//! What ends what, and what is sent when.

use super::*;

#[test]
fn after_an_error_everything_waits_for_sync() {
    // Flush brings the error; some clients send Sync only then.
    let failed = [parse("", "syntax", &[]), describe(b'S', ""), flush()];
    assert_eq!(
        Client::new().say(&failed.concat()),
        "E(ERROR 42601: syntax error)"
    );
    check(
        &[
            parse("", "syntax", &[]),
            describe(b'S', ""),
            flush(),
            query("rows 1"),
            run("do", &[]),
            message(b'F', b""),
            sync(),
            run("do", &[]),
            sync(),
        ],
        "E(ERROR 42601: syntax error) Z(I) 1 2 n C(DO) Z(I)",
    );
    check(
        &[
            query("begin"),
            run("fail", &[]),
            run("do", &[]),
            sync(),
            run("rollback", &[]),
            sync(),
        ],
        "C(BEGIN) Z(T) 1 2 n E(ERROR 22012: division by zero) Z(E) 1 2 n C(ROLLBACK) Z(I)",
    );
    // Errors found before the engine was asked fail the transaction all the same.
    check(
        &[
            query("begin"),
            bind("", "nope", &[], &[], &[]),
            sync(),
            query("do"),
        ],
        "C(BEGIN) Z(T) E(ERROR 26000: prepared statement \"nope\" does not exist) Z(E) \
         E(ERROR 25P02: current transaction is aborted, commands ignored until end of transaction block) Z(E)",
    );
}

#[test]
fn what_is_no_message_ends_no_more_than_it_must() {
    check(
        &[message(b'P', b"a"), run("do", &[]), sync(), query("do")],
        "E(ERROR 08P01: invalid string in message) Z(I) C(DO) Z(I)",
    );
    check(
        &[message(b'Q', b"do\0x"), query("do")],
        "E(ERROR 08P01: invalid message format) Z(I) C(DO) Z(I)",
    );
    check(
        &[message(b'D', b"Xname\0"), sync()],
        "E(ERROR 08P01: invalid message format) Z(I)",
    );
    check(
        &[message(b'F', b"whatever"), query("do")],
        "E(ERROR 0A000: the function call protocol is not supported) Z(I) C(DO) Z(I)",
    );
    check(&[message(b'X', b""), query("do")], " end");
    check(
        &[b"Q\0\0\0\x03".to_vec()],
        "E(FATAL 08P01: invalid message length) end",
    );
    check(
        &[b"?".to_vec()],
        "E(FATAL 08P01: invalid frontend message type 63) end",
    );
    check(
        &[message(b'c', b""), message(b'd', b"left over"), query("do")],
        "C(DO) Z(I)",
    );
}

#[test]
fn the_engine_is_told_of_syncs_and_errors() {
    let mut client = Client::new();
    client.say(
        &[
            run("do", &[]),
            run("do", &[]),
            sync(),
            sync(),
            run("fail", &[]),
            sync(),
        ]
        .concat(),
    );
    assert_eq!(
        *client.calls.lock().unwrap(),
        [
            "prepare do",
            "bind do",
            "prepare do",
            "bind do",
            "sync",
            "prepare fail",
            "bind fail",
            "abort",
            "sync"
        ]
    );
}

#[test]
fn a_burst_is_answered_in_one_write_and_leaves_no_buffers() {
    let mut client = Client::new();
    let burst = [
        run("rows 10", &[]),
        run("do", &[]),
        run("rows 3", &[]),
        sync(),
    ]
    .concat();
    client.say(&burst);
    assert_eq!(client.writes, 1);
    client.say(&query("rows 5"));
    assert_eq!(client.writes, 1);
    assert_eq!(
        (
            client.session.input.capacity(),
            client.session.core.out.capacity()
        ),
        (0, 0)
    );
}

#[test]
fn a_large_result_is_sent_in_pieces() {
    let mut client = Client::new();
    client.session.handle_input(&query("rows 100000"));
    let mut largest = 0;
    let mut all = 0;
    while let Turn::Send(bytes) = now(client.session.advance()) {
        largest = largest.max(bytes.len());
        all += bytes.len();
    }
    assert!(all > 1_500_000, "{all}");
    assert!(largest < 80 * 1024, "{largest}");
}

/// The engine has nothing to interrupt while the client is sent what it made.
#[test]
fn what_waits_for_the_client_can_be_interrupted_and_nothing_else_is() {
    let server = server();
    let mut client = Client::of(&server);
    let cancelled = "E(ERROR 57014: canceling statement due to user request)";
    let late = "E(ERROR 57014: canceling statement due to statement timeout)";
    let begun = |client: &mut Client, sql: &str| {
        client.session.handle_input(&query(sql));
        assert!(matches!(now(client.session.advance()), Turn::Send(_)));
    };
    begun(&mut client, "rows 100000; do");
    server.interrupt_all();
    assert_eq!(client.answers(), format!("{cancelled} Z(I)"));
    assert_eq!(client.say(&query("do")), "C(DO) Z(I)");

    begun(&mut client, "copy in text");
    server.interrupt_all();
    assert_eq!(
        client.say(&[data("1\ta\n"), done()].concat()),
        format!("{cancelled} Z(I)")
    );

    // The statement has had its effect, and its rows are still on their way.
    begun(&mut client, "made 100000");
    server.interrupt_all();
    let answer = client.answers();
    assert!(
        answer.ends_with("D(100000) C(SELECT 100000) Z(I)"),
        "{answer}"
    );

    // What comes too late means nobody.
    server.interrupt_all();
    assert_eq!(
        client.say(&query("rows 1; do")),
        "T(n:0) D(1) C(SELECT 1) C(DO) Z(I)"
    );

    assert_eq!(
        client.say(&query("set statement_timeout = 1000")),
        "C(SET) Z(I)"
    );
    begun(&mut client, "rows 100000");
    client.session.statement_timer().unwrap().fire();
    assert_eq!(client.answers(), format!("{late} Z(I)"));
    assert_eq!(client.say(&query("do")), "C(DO) Z(I)");

    // What was over when it fired leaves the next alone.
    begun(&mut client, "made 100000");
    client.session.statement_timer().unwrap().fire();
    let answer = client.answers();
    assert!(answer.ends_with("C(SELECT 100000) Z(I)"), "{answer}");
    assert_eq!(client.say(&query("rows 1")), "T(n:0) D(1) C(SELECT 1) Z(I)");
}

#[test]
fn each_statement_has_its_own_time() {
    let server = server();
    let mut client = Client::of(&server);
    assert!(client.session.statement_timer().is_none());
    // It holds from the next statement on, so whoever keeps the time is told.
    client
        .session
        .handle_input(&query("set statement_timeout = 1000; rows 100000; do"));
    assert!(matches!(now(client.session.advance()), Turn::Send(_)));
    let timer = client.session.statement_timer().unwrap();
    assert_eq!(timer.limit(), std::time::Duration::from_secs(1));
    // All pieces of a result are of one statement.
    let statement = timer.statement();
    for _ in 0..3 {
        assert!(matches!(now(client.session.advance()), Turn::Send(_)));
        assert_eq!(timer.statement(), statement);
    }
    let answer = client.answers();
    assert!(answer.ends_with("C(SELECT 100000) C(DO) Z(I)"), "{answer}");
    let idle = timer.statement();
    assert!(idle > statement);
    // Nor does the client's own time count, but for what it was asked for.
    assert_eq!(client.say(&parse("", "rows 1", &[])), "");
    assert!(timer.statement() > idle);
    client.say(&sync());
    client.say(&query("copy in text"));
    let copy = timer.statement();
    client.say(&data("1\ta\n"));
    assert_eq!(timer.statement(), copy);
    client.say(&done());
    assert!(timer.statement() > copy);
}

#[test]
fn settings_are_reported_when_they_change() {
    check(
        &[
            query("set application_name = 'x'"),
            query("set application_name = 'x'"),
            run("set timezone = 'Europe/Berlin'", &[]),
            run("show timezone", &[]),
            sync(),
            query("begin"),
            query("set local application_name = 'y'"),
            query("rollback"),
            query("begin; set application_name = 'z'; commit; set nope = 1"),
        ],
        "C(SET) S(application_name|x|) Z(I) C(SET) Z(I) 1 2 n C(SET) 1 2 T(TimeZone:0) \
         D(Europe/Berlin) C(SHOW) S(TimeZone|Europe/Berlin|) Z(I) C(BEGIN) Z(T) C(SET) \
         S(application_name|y|) Z(T) C(ROLLBACK) S(application_name|x|) Z(I) C(BEGIN) C(SET) \
         C(COMMIT) E(ERROR 42704: unrecognized configuration parameter \"nope\") \
         S(application_name|z|) Z(I)",
    );
    check(
        &[query("set client_min_messages = error"), query("notice")],
        "C(SET) Z(I) C(NOTICE) Z(I)",
    );
    check(
        &[
            query("set timezone = 'Asia/Kolkata'"),
            run("echo timestamptz", &[Some(b"2026-01-01 00:00:00+00")]),
            sync(),
        ],
        "C(SET) S(TimeZone|Asia/Kolkata|) Z(I) 1 2 T(?column?:0) D(2026-01-01 05:30:00+05:30) \
         C(SELECT 1) Z(I)",
    );
}

#[test]
fn notifications_come_to_idle_sessions_and_after_transactions() {
    let server = server();
    let (mut one, mut two) = (Client::of(&server), Client::of(&server));
    let told = "A(chan|hello|)";
    assert_eq!(one.say(&query("listen chan")), "C(LISTEN) Z(I)");
    assert_eq!(two.say(&query("notify chan, 'hello'")), "C(NOTIFY) Z(I)");
    now(one.session.woken());
    assert_eq!(one.answers(), told);
    assert_eq!(one.answers(), "");
    // In a transaction block they wait for its end.
    one.say(&query("begin"));
    two.say(&query("notify chan, 'hello'"));
    assert_eq!(one.answers(), "");
    assert_eq!(one.say(&query("do")), "C(DO) Z(T)");
    assert_eq!(one.say(&query("commit")), format!("C(COMMIT) {told} Z(I)"));
    // To oneself, and only when it is committed.
    assert_eq!(
        one.say(&query("begin; notify chan, 'never'; rollback")),
        "C(BEGIN) C(NOTIFY) C(ROLLBACK) Z(I)"
    );
    assert_eq!(
        one.say(&query("notify chan, 'hello'")),
        format!("C(NOTIFY) {told} Z(I)")
    );
    assert_eq!(one.say(&query("unlisten *")), "C(UNLISTEN) Z(I)");
    two.say(&query("notify chan, 'hello'"));
    assert_eq!(one.answers(), "");
}
