//! Tests of the package, on real servers. `.ci/client-rust.sh` sets what they need.
//!
//! | file | contents |
//! |---|---|
//! | `cases.rs` | the cases of clients/conformance that need no server |
//! | `sessions.rs` | those that need one, on each kind of connection |
//! | `failing.rs` | servers that cannot decide |
//! | `layer.rs` | the tower layer, in a server of axum |
//! | `profiles.rs` | what providers say in headers |
//! | `provider/` | the transport for providers |
//! | `cluster.rs` | a cluster, and slots that move |
//! | `reserve.rs` | reservations, and what is left of them |
//! | `waiting.rs` | waiters, given up and in order |
//! | `conformance/`, `servers.rs` | what these share |

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that panics has failed"
)]

mod cases;
mod cluster;
mod conformance;
mod failing;
mod layer;
mod profiles;
mod provider;
mod reserve;
mod servers;
mod sessions;
mod waiting;
