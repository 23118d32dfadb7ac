use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::server::settings::Registry;
use SessionCommand::*;

fn one(name: &str, value: &str) -> Vec<(String, Option<String>)> {
    vec![(name.into(), Some(value.into()))]
}

#[test]
fn what_drivers_send_is_recognised() {
    let cases = [
        (
            "SET extra_float_digits = 3",
            Set(Scope::Session, one("extra_float_digits", "3")),
        ),
        (
            "SET application_name = 'it''s';",
            Set(Scope::Session, one("application_name", "it's")),
        ),
        (
            "set session datestyle to iso, dmy",
            Set(Scope::Session, one("datestyle", "iso, dmy")),
        ),
        (
            "SET LOCAL x.Y TO on -- why",
            Set(Scope::Transaction, one("x.y", "on")),
        ),
        (
            "SET TIME ZONE 'Europe/Berlin'",
            Set(Scope::Session, one("TimeZone", "Europe/Berlin")),
        ),
        (
            "SET TIME ZONE -7",
            Set(Scope::Session, one("TimeZone", "-7")),
        ),
        (
            "SET TIME ZONE DEFAULT",
            Set(Scope::Session, vec![("TimeZone".into(), None)]),
        ),
        (
            "SET NAMES 'UTF8'",
            Set(Scope::Session, one("client_encoding", "UTF8")),
        ),
        ("SET ROLE NONE", Set(Scope::Session, one("role", "none"))),
        (
            "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED, READ ONLY",
            Set(
                Scope::Session,
                [
                    one("default_transaction_isolation", "read committed"),
                    one("default_transaction_read_only", "on"),
                ]
                .concat(),
            ),
        ),
        (
            "SET TRANSACTION READ WRITE",
            Set(Scope::Transaction, one("transaction_read_only", "off")),
        ),
        (
            "SHOW TRANSACTION ISOLATION LEVEL",
            Show(Some("transaction_isolation".into())),
        ),
        (
            "show standard_conforming_strings",
            Show(Some("standard_conforming_strings".into())),
        ),
        ("/* a */ SHOW ALL", Show(None)),
        ("RESET ALL", Reset(None)),
        ("reset \"TimeZone\"", Reset(Some("TimeZone".into()))),
        ("DISCARD ALL", DiscardAll),
        ("DISCARD TEMPORARY", DiscardPart("DISCARD TEMP")),
        ("DEALLOCATE ALL", Deallocate(None)),
        (
            "DEALLOCATE PREPARE \"_pg3_0\"",
            Deallocate(Some("_pg3_0".into())),
        ),
        ("LISTEN Chan", Listen("chan".into())),
        ("UNLISTEN *", Unlisten(None)),
        (
            "NOTIFY \"Chan\", 'hello'",
            Notify("Chan".into(), "hello".into()),
        ),
        ("NOTIFY c", Notify("c".into(), String::new())),
    ];
    for (sql, expected) in cases {
        assert_eq!(SessionCommand::parse(sql), Some(expected), "{sql}");
    }
    for other in [
        "",
        "S",
        "SELECT 1",
        "SET",
        "SET x",
        "SET x =",
        "SET x = 1; SELECT 1",
        "SHOW",
        "SHOW a b",
        "LISTEN",
        "NOTIFY c,",
        "NOTIFY c, E'x'",
        "DISCARD",
        "UPDATE t SET a = 1",
        "RELEASE s",
        "REINDEX",
        "SET x = 'open",
        "/* open",
        "SET x = (1)",
        "NOTIFY c 'x'",
    ] {
        assert_eq!(SessionCommand::parse(other), None, "{other}");
    }
}

#[test]
fn show_tells_what_set_has_set() {
    let (context, _woken) = SessionContext::new(Registry::default(), Arc::default(), 1);
    let run = |sql: &str| {
        let command = SessionCommand::parse(sql).unwrap();
        let format = RowFormat::text(&command.columns().unwrap_or_default());
        let mut shown = Vec::new();
        for event in command.run(&context, &format)? {
            match event {
                Event::Columns(columns) => shown.push(columns[0].name().to_owned()),
                Event::Rows(rows) => shown.push(format!("{} rows", rows.count())),
                Event::Complete(tag) => shown.push(tag),
                other => panic!("{other:?}"),
            }
        }
        Ok::<_, ErrorResponse>(shown.join(", "))
    };
    assert_eq!(run("SET datestyle TO us").unwrap(), "SET");
    assert_eq!(run("SHOW datestyle").unwrap(), "DateStyle, 1 rows, SHOW");
    assert_eq!(context.setting("DATESTYLE").unwrap(), "ISO, MDY");
    assert!(run("SHOW ALL").unwrap().starts_with("name, "));
    assert_eq!(run("SHOW nope").unwrap_err().code().as_str(), "42704");
    assert_eq!(run("DEALLOCATE nope").unwrap_err().code().as_str(), "26000");
    assert_eq!(run("DISCARD ALL").unwrap(), "DISCARD ALL");
    assert_eq!(context.setting("DateStyle").unwrap(), "ISO, MDY");
}

proptest! {
    #[test]
    fn any_text_is_recognised_or_not(text in "\\PC{0,40}", like in "(SET|SHOW|NOTIFY|LISTEN|/\\*|--)[ a-z'\"=,.;*0-9\u{fc}-]{0,20}") {
        let _ = (SessionCommand::parse(&text), SessionCommand::parse(&like));
    }
}
