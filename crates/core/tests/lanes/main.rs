//! Waiting: lines, lanes and turns against a list that is sorted afresh each time it is asked; a
//! server in virtual time against one that tries everyone each millisecond.
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

mod behind_limit;
mod behind_quota;
mod history;
mod limits;
mod model;
mod naive;
mod order;
mod progress;
mod scale;
mod server;
mod words;
mod world;
