//! What views depend on. To PostgreSQL a view is a rule of what is done when it is read.

use rusqlite::Connection;

use crate::embedded::catalog::insert;

/// `pg_rewrite` and the rows of `pg_depend`, when all relations are there.
pub(super) fn fill(
    connection: &Connection,
    mut number: impl FnMut() -> i64,
) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM pg_catalog.pg_rewrite", [])?;
    let read = |sql: &str| -> rusqlite::Result<Vec<(i64, String)>> {
        connection
            .prepare(sql)?
            .query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?
            .collect()
    };
    let views = read(
        "SELECT c.oid, s.sql FROM pg_catalog.pg_class c JOIN main.sqlite_schema s \
         ON s.type='view' AND s.name=c.relname WHERE c.relkind='v' AND c.relnamespace=2200",
    )?;
    if views.is_empty() {
        return Ok(());
    }
    let relations = read(
        "SELECT oid, relname FROM pg_catalog.pg_class WHERE relkind IN ('r','v') AND relnamespace=2200",
    )?;
    for (view, sql) in &views {
        let rule = number();
        insert(
            connection,
            "pg_rewrite",
            "oid,rulename,ev_class,ev_type,ev_enabled,is_instead",
            &[&rule, &"_RETURN", view, &"1", &"O", &1],
        )?;
        let depends = |on: i64, kind: &str| {
            insert(
                connection,
                "pg_depend",
                "classid,objid,objsubid,refclassid,refobjid,refobjsubid,deptype",
                &[&2618, &rule, &0, &1259, &on, &0, &kind],
            )
        };
        depends(*view, "i")?;
        for (relation, name) in &relations {
            let read = format!("\"main\".{} AS ", crate::embedded::dialect::quote(name));
            if relation != view && sql.contains(&read) {
                depends(*relation, "n")?;
            }
        }
    }
    Ok(())
}
