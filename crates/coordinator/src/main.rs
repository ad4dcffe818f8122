//! rl-coordinator: the limits of redis-rl over HTTP, for callers that have no Redis.
//!
//! | file | contents |
//! |---|---|
//! | `config/` | the command line and the configuration file |
//! | `run.rs` | the life of the program, from start to end |
//! | `server/` | connections: their number, their times, TLS |
//! | `http/` | the HTTP interface |
//! | `envoy/` | Envoy's rate limit service, over gRPC |
//! | `auth.rs`, `body_budget.rs` | what both interfaces use |
//! | `on_error.rs`, `undecided.rs` | requests that cannot be decided |
//! | `live.rs`, `reload.rs` | the settings in force, and how SIGHUP replaces them |
//! | `app.rs` | asks the back end and counts requests, for both interfaces |
//! | `command.rs`, `reply.rs` | a request and its reply, for both interfaces and both back ends |
//! | `leases/` | decides requests out of leases of a Redis server, in this process |
//! | `backend/` | the back ends: limits in this process, or in a Redis server |
//! | `waiter_limits.rs`, `top_keys.rs`, `metrics.rs` | counts of waiters, keys and requests |
//! | `snapshot.rs` | the limits on disk |
//! | `clock.rs`, `hex.rs` | time and digits |
//!
//! The limits themselves are the crate `rl-core`. A request goes one way: body, [`command::Command`],
//! [`backend::Backend`], [`reply::Reply`], body.

mod app;
mod auth;
mod backend;
mod body_budget;
mod clock;
mod command;
mod config;
mod envoy;
mod flow_state;
mod hex;
mod http;
mod leases;
mod live;
mod metrics;
mod on_error;
mod reload;
mod reply;
mod run;
mod server;
mod snapshot;
mod top_keys;
mod undecided;
mod waiter_limits;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    clock::start();
    server::tls::start();
    match run::run(&config::Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(wrong) => {
            eprintln!("rl-coordinator: {wrong}");
            ExitCode::FAILURE
        }
    }
}
