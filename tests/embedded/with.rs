//! WITH and statements that change data, compared with what PostgreSQL 15 answers.

use crate::common::sql::{check, on_empty, plain, with_client};

#[test]
fn parts_that_change_data_hand_on_their_rows_and_see_what_was_there_before() {
    on_empty(&[
        (
            "create table a(id int primary key, x text, n numeric); \
             create table b(id int, x text, n numeric); \
             create table u(id int primary key, name text); \
             insert into a values (1, 'o', 1.50), (2, 'p', 2.0), (3, 'q', null)",
            "",
        ),
        (
            "with moved as (delete from a where id < 3 returning *) insert into b select * from moved",
            "",
        ),
        ("select * from b order by 1", "1|o|1.50;2|p|2.0"),
        (
            "with m as (delete from a returning *) select count(*), max(x) from m",
            "1|q",
        ),
        // Find or insert: the second part does not see the new row.
        (
            "with ins as (insert into u values (1, 'joe') on conflict do nothing returning id) \
             select id from ins union all select id from u where name = 'joe'",
            "1",
        ),
        (
            "with ins as (insert into u values (1, 'joe') on conflict do nothing returning id) \
             select id from ins union all select id from u where name = 'joe'",
            "1",
        ),
        (
            "with ins as (insert into u values (2, 'ann') returning *) \
             select u.name, ins.name, (select count(*) from u) from ins left join u on u.id = ins.id",
            "∅|ann|1",
        ),
        (
            "with upd as (update u set name = upper(name) where id = 1 returning *) \
             select u.name, upd.name from u join upd using (id)",
            "joe|JOE",
        ),
        (
            "with upd as (update u set name = 'x' where id = 99 returning *) \
             insert into u select 99, 'new' where not exists (select 1 from upd) returning *",
            "99|new",
        ),
        (
            "with upd as (update u set name = 'x' where id = 99 returning *) \
             insert into u select 99, 'new' where not exists (select 1 from upd) returning *",
            "",
        ),
        // All are run, also those that nobody asks.
        (
            "with s as (select * from b), d as (delete from b), \
             i as (insert into a select * from s returning id) \
             select i.id, s.n from i join s using (id) order by 1",
            "1|1.50;2|2.0",
        ),
        ("select count(*) from b", "0"),
        // A change finds its rows before another part adds some.
        (
            "with i as (insert into a values (8, 'e', 8)) update a set x = x || '!' returning id, x",
            "1|o!;2|p!",
        ),
        (
            "with i as (insert into a values (9, 'n', 9)) delete from a where id >= 8",
            "",
        ),
        (
            "with x as (delete from a where id = 9 returning *), \
             y as (insert into b select * from x returning *), \
             z as (insert into u select id + 100, x from y returning *) select * from z",
            "109|n",
        ),
        (
            "with r(k, l) as (insert into b values (10, 'ten', 1.10) returning id, n) select l, k from r",
            "1.10|10",
        ),
        (
            "with recursive t(n) as (select 1 union all select n + 1 from t where n < 3), \
             i as (insert into u select n + 200, 'r' from t returning id) select sum(id) from i",
            "606",
        ),
        (
            "with part as (insert into u values (600, 'q') returning id) \
             insert into u select id + 1, 'p' from part returning *",
            "601|p",
        ),
        // All or nothing.
        (
            "with m as (insert into u values (500, 'q') returning id) select 1 / (id - 500) from m",
            "22012",
        ),
        (
            "with m as (insert into u values (500, 'q') returning id) insert into u select id, 'd' from m",
            "23505",
        ),
        ("select count(*) from u where id = 500", "0"),
        ("begin read only", ""),
        (
            "with m as (delete from a returning *) select * from m",
            "25006",
        ),
        ("rollback", ""),
    ]);
}

