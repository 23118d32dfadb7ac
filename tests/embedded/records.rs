//! JSON objects as rows, compared with what PostgreSQL 15 answers.

use crate::common::sql::{check, on_empty, plain, with_client};

#[test]
fn objects_are_rows_of_the_columns_that_are_said() {
    on_empty(&[
        (
            "create table z(a int, b text); insert into z values (1, 'x'), (8, 'y')",
            "",
        ),
        (
            "select * from json_to_recordset('[{\"a\":1,\"b\":\"foo\",\"c\":{\"x\":1}},{\"a\":\"2\",\"c\":null,\"d\":5}]') \
             as x(a int, b text, c json)",
            "1|foo|{\"x\":1};2|∅|∅",
        ),
        (
            "select sum(x.n), max(x.b) from jsonb_to_recordset('[{\"n\":1},{\"n\":2.50,\"b\":true}]') x(n numeric, b text) where n > 0",
            "3.50|true",
        ),
        (
            "select * from json_to_record('{\"a\":[1,2],\"b\":true,\"t\":\"2020-01-01\"}') as x(a text, b bool, t date)",
            "[1,2]|t|2020-01-01",
        ),
        ("select * from json_to_record(null) as x(a int)", "∅"),
        ("select * from json_to_recordset(null) as x(a int)", ""),
        (
            "select x.* from z, jsonb_to_record(jsonb_build_object('v', z.a)) as x(v bigint) order by 1",
            "1;8",
        ),
        (
            "select * from jsonb_populate_recordset(null::z, '[{\"a\":1},{\"a\":2,\"b\":\"q\",\"n\":0}]')",
            "1|∅;2|q",
        ),
        (
            "update z set b = x.b from jsonb_to_recordset('[{\"a\":1,\"b\":\"u\"},{\"a\":8}]') as x(a int, b text) \
             where z.a = x.a returning z.a, x.b",
            "1|u;8|∅",
        ),
        (
            "select * from jsonb_to_recordset('[1]') as x(a int)",
            "22023",
        ),
        (
            "select * from jsonb_to_recordset('{}') as x(a int)",
            "22023",
        ),
        ("select * from json_to_record('[]') as x(a int)", "22023"),
        (
            "select * from json_to_record('{\"a\":1.5}') as x(a int)",
            "22P02",
        ),
        (
            "select * from json_to_record('{\"a\":\"abc\"}') as x(a varchar(2))",
            "22001",
        ),
        ("select * from json_to_recordset('[]') x", "42601"),
        (
            "select * from jsonb_to_recordset('[]') as x(a int, a text)",
            "42701",
        ),
    ]);
}

#[test]
fn many_rows_are_put_in_with_one_parameter() {
    with_client(&plain(), async |client| {
        check(&client, &[("create table t(id int, at timestamptz)", "")]).await;
        let sql = "insert into t select id, at from json_to_recordset($1::text::json) as x(id int, at timestamptz)";
        let rows = "[{\"id\":1,\"at\":\"2020-01-01T00:00:00Z\"},{\"id\":2,\"at\":null}]";
        assert_eq!(client.execute(sql, &[&rows]).await.unwrap(), 2);
        check(
            &client,
            &[(
                "select id, at from t order by id",
                "1|2020-01-01 00:00:00+00;2|∅",
            )],
        )
        .await;
    });
}
