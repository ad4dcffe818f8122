//! Answers as clients read them: JSON, `Retry-After`, and the header fields `RateLimit` and `RateLimit-Policy` of
//! draft-ietf-httpapi-ratelimit-headers, which are structured fields (RFC 9651).

use std::fmt::Write as _;

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rl_core::limit::rule::Rule;
use rl_core::limit::window::Length;
use rl_core::quota::shape::{Measure, REQUESTS};
use rl_core::time::Span;
use serde::Serialize;

use super::problem::{self, Problem};
use crate::app::{Answer, App};
use crate::clock::whole_seconds as seconds;
use crate::command::{Command, Measured, Verb, measures_of};
use crate::on_error::{self, OnError};
use crate::reply::{Quota, Reply, Row};

/// The largest integer of a structured field.
const INTEGER_MAX: u64 = 999_999_999_999_999;

const DEGRADED: HeaderName = HeaderName::from_static(on_error::DEGRADED);
const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

#[derive(Serialize)]
struct RowBody<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    allowed: bool,
    limit: u64,
    remaining: u64,
    retry_after_ms: i64,
    reset_after_ms: u64,
}

impl<'a> RowBody<'a> {
    const fn new(name: Option<&'a str>, row: &Row) -> Self {
        let Row { allowed, limit, remaining, retry_after_ms, reset_after_ms } = *row;
        Self { name, allowed, limit, remaining, retry_after_ms, reset_after_ms }
    }
}

#[derive(Serialize)]
struct QuotaBody<'a> {
    allowed: bool,
    retry_after_ms: i64,
    blocking: &'a [String],
    limits: Vec<RowBody<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reservation: Option<&'a Option<String>>,
}

/// The response to a command.
pub(super) fn respond(app: &App, command: &Command, answer: Answer) -> Response {
    let reply = match answer {
        Answer::Reply(reply) => reply,
        Answer::Failure(failure) => return Problem::from(failure).into_response(),
        Answer::Degraded(on_error) => return degraded(on_error),
    };
    let mut response = match &reply {
        Reply::Limit(row) => json(status(command, &reply), &RowBody::new(None, row)),
        Reply::Quota(quota) => {
            let Quota { allowed, retry_after_ms, blocking, limits, reservation } = quota;
            let limits = limits.iter().map(|(name, row)| RowBody::new(Some(name), row)).collect();
            let (allowed, retry_after_ms, reservation) = (*allowed, *retry_after_ms, reservation.as_ref());
            let body = QuotaBody { allowed, retry_after_ms, blocking, limits, reservation };
            json(status(command, &reply), &body)
        }
        Reply::Done(done) => json(StatusCode::OK, &serde_json::json!({ "done": done })),
        Reply::Remaining(remaining) => json(StatusCode::OK, &serde_json::json!({ "remaining": remaining })),
        Reply::None => {
            return Problem::new(StatusCode::NOT_FOUND, "no_such_key", "there is no such key")
                .into_response();
        }
    };
    let headers = response.headers_mut();
    if let (Some(false), ms @ 1..) = (reply.allowed(), reply.retry_after_ms()) {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds(ms.unsigned_abs())));
    }
    if let Some(value) = rate_limit(&reply) {
        headers.insert(RATE_LIMIT, value);
    }
    if let Some(value) = policy(app, command) {
        headers.insert(RATE_LIMIT_POLICY, value);
    }
    response
}

/// What is told while the back end is down.
pub(super) fn degraded(on_error: OnError) -> Response {
    let mut response = match on_error {
        OnError::Allow => json(StatusCode::OK, &serde_json::json!({ "allowed": true, "degraded": true })),
        OnError::Deny => {
            let status = StatusCode::SERVICE_UNAVAILABLE;
            let body = serde_json::json!({
                "type": "about:blank",
                "title": status.canonical_reason(),
                "status": status.as_u16(),
                "code": "back_end_down",
                "detail": "the back end does not answer, so the request is denied",
                "allowed": false,
                "degraded": true,
            });
            problem::respond(status, &body, Some(1))
        }
    };
    response.headers_mut().insert(DEGRADED, HeaderValue::from_static(on_error.name()));
    response
}

/// A denial is one only where an admission was asked for.
fn status(command: &Command, reply: &Reply) -> StatusCode {
    match reply.allowed() {
        Some(false) if command.verb().decides() => StatusCode::TOO_MANY_REQUESTS,
        _ => StatusCode::OK,
    }
}

/// A response of JSON.
pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Response {
    let text = serde_json::to_string(body).unwrap_or_default(); // to memory, from fields that are all strings
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
    (status, headers, text).into_response()
}

/// `RateLimit: "rpm";r=999;t=60`
fn rate_limit(reply: &Reply) -> Option<HeaderValue> {
    let mut text = String::new();
    let mut add = |name: &str, row: &Row| {
        let comma = if text.is_empty() { "" } else { ", " };
        let (remaining, reset) = (row.remaining.min(INTEGER_MAX), seconds(row.reset_after_ms));
        let _ = write!(text, "{comma}\"{name}\";r={remaining};t={reset}"); // to memory
    };
    match reply {
        Reply::Limit(row) => add("default", row),
        Reply::Quota(quota) => quota.limits.iter().for_each(|(name, row)| add(name, row)),
        Reply::Done(_) | Reply::Remaining(_) | Reply::None => return None,
    }
    HeaderValue::try_from(text).ok()
}

/// `RateLimit-Policy: "rpm";q=1000;w=60`
fn policy(app: &App, command: &Command) -> Option<HeaderValue> {
    let spelled = command.measures();
    let measures = match command.policy() {
        Some(name) if command.verb() == Verb::Quota => measures_of(&app.backend.policy(&name)?),
        _ => spelled,
    };
    let mut text = String::new();
    for Measured { name, unit, measure } in &measures {
        let comma = if text.is_empty() { "" } else { ", " };
        let (name, unit) = (String::from_utf8_lossy(name), String::from_utf8_lossy(unit));
        let (quota, window, unit) = match measure {
            Measure::InFlight(limit) => (*limit, None, "concurrent-requests"),
            Measure::Rate(rule) => (limit(rule), window(rule), &*unit),
        };
        let _ = write!(text, "{comma}\"{name}\";q={}", quota.min(INTEGER_MAX)); // to memory
        if unit.as_bytes() != REQUESTS {
            let _ = write!(text, ";qu=\"{unit}\"");
        }
        if let Some(window) = window {
            let _ = write!(text, ";w={}", seconds(window.ms()));
        }
    }
    if text.is_empty() { None } else { HeaderValue::try_from(text).ok() }
}

const fn limit(rule: &Rule) -> u64 {
    match rule {
        Rule::Slide(rule) => rule.limit,
        Rule::Window(rule) => rule.limit,
        Rule::Bucket(rule) => rule.capacity(),
    }
}

/// In what time so much is admitted: that of a bucket is the one in which an empty one fills. A calendar month has
/// no length that is always right.
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