#[test]
fn what_with_cannot_be_is_refused() {
    on_empty(&[
        ("create table a(id int primary key, x text)", ""),
        ("with m as (delete from a) select 1", "1"),
        ("with m as (delete from a) select * from m", "0A000"),
        (
            "with m as (delete from a returning id) delete from m",
            "42P01",
        ),
        (
            "with m as (delete from a), m as (select 2) select 1",
            "42712",
        ),
        (
            "with m(x, y) as (delete from a returning id) select 1",
            "42P10",
        ),
        (
            "select * from (with m as (delete from a returning *) select * from m) q",
            "0A000",
        ),
        (
            "insert into a with m as (delete from a returning *) select * from m",
            "0A000",
        ),
        (
            "create view v as with m as (delete from a returning *) select * from m",
            "0A000",
        ),
        (
            "begin; declare c cursor for with m as (delete from a returning *) select * from m",
            "0A000",
        ),
        ("rollback", ""),
        // Which row is whose is not known.
        (
            "with m as (update a set x = 'a') update a set x = 'b'",
            "0A000",
        ),
        (
            "with m as (insert into a values (1) returning id) \
             update a set x = 'b' where id in (select id from m)",
            "0A000",
        ),
    ]);
}

#[test]
fn with_stands_before_changes_and_returning_tells_of_what_was_joined() {
    on_empty(&[
        (
            "create table jobs(id serial primary key, state text, n numeric); \
             create table w(job int, who text); \
             insert into jobs(state, n) values ('new', 1.0), ('new', 2), ('new', 3); \
             insert into w values (2, 'ann'), (3, 'bob'), (3, 'eve')",
            "",
        ),
        (
            "with next as (select id from jobs where state = 'new' order by id for update skip locked limit 1) \
             update jobs set state = 'run' from next where jobs.id = next.id returning jobs.*",
            "1|run|1.0",
        ),
        (
            "with next as (select id from jobs where state = 'new' order by id limit 1) \
             update jobs set state = 'run' where id in (select id from next) returning id",
            "2",
        ),
        (
            "with done as (select 1 as k) delete from jobs using done where id = k \
             returning jobs.state, k",
            "run|1",
        ),
        (
            "update jobs j set n = n * 2, state = who from w where w.job = j.id and who < 'c' \
             returning *, j.state || w.who",
            "2|ann|4|2|ann|annann;3|bob|6|3|bob|bobbob",
        ),
        (
            "update jobs set state = 'x' from w where job = id and id = 2 returning id, job, who",
            "2|2|ann",
        ),
        // One row is changed once.
        (
            "with c as (update jobs set n = 0 from w where job = id and id = 3 returning who) select count(*) from c",
            "1",
        ),
        (
            "update jobs set n = 1 from w where job = id returning nope",
            "42703",
        ),
        (
            "with v as (select 7 as k) insert into jobs(id, n) select k, k from v returning *",
            "7|∅|7",
        ),
    ]);
}

#[test]
fn parts_run_as_foreign_keys_and_sequences_want() {
    on_empty(&[
        (
            "create table p(id serial primary key, x text); \
             create table c(id serial primary key, p int not null references p, y text); \
             create table g(id int primary key, c int references c on delete cascade); \
             create sequence s",
            "",
        ),
        (
            "with i as (insert into p(x) values ('a') returning id) \
             insert into c(p, y) select id, 'b' from i returning *",
            "1|1|b",
        ),
        ("select lastval(), currval('p_id_seq')", "1|1"),
        (
            "with i as (insert into c(p, y) values (77, 'z') returning id), \
             j as (insert into p values (77, 'w')) select * from i",
            "2",
        ),
        (
            "with d as (delete from p where id = 77), e as (delete from c where p = 77 returning y) select * from e",
            "z",
        ),
        (
            "with i as (insert into p select nextval('s') + 100, 'q' from generate_series(1, 3) returning id) \
             select id from i",
            "101;102;103",
        ),
        ("insert into g values (5, 1)", ""),
        // What follows by a foreign key is not seen either.
        (
            "with d as (delete from c where id = 1 returning id) select g.id, d.id from g, d",
            "5|1",
        ),
        ("select count(*) from g", "0"),
        (
            "with i as (insert into c(p) values (999) returning id) select * from i",
            "23503",
        ),
    ]);
}

