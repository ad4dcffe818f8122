//! Tests the encoding of effects in replication and AOFs: one form for each, and the forms of older versions.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that panics has failed, as it should"
)]

#[path = "../common/mod.rs"]
mod common;

mod any;
mod canonical;
mod golden;
mod old;
mod zero;
