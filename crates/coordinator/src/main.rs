//! rl-coordinator: the limits of redis-rl over HTTP, for callers that have no Redis.
//!
//! | file | what it is |
//! |---|---|
//! | `args.rs`, `config/` | what it is set to |
//! | `run.rs` | its life, from beginning to end |
//! | `serve.rs`, `patience.rs`, `files.rs`, `tls.rs` | connections |
//! | `api/` | the ways in: JSON to commands, replies to JSON and header fields |
//! | `rls/` | the way in over gRPC, for Envoy |
//! | `auth.rs` | who may ask |
//! | `command.rs`, `reply.rs` | what is asked and answered, whoever asks and whoever decides |
//! | `app.rs` | asking, counting, and what to do where nobody decides |
//! | `backend/` | who decides: shards in this process, or a Redis server |
//! | `crowd.rs`, `top.rs`, `metrics.rs`, `watch.rs` | what can be seen |
//! | `snapshot.rs` | the limits on disk |
//!
//! The limits themselves are the crate `rl-core`. A request walks one way: body, [`command::Command`],
//! [`backend::Backend`], [`reply::Reply`], body.

mod api;
mod app;
mod args;
mod auth;
mod backend;
mod clock;
mod command;
mod config;
mod crowd;
mod files;
mod hex;
mod metrics;
mod patience;
mod reply;
mod rls;
mod run;
mod serve;
mod snapshot;
mod tls;
mod top;
mod watch;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    clock::start();
    tls::start();
    match run::run(&args::Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(wrong) => {
            eprintln!("rl-coordinator: {wrong}");
            ExitCode::FAILURE
        }
    }
}
