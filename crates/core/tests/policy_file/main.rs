//! Tests the policy file: the same limits as a command makes, and each error at its line and key.
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

mod any_file;
mod errors;
mod limits;

use std::sync::Arc;

use rl_core::fault::Result;
use rl_core::grammar::policy_file;
use rl_core::grammar::quota as request;
use rl_core::limit::rule::Rule;
use rl_core::quota::shape::Shape;

pub(crate) fn any_rule(_: &Rule) -> Result<()> {
    Ok(())
}

pub(crate) fn read(text: &str) -> Vec<Arc<Shape>> {
    policy_file::parse(text.as_bytes(), any_rule).unwrap_or_else(|wrong| panic!("{wrong}\n{text}"))
}

/// Returns the policy that `RL.POLICY SET` makes of these words.
pub(crate) fn set(words: &str) -> Arc<Shape> {
    let line = format!("RL.POLICY SET {words}");
    let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
    request::policy(words.as_slice()).unwrap()
}

pub(crate) const FILE: &str = r#"
# the limits of our plan
[policy.claude-sonnet]
tpm      = { limit = 80000, window = "1m", unit = "tokens" }
rpm      = { limit = 1_000, window = "60s" }
tpd      = { limit = 2000000, window = "1d", unit = "tokens", algorithm = "window", offset = "-8h" }
burst    = { limit = 500, window = 60, algorithm = "bucket", capacity = 50 }
inflight = { inflight = 20 }

[policy."org:42"]
a = { limit = 0x10, window = "250ms", algorithm = "slide" }

[policy.month.spend]
limit = 5
window = "1mo"
unit = "cents"
algorithm = "window"
[policy.month.calls]
window = "0.25"
limit = 9007199254740991
"#;
