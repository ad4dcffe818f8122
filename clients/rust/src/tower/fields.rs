//! The header fields that tell a client its limits, as structured fields (RFC 9651).

use std::time::Duration;

use crate::decision::Decision;
use crate::limits::{Algorithm, Limit};
use crate::window::Window;

/// The largest integer of a structured field.
const FIELD_MAX: u64 = 999_999_999_999_999;

/// Rounds up.
pub(super) fn whole_seconds(length: Duration) -> u64 {
    length.as_secs() + u64::from(length.subsec_nanos() > 0)
}

fn number(n: u64) -> u64 {
    n.min(FIELD_MAX)
}

/// Writes what remains of each limit, and in how many seconds all of it is available again: `"rpm";r=999;t=60`.
pub(super) fn limit_field<'a>(limits: impl Iterator<Item = (&'a str, &'a Decision)>) -> String {
    let item = |(name, limit): (&str, &Decision)| {
        format!("\"{name}\";r={};t={}", number(limit.remaining), number(whole_seconds(limit.reset_after)))
    };
    limits.map(item).collect::<Vec<_>>().join(", ")
}

/// Writes the limits, with their windows in seconds: `"rpm";q=1000;w=60`. A shadow denies nobody, so that clients need not know it.
pub(super) fn policy_field(limits: &[Limit]) -> String {
    limits.iter().filter(|limit| !limit.shadow).map(policy_item).collect::<Vec<_>>().join(", ")
}

fn policy_item(limit: &Limit) -> String {
    let unit = match (&limit.algorithm, limit.unit.as_str()) {
        (Algorithm::InFlight, _) => ";qu=\"concurrent-requests\"".to_owned(),
        (_, "requests") => String::new(),
        (_, unit) => format!(";qu=\"{unit}\""),
    };
    let window = match &limit.algorithm {
        Algorithm::InFlight => None,
        Algorithm::Slide(window) | Algorithm::Window(window, _) => match window {
            Window::Of(length) => Some(whole_seconds(*length)),
            Window::Week => Some(604_800),
            Window::Month => None, // it has no fixed length
        },
        Algorithm::Bucket { period, .. } => Some(whole_seconds(*period)),
    };
    let window = window.map(|seconds| format!(";w={}", number(seconds))).unwrap_or_default();
    format!("\"{}\";q={}{unit}{window}", limit.name, number(limit.limit))
}
