//! Tests quotas, many limits under one key, against oracles that know one limit each and forget nothing.
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

mod admission;
mod bounds;
mod cache;
mod changes;
mod codec;
mod cost_zero;
mod flow_weights;
mod golden;
mod history;
mod invariant;
mod key;
mod oracle;
mod overrides;
mod plain;
mod refund_floor;
mod relocate;
mod renamed;
mod request;
mod retired;
mod settle;
mod shapes;
mod sound;
mod states;
mod words;
mod zero;
