//! Answers to commands: a status, a JSON body, and header fields.

use hyper::StatusCode;
use hyper::header::{self, HeaderName, HeaderValue};
use serde::Serialize;

use super::fields;
use super::problem::{self, Problem};
use super::response::{Response, no_store, text};
use crate::app::{Answer, App};
use crate::clock::whole_seconds;
use crate::command::Command;
use crate::on_error::{self, OnError};
use crate::reply::{Quota, Reply, Row};

/// The media type of answers.
pub(super) const JSON: &str = "application/json";

const DEGRADED: HeaderName = HeaderName::from_static(on_error::DEGRADED);

/// The answer of one limit.
#[derive(Serialize)]
struct LimitAnswer<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    allowed: bool,
    limit: u64,
    remaining: u64,
    retry_after_ms: i64,
    reset_after_ms: u64,
}

impl<'a> LimitAnswer<'a> {
    const fn new(name: Option<&'a str>, row: &Row) -> Self {
        let Row { allowed, limit, remaining, retry_after_ms, reset_after_ms } = *row;
        Self { name, allowed, limit, remaining, retry_after_ms, reset_after_ms }
    }
}

/// The answer of a quota.
#[derive(Serialize)]
struct QuotaAnswer<'a> {
    allowed: bool,
    retry_after_ms: i64,
    blocking: &'a [String],
    limits: Vec<LimitAnswer<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reservation: Option<&'a Option<String>>,
}

/// The answer to what ends a reservation.
#[derive(Serialize)]
struct DoneAnswer {
    done: bool,
}

/// The answer to a refund.
#[derive(Serialize)]
struct RemainingAnswer {
    remaining: u64,
}

/// The answer to a request that is allowed while the back end is down.
#[derive(Serialize)]
struct DegradedAnswer {
    allowed: bool,
    degraded: bool,
}

/// The response to a command.
pub(super) fn respond(app: &App, command: &Command, answer: Answer) -> Response {
    let reply = match answer {
        Answer::Reply(reply) => reply,
        Answer::Failure(failure) => return Problem::from(failure).into_response(),
        Answer::Degraded(on_error) => return degraded(on_error),
    };
    let status = status(command, &reply);
    let mut response = match &reply {
        Reply::Limit(row) => json(status, &LimitAnswer::new(None, row)),
        Reply::Quota(quota) => {
            let Quota { allowed, retry_after_ms, blocking, limits, reservation } = quota;
            let limits = limits.iter().map(|(name, row)| LimitAnswer::new(Some(name), row)).collect();
            let (allowed, retry_after_ms, reservation) = (*allowed, *retry_after_ms, reservation.as_ref());
            json(status, &QuotaAnswer { allowed, retry_after_ms, blocking, limits, reservation })
        }
        Reply::Done(done) => json(status, &DoneAnswer { done: *done }),
        Reply::Remaining(remaining) => json(status, &RemainingAnswer { remaining: *remaining }),
        Reply::None => {
            let problem = Problem::new(StatusCode::NOT_FOUND, "no_such_key", "there is no such key");
            return problem.into_response();
        }
    };
    let headers = response.headers_mut();
    if let (Some(false), ms @ 1..) = (reply.allowed(), reply.retry_after_ms()) {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(whole_seconds(ms.unsigned_abs())));
    }
    if let Some(value) = fields::rate_limit(&reply) {
        headers.insert(fields::RATE_LIMIT, value);
    }
    if let Some(value) = fields::rate_limit_policy(app, command) {
        headers.insert(fields::RATE_LIMIT_POLICY, value);
    }
    response
}

/// The response while the back end is down, if `on_error` has decided.
fn degraded(on_error: OnError) -> Response {
    let mut response = match on_error {
        OnError::Allow => json(StatusCode::OK, &DegradedAnswer { allowed: true, degraded: true }),
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

/// 429 for a denial. `peek` asks for no admission, so its answers are never denials.
fn status(command: &Command, reply: &Reply) -> StatusCode {
    match reply.allowed() {
        Some(false) if command.verb().decides() => StatusCode::TOO_MANY_REQUESTS,
        _ => StatusCode::OK,
    }
}

fn json(status: StatusCode, body: &impl Serialize) -> Response {
    let mut bytes = Vec::with_capacity(256);
    let _ = serde_json::to_writer(&mut bytes, body); // it fails only for maps whose keys are not strings
    let mut response = text(status, JSON, bytes);
    no_store(&mut response);
    response
}
