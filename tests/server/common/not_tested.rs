//! What a server cannot show.

use std::io::{Write, stderr};

/// Tells whoever runs the tests that one of them has nothing to look at on this server.
///
/// `make test-matrix` lists these lines, and fails if no server of the matrix has tested `what`.
pub fn not_tested(what: &str, why: &str) {
    // What eprintln! prints is not shown of a test that passes.
    stderr().write_all(format!("NOT TESTED: {what}: {why}\n").as_bytes()).unwrap();
}
