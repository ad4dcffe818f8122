//! Generates Rust from `proto/`. The compiler is a crate, so `protoc` need not be installed.

use std::error::Error;
use std::path::Path;

const FILES: [&str; 2] = ["envoy/service/ratelimit/v3/rls.proto", "grpc/health/v1/health.proto"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    let files = protox::compile(FILES, [Path::new("proto")])?;
    tonic_prost_build::configure()
        .build_transport(false) // src/server makes the connections
        .include_file("proto.rs")
        .compile_fds(files)?;
    Ok(())
}
