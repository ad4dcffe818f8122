//! Tests rl-coordinator from outside: the real program, and real Redis servers with the module. Each file is one concern.
//!
//! The module is the one of the release profile (`cargo build --release`), or `REDIS_RL_MODULE`. The server is
//! `redis-server`, or `REDIS_RL_SERVER`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test that panics has failed, as it should"
)]
#![allow(unreachable_pub, reason = "nothing here is meant for another crate")]

mod common;

mod answers;
mod auth;
mod clock;
mod degraded;
mod docs;
mod ends;
mod envoy;
mod golden;
mod hostile;
mod keys;
mod leases;
mod lent;
mod oracle;
mod overrides;
mod policies;
mod recipe;
mod reload;
mod same;
mod servers;
mod several;
mod several_nodes;
mod several_waiting;
mod told;
mod waiting;
mod watching;
