//! Any bytes as a history of requests, lines, policies and clocks: the engine on a memory answers what oracles say that
//! forget nothing, never admits more, and its replica holds equal bytes.
#![no_main]

#[path = "../../tests/common/mod.rs"]
mod common;
#[path = "../../tests/engine/limits.rs"]
#[allow(dead_code, reason = "it is for the tests")]
mod limits;
#[path = "../../tests/engine/node.rs"]
mod node;
#[path = "../../tests/quota/oracle.rs"]
#[allow(dead_code, reason = "it is for the tests")]
mod oracle;
#[path = "../../tests/engine/whole/mod.rs"]
mod whole;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| whole::play(input, 100));
