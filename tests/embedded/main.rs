//! The embedded database as its clients see it, subject by subject, in one program: to link each
//! would take longer than to run it.
#![cfg(all(
    feature = "tokio",
    feature = "sqlite",
    feature = "certificates",
    any(feature = "aws-lc-rs", feature = "ring")
))]
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests take their time and fail on surprises"
)]

mod advisory;
mod aggregates;
mod alter;
mod assignments;
mod backslash;
mod blocks;
mod catalog;
mod chars;
mod commands;
#[path = "../common/mod.rs"]
mod common;
mod concurrency;
mod cursors;
mod definitions;
mod dialect;
mod drawn;
mod dump;
mod enums;
mod functions;
mod grouping;
mod instants;
mod json;
mod lost;
mod merge;
mod numbers;
mod patterns;
mod queries;
mod records;
mod rows;
mod schemas;
mod sequences;
mod shown;
mod syntax;
mod values;
mod violations;
mod with;
