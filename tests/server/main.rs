//! Integration tests of the module: a real server, real processes, and one file per concern.
//!
//! All tests are in one executable, so tests of all concerns run in parallel and are linked once. To run a
//! single file or test: `cargo test --release --test server aof::`.

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

mod acl;
mod aof;
mod atomic_slots;
mod bounded;
mod bucket;
mod chaos;
mod cl_throttle;
mod clock_steps;
mod cluster;
mod command_info;
mod concurrency;
mod config;
mod defrag;
mod denied;
mod docs;
mod errors;
mod first;
mod forks;
mod golden;
mod holders;
mod hostile;
mod hostile_bytes;
mod keyspace;
mod keyspace_events;
mod languages;
mod leases;
mod many_waiters;
mod memory;
mod metrics;
mod model;
mod mquota;
mod oom;
mod other_modules;
mod outside;
mod pages;
mod policies;
mod quota;
mod quota_bounds;
mod quota_cluster;
mod quota_keyspace;
mod quota_policy;
mod quota_renamed;
mod quota_replication;
mod quota_transactions;
mod rdb;
mod refund;
mod refused;
mod replication;
mod replies;
mod reservations;
mod retry;
mod same_id;
mod seed_scenario;
mod slide;
mod staged_load;
mod top;
mod transactions;
mod uncounted;
mod waiting;
mod window;
