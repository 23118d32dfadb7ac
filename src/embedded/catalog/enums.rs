//! The rows about enum types.

use rusqlite::Connection;

use crate::embedded::catalog::{OWNER, insert};
use crate::embedded::enums::all;

/// `number` gives numbers for the labels.
pub(super) fn fill(
    connection: &Connection,
    mut number: impl FnMut() -> i64,
) -> rusqlite::Result<()> {
    for known in all() {
        let oid = known.kind.oid();
        insert(
            connection,
            "pg_type",
            "oid,typname,typnamespace,typowner,typlen,typbyval,typtype,typcategory,typispreferred,\
             typisdefined,typdelim,typelem,typarray,typinput,typtypmod,typcollation",
            &[
                &oid,
                &known.kind.name(),
                &2200,
                &OWNER,
                &4,
                &1,
                &"e",
                &"E",
                &0,
                &1,
                &",",
                &0,
                &0,
                &0,
                &-1,
                &0,
            ],
        )?;
        for (order, (_, label)) in (1_i64..).zip(&known.labels) {
            insert(
                connection,
                "pg_enum",
                "oid,enumtypid,enumsortorder,enumlabel",
                &[&number(), &oid, &order, label],
            )?;
        }
    }
    Ok(())
}
