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
mod flows;
mod limits;
mod overrides;

use std::sync::Arc;

use rl_core::fault::Result;
use rl_core::grammar::policy::setting;
use rl_core::grammar::policy_file;
use rl_core::limit::rule::Rule;
use rl_core::quota::policy_entry::PolicyEntry;
use rl_core::quota::shape::Shape;

pub(crate) fn any_rule(_: &Rule) -> Result<()> {
    Ok(())
}

pub(crate) fn entries(text: &str) -> Vec<PolicyEntry> {
    policy_file::parse(text.as_bytes(), any_rule).unwrap_or_else(|wrong| panic!("{wrong}\n{text}"))
}

/// Returns the policies of a file without overrides.
pub(crate) fn read(text: &str) -> Vec<Arc<Shape>> {
    let policy = |entry: PolicyEntry| {
        assert_eq!(entry.key, None);
        entry.shape
    };
    entries(text).into_iter().map(policy).collect()
}

/// Returns the policy that `RL.POLICY SET` makes of these words.
pub(crate) fn set(words: &str) -> Arc<Shape> {
    let line = format!("RL.POLICY SET {words}");
    let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
    setting(words.as_slice()).unwrap().shape
}

pub(crate) const FILE: &str = r#"
# the limits of our plan
[policy.claude-sonnet]
tpm      = { limit = 80000, window = "1m", unit = "tokens" }
rpm      = { limit = 1_000, window = "60s" }
tpd      = { limit = 2000000, window = "1d", unit = "tokens", algorithm = "window", offset = "-8h" }
burst    = { limit = 500, window = 60, algorithm = "bucket", capacity = 50 }
inflight = { inflight = 20 }
flows    = { paid = 10, free = 1 }

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

/// Overrides of the policies of [`FILE`].
pub(crate) const OVERRIDES: &str = r#"
[override.claude-sonnet."user:42"]
rpm = { limit = 5_000, window = "60s" }

[override.claude-sonnet.'user:\xff\\']
rpm = { limit = 0, window = "60s" }
inflight = { inflight = 2 }

[override.month.big.spend]
limit = 50
window = "1mo"
algorithm = "window"
"#;
