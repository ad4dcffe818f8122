//! The code that `build.rs` generates from `proto/`.

#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::restriction,
    reason = "it is generated, with a client, which tests use"
)]

include!(concat!(env!("OUT_DIR"), "/proto.rs"));
