//! The bodies of the fuzz targets: each takes any bytes and panics if what must hold does not.
//!
//! What needs to look inside pgtls lives in its `src/fuzzing/`, the rest here.

mod certificates;
mod handshake;

/// Takes any bytes, panics on a finding.
pub type Body = fn(&[u8]);

/// Every body, by the name of its target and of its directory in `seeds`.
pub const BODIES: &[(&str, Body)] = &[
    ("frontend", pgtls::fuzzing::frontend),
    ("requests", pgtls::fuzzing::requests),
    ("cuts", pgtls::fuzzing::cuts),
    ("handshake", handshake::handshake),
    ("hba", pgtls::fuzzing::hba),
    ("ident", pgtls::fuzzing::ident),
    ("names", pgtls::fuzzing::names),
    ("files", certificates::files),
    ("proxy", pgtls::fuzzing::proxy),
    ("login", pgtls::fuzzing::login),
    ("scram", pgtls::fuzzing::scram),
    ("sql", pgtls::fuzzing::sql),
];

/// The body of a target.
///
/// # Panics
/// There is none.
pub fn body(target: &str) -> Body {
    let of_target = BODIES.iter().find(|(name, _)| *name == target);
    of_target
        .unwrap_or_else(|| panic!("no body for {target}"))
        .1
}
