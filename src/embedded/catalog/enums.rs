//! The rows about enum types.

use postgres_types::Type;
use rusqlite::Connection;

use crate::embedded::catalog::system::ARRAY_IN;
use crate::embedded::catalog::{OWNER, insert};
use crate::embedded::enums::{all, array_of};

/// `number` gives numbers for the labels.
pub(super) fn fill(
    connection: &Connection,
    mut number: impl FnMut() -> i64,
) -> rusqlite::Result<()> {
    for known in all() {
        let oid = known.kind.oid();
        let array = array_of(&known.kind);
        let array_oid = array.as_ref().map_or(0, Type::oid);
        type_row(connection, &known.kind, (4, 1, "e", "E"), (0, array_oid, 0))?;
        if let Some(array) = array {
            type_row(connection, &array, (-1, 0, "b", "A"), (oid, 0, ARRAY_IN))?;
        }
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

/// `traits` are `typlen`, `typbyval`, `typtype` and `typcategory`, `related` the numbers of the
/// element's type, the array's, and the input function.
fn type_row(
    connection: &Connection,
    kind: &Type,
    traits: (i16, i16, &str, &str),
    related: (u32, u32, i64),
) -> rusqlite::Result<()> {
    insert(
        connection,
        "pg_type",
        "oid,typname,typnamespace,typowner,typlen,typbyval,typtype,typcategory,typispreferred,\
         typisdefined,typdelim,typelem,typarray,typinput,typtypmod,typcollation,typstorage",
        &[
            &kind.oid(),
            &kind.name(),
            &2200,
            &OWNER,
            &traits.0,
            &traits.1,
            &traits.2,
            &traits.3,
            &0,
            &1,
            &",",
            &related.0,
            &related.1,
            &related.2,
            &-1,
            &0,
            &if traits.0 < 0 { "x" } else { "p" },
        ],
    )
}
