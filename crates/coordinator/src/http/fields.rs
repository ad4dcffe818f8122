//! The header fields `RateLimit` and `RateLimit-Policy` of draft-ietf-httpapi-ratelimit-headers. They are structured
//! fields (RFC 9651).

use hyper::header::{HeaderName, HeaderValue};
use rl_core::limit::rule::Rule;
use rl_core::limit::window::Length;
use rl_core::quota::limit::{Measure, REQUESTS};
use rl_core::time::Span;

use super::text::Text;
use crate::app::App;
use crate::clock::whole_seconds;
use crate::command::{Command, Measured, measures_of};
use crate::reply::{Reply, Row};

pub(super) const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
pub(super) const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// The largest integer of a structured field.
const INTEGER_MAX: u64 = 999_999_999_999_999;

/// `RateLimit: "rpm";r=999;t=60`: what remains, and in how many seconds the whole limit is available again.
pub(super) fn rate_limit(reply: &Reply) -> Option<HeaderValue> {
    let mut text = Text::with_capacity(64);
    let mut add = |name: &str, row: &Row| {
        text.push(if text.is_empty() { "\"" } else { ", \"" }).push(name);
        text.push("\";r=").number(row.remaining.min(INTEGER_MAX));
        text.push(";t=").number(whole_seconds(row.reset_after_ms));
    };
    match reply {
        Reply::Limit(row) => add("default", row),
        Reply::Quota(quota) => quota.limits.iter().for_each(|(name, row)| add(name, row)),
        Reply::Done(_) | Reply::Remaining(_) | Reply::None => return None,
    }
    text.header_value()
}

/// `RateLimit-Policy: "rpm";q=1000;w=60`: the limit, and its window in seconds.
pub(super) fn rate_limit_policy(app: &App, command: &Command) -> Option<HeaderValue> {
    let measures = match command.policy() {
        Some(name) => measures_of(&app.backend.policy(&name)?),
        None => command.measures(),
    };
    if measures.is_empty() {
        return None;
    }
    let mut text = Text::with_capacity(64);
    for Measured { name, unit, measure } in &measures {
        let (name, unit) = (String::from_utf8_lossy(name), String::from_utf8_lossy(unit));
        let (quota, window, unit) = match measure {
            Measure::InFlight(limit) => (*limit, None, "concurrent-requests"),
            Measure::Rate(rule) => (limit(rule), window(rule), &*unit),
        };
        text.push(if text.is_empty() { "\"" } else { ", \"" }).push(&name);
        text.push("\";q=").number(quota.min(INTEGER_MAX));
        if unit.as_bytes() != REQUESTS {
            text.push(";qu=\"").push(unit).push("\"");
        }
        if let Some(window) = window {
            text.push(";w=").number(whole_seconds(window.ms()));
        }
    }
    text.header_value()
}

const fn limit(rule: &Rule) -> u64 {
    match rule {
        Rule::Slide(rule) => rule.limit,
        Rule::Window(rule) => rule.limit,
        Rule::Bucket(rule) => rule.capacity(),
    }
}

/// The time in which the limit is admitted. For a bucket it is the time in which an empty one fills. A calendar month has
/// no fixed length, so it has none.
fn window(rule: &Rule) -> Option<Span> {
    match rule {
        Rule::Slide(rule) => Some(rule.window),
        Rule::Window(rule) => match rule.length {
            Length::Span(span) => Some(span),
            Length::Month => None,
        },
        Rule::Bucket(rule) => {
            let refill = rule.refill();
            let scale = 10_u128.checked_pow(u32::from(refill.scale))?;
            let amount =
                u128::from(rule.capacity()).checked_mul(scale)?.checked_mul(rule.period().ms().into())?;
            let ms = amount.div_ceil(u128::from(refill.mantissa).max(1));
            Some(Span::from_ms(u64::try_from(ms).unwrap_or(u64::MAX).min(INTEGER_MAX)))
        }
    }
}
