//! Tests lines, lanes and turns against a plain list of all waiters that is sorted again for each question.
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

mod flows;
mod history;
mod model;
mod order;
mod scale;
mod words;
