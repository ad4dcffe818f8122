//! The header fields `RateLimit` and `RateLimit-Policy` of draft-ietf-httpapi-ratelimit-headers. They are structured
//! fields (RFC 9651).

use hyper::header::{HeaderName, HeaderValue};
use rl_core::grammar::ask::{Ask, Limits};
use rl_core::grammar::request::Request;
use rl_core::quota::limit::{Measure, REQUESTS};
use rl_core::quota::shape::Shape;

use super::text::Text;
use crate::backend::Backend;
use crate::clock::whole_seconds;
use crate::command::Command;
use crate::reply::{Names, Reply, Row};

pub(super) const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
pub(super) const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// The largest integer of a structured field.
const INTEGER_MAX: u64 = 999_999_999_999_999;

/// `RateLimit: "rpm";r=999;t=60`: what remains, and in how many seconds the whole limit is available again.
pub(super) fn rate_limit(reply: &Reply) -> Option<HeaderValue> {
    let mut text = Text::new();
    let mut add = |name: &str, row: &Row| {
        text.push(if text.is_empty() { "\"" } else { ", \"" }).push(name);
        text.push("\";r=").number(row.remaining.min(INTEGER_MAX));
        text.push(";t=").number(whole_seconds(row.reset_after_ms));
    };
    match reply {
        Reply::Limit(row) => add("default", row),
        Reply::Quota(quota) => quota.limits.iter().for_each(|(name, row)| add(name, row)),
        Reply::Done(_) | Reply::Remaining(_) | Reply::Held(_) | Reply::Elsewhere(_) | Reply::None => {
            return None;
        }
    }
    text.header_value()
}

/// `RateLimit-Policy: "rpm";q=1000;w=60`: the limit, and its window in seconds. `None` if the limits are not known here.
pub(super) fn rate_limit_policy(backend: &Backend, command: &Command) -> Option<HeaderValue> {
    let mut text = Text::new();
    command.with_request(|request| match request {
        Request::Limit(request) => push_policy(&mut text, "default", REQUESTS, &Measure::Rate(request.rule)),
        Request::Quota(Ask { limits: Limits::Known { shape, .. }, .. }) => {
            push_policies(&mut text, shape, Names::Plain)
        }
        Request::Quota(Ask { limits: Limits::Policy { name, .. }, .. }) => {
            if let Some(shape) = backend.known_limits(name, command.key()) {
                push_policies(&mut text, &shape, Names::Plain);
            }
        }
        Request::ManyQuotas(request) => {
            let keyed = request.policies.iter().zip(command.keys());
            let known = keyed.map(|(name, key)| backend.known_limits(name, key));
            if let Some(shapes) = known.collect::<Option<Vec<_>>>() {
                shapes.iter().for_each(|shape| push_policies(&mut text, shape, Names::WithPolicy));
            }
        }
        Request::First(_) // the answer tells of one of them, which need not be the first
        | Request::Peek(_)
        | Request::Refund(_)
        | Request::Settle { .. }
        | Request::Cancel { .. }
        | Request::Renew { .. }
        | Request::Hold(_)
        | Request::Sync(_) => {}
    });
    if text.is_empty() { None } else { text.header_value() }
}

fn push_policies(text: &mut Text, shape: &Shape, names: Names) {
    // A shadow denies nobody, so that callers need not keep it.
    for limit in shape.limits().iter().filter(|limit| !limit.is_shadow) {
        push_policy(text, &names.of(shape, limit), limit.unit.as_bytes(), &limit.measure);
    }
}

fn push_policy(text: &mut Text, name: &str, unit: &[u8], measure: &Measure) {
    let (quota, window, unit) = match measure {
        Measure::InFlight(limit) => (*limit, None, &b"concurrent-requests"[..]),
        Measure::Rate(rule) => (rule.quota(), rule.window(), unit),
    };
    text.push(if text.is_empty() { "\"" } else { ", \"" }).push(name);
    text.push("\";q=").number(quota.min(INTEGER_MAX));
    if unit != REQUESTS {
        text.push(";qu=\"").push(&String::from_utf8_lossy(unit)).push("\"");
    }
    if let Some(window) = window {
        text.push(";w=").number(whole_seconds(window.ms().min(INTEGER_MAX)));
    }
}
