//! Advisory locks, by the names and arguments of their functions.

/// As the functions beside it in `function.rs`.
pub(super) const FUNCTIONS: &[(&str, &str, char, &str)] = &[
    ("pg_advisory_lock", "l", '0', ""),
    ("pg_advisory_lock", "ii", '0', ""),
    ("pg_advisory_lock_shared", "l", '0', ""),
    ("pg_advisory_lock_shared", "ii", '0', ""),
    ("pg_advisory_unlock", "l", 'b', ""),
    ("pg_advisory_unlock", "ii", 'b', ""),
    ("pg_advisory_unlock_all", "", '0', ""),
    ("pg_advisory_unlock_shared", "l", 'b', ""),
    ("pg_advisory_unlock_shared", "ii", 'b', ""),
    ("pg_advisory_xact_lock", "l", '0', ""),
    ("pg_advisory_xact_lock", "ii", '0', ""),
    ("pg_advisory_xact_lock_shared", "l", '0', ""),
    ("pg_advisory_xact_lock_shared", "ii", '0', ""),
    ("pg_try_advisory_lock", "l", 'b', ""),
    ("pg_try_advisory_lock", "ii", 'b', ""),
    ("pg_try_advisory_lock_shared", "l", 'b', ""),
    ("pg_try_advisory_lock_shared", "ii", 'b', ""),
    ("pg_try_advisory_xact_lock", "l", 'b', ""),
    ("pg_try_advisory_xact_lock", "ii", 'b', ""),
    ("pg_try_advisory_xact_lock_shared", "l", 'b', ""),
    ("pg_try_advisory_xact_lock_shared", "ii", 'b', ""),
];