#[test]
fn parameters_stand_in_all_parts_and_columns_are_told_before() {
    with_client(&plain(), async |client| {
        check(
            &client,
            &[(
                "create table a(id int primary key, x text, at timestamptz); create table b(id bigint, x varchar)",
                "",
            )],
        )
        .await;
        let insert = client
            .prepare(
                "with i as (insert into a(id, x) values ($1, $2), ($1 + 1, $2 || '!') returning id, x), \
                 j as (insert into b select id, x from i where id >= $3 returning id as k) \
                 select i.x, j.k, $4::text as t from i left join j on j.k = i.id order by 1",
            )
            .await
            .unwrap();
        let columns: Vec<_> = insert
            .columns()
            .iter()
            .map(|c| (c.name(), c.type_().name()))
            .collect();
        assert_eq!(columns, [("x", "text"), ("k", "int8"), ("t", "text")]);
        let params: Vec<_> = insert.params().iter().map(|t| t.name()).collect();
        assert_eq!(params, ["int4", "text", "int4", "text"]);
        let rows = client.query(&insert, &[&1, &"v", &2, &"t"]).await.unwrap();
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[1].get::<_, Option<i64>>(1), Some(2));
        // Once more, what was prepared fails as a whole, and goes on after that.
        client
            .query(&insert, &[&2, &"v", &2, &"t"])
            .await
            .unwrap_err();
        let rows = client
            .query(&insert, &[&10, &"w", &99, &"t"])
            .await
            .unwrap();
        assert_eq!(rows[0].get::<_, Option<i64>>(1), None);
        let count = client
            .execute(
                "with m as (delete from a where id = $1 returning *) insert into b select id, x from m",
                &[&10],
            )
            .await
            .unwrap();
        assert_eq!(count, 1);
        let update = "with n as (select $1::int as k) update a set x = x || $2 from n where id = k returning x, k";
        let row = client.query_one(update, &[&11, &"?"]).await.unwrap();
        assert_eq!((row.get::<_, &str>(0), row.get::<_, i32>(1)), ("w!?", 11));
        check(
            &client,
            &[
                ("select count(*) from a", "3"),
                ("select count(*) from b", "2"),
            ],
        )
        .await;
    });
}

#[test]
fn rows_that_wait_are_not_those_of_another_statement() {
    with_client(&plain(), async |mut client| {
        check(
            &client,
            &[(
                "create table a(id int primary key, x int); create table b(id int, y int)",
                "",
            )],
        )
        .await;
        check(
            &client,
            &[(
                "insert into b select n, n * 10 from generate_series(1, 3) n",
                "",
            )],
        )
        .await;
        let transaction = client.transaction().await.unwrap();
        let insert = "with i as (insert into a select n, n from generate_series(1, 3) n returning id) select id from i";
        let insert = transaction.prepare(insert).await.unwrap();
        let update = "update a set x = y from b where a.id = b.id returning a.id, y";
        let update = transaction.prepare(update).await.unwrap();
        let ids = async |portal, rows| -> Vec<i32> {
            let rows = transaction.query_portal(portal, rows).await.unwrap();
            rows.iter().map(|r| r.get(0)).collect()
        };
        let one = transaction.bind(&insert, &[]).await.unwrap();
        assert_eq!(ids(&one, 1).await, [1]);
        let two = transaction.bind(&update, &[]).await.unwrap();
        assert_eq!(ids(&two, 1).await.len(), 1);
        assert_eq!(ids(&one, 1).await, [2]);
        assert_eq!(ids(&two, 0).await.len(), 2);
        assert_eq!(ids(&one, 0).await, [3]);
        transaction.commit().await.unwrap();
        check(&client, &[("select sum(x) from a", "60")]).await;
    });
}
