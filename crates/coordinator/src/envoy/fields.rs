//! The header fields that Envoy adds for its own clients: when to ask again, and about which limit.

use super::decision::DescriptorDecision;
use super::proto::envoy::config::core::v3::HeaderValue;
use crate::clock::whole_seconds;

/// Adds the fields for Envoy's client; `with_limit`: also those about the limit.
pub(super) fn add_fields(fields: &mut Vec<HeaderValue>, decisions: &[DescriptorDecision], with_limit: bool) {
    // All fields are about one limit: the one that admits the request last.
    let limited = decisions.iter().filter_map(|decision| decision.distance().zip(Some(decision)));
    let Some((_, decision)) = limited.min_by_key(|(distance, _)| *distance) else { return };
    if let Some(ms) = decision.retry_after_ms {
        fields.push(field("retry-after", &whole_seconds(ms).to_string()));
    }
    if !with_limit {
        return;
    }
    let status = &decision.status;
    let limit = status.current_limit.as_ref().map_or(0, |limit| limit.requests_per_unit);
    let reset = status.duration_until_reset.as_ref().map_or(0, |time| {
        time.seconds.saturating_add(i64::from(time.nanos > 0)) // rounded up
    });
    fields.push(field("ratelimit-limit", &limit.to_string()));
    fields.push(field("ratelimit-remaining", &status.limit_remaining.to_string()));
    fields.push(field("ratelimit-reset", &reset.to_string()));
}

/// A header field.
pub(super) fn field(key: &str, value: &str) -> HeaderValue {
    HeaderValue { key: key.to_owned(), value: value.to_owned() }
}
