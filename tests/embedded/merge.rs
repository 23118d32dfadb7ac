//! MERGE, compared with what PostgreSQL 15 answers.

use crate::common::sql::{check, on_empty, plain, with_client};

#[test]
fn rows_are_changed_as_they_match() {
    on_empty(&[
        (
            "create table t(id int primary key, v text, n numeric default 7); create table s(id int, v text); \
             insert into t values (1, 'a', 1.50), (2, 'b', 2), (3, 'c', 3); \
             insert into s values (1, 'x'), (2, null), (9, 'new'), (8, 'skip')",
            "",
        ),
        (
            "merge into t using s on t.id = s.id when matched and s.v is null then delete \
             when matched then update set v = s.v, n = t.n + 10 \
             when not matched and s.v = 'skip' then do nothing \
             when not matched then insert (id, v) values (s.id, s.v)",
            "",
        ),
        ("select * from t order by 1", "1|x|11.50;3|c|3;9|new|7"),
        (
            "merge into t d using (select 1 as id union all select 1) q on d.id = q.id \
             when matched then update set n = 0",
            "21000",
        ),
        (
            "merge into t using s on t.id = s.id when not matched then insert values (s.id, default)",
            "",
        ),
        (
            "select * from t order by 1",
            "1|x|11.50;2|∅|7;3|c|3;8|∅|7;9|new|7",
        ),
        // All or nothing.
        (
            "merge into t using s on t.id = s.id and s.id > 5 when matched then delete \
             when not matched then insert (id) values (s.id)",
            "23505",
        ),
        ("select count(*) from t", "5"),
        ("create table k(id serial primary key, a text unique)", ""),
        (
            "merge into k using (values ('x'), ('y')) as q(a) on k.a = q.a when not matched then insert (a) values (q.a)",
            "",
        ),
        ("select id, a, lastval() from k order by 1", "1|x|2;2|y|2"),
        ("begin read only", ""),
        (
            "merge into k using s on k.id = s.id when matched then delete",
            "25006",
        ),
        ("rollback", ""),
        (
            "merge into t using t on true when matched then delete",
            "42712",
        ),
        (
            "merge into t using s on t.id = s.id when matched then update set nope = 1",
            "42703",
        ),
        (
            "merge into nope using s on true when matched then delete",
            "42P01",
        ),
        (
            "merge into t using s on t.id = s.id when not matched then insert (id, id) values (1, 2)",
            "42701",
        ),
        (
            "merge into t using s on t.id = s.id when matched then delete when matched then do nothing",
            "42601",
        ),
        (
            "merge into t using s on t.id = s.id when matched then delete returning *",
            "42601",
        ),
    ]);
}

#[test]
fn parameters_have_the_types_of_their_columns_and_rows_are_counted() {
    with_client(&plain(), async |client| {
        check(
            &client,
            &[("create table t(id int primary key, v text)", "")],
        )
        .await;
        let merge = client
            .prepare(
                "merge into t using (select $1::int as id) s on t.id = s.id \
                 when matched then update set v = $2 when not matched then insert values (s.id, $2)",
            )
            .await
            .unwrap();
        let types: Vec<_> = merge.params().iter().map(|t| t.name()).collect();
        assert_eq!(types, ["int4", "text"]);
        assert_eq!(client.execute(&merge, &[&1, &"a"]).await.unwrap(), 1);
        assert_eq!(client.execute(&merge, &[&1, &"b"]).await.unwrap(), 1);
        check(&client, &[("select * from t", "1|b")]).await;
    });
}
