//! Tests the engine on a memory, in virtual time, against models without lines, timers or shortcuts.
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

mod first;
mod forecast_limit;
mod forecast_quota;
mod full;
mod histories;
mod leases;
mod limits;
mod living;
mod naive;
mod node;
#[path = "../quota/oracle.rs"]
#[allow(dead_code, reason = "for the tests of quotas")]
mod oracle;
mod outside;
mod outside_quota;
mod progress;
mod server;
mod whole;
mod world;
