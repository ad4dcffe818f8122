//! Answers to commands: a status, a JSON body, and header fields.

use std::collections::BTreeMap;

use hyper::StatusCode;
use hyper::header::{self, HeaderName, HeaderValue};
use schemars::JsonSchema;
use serde::Serialize;

use super::fields;
use super::problem::Problem;
use super::response::{Response, json, no_store, text};
use super::text::Text;
use crate::app::Answer;
use crate::backend::Backend;
use crate::clock::whole_seconds;
use crate::command::Command;
use crate::on_error::{self, OnError};
use crate::reply::{Failure, Quota, Reply, Row};

/// The media type of answers.
pub(super) const JSON: &str = "application/json";

/// The largest number in an answer.
pub(super) const MAX: u64 = 9_007_199_254_740_991;

const DEGRADED: HeaderName = HeaderName::from_static(on_error::DEGRADED);

/// The answer of one limit.
#[derive(JsonSchema)]
#[cfg_attr(test, derive(Serialize))]
#[schemars(deny_unknown_fields)]
pub(super) struct LimitAnswer {
    /// Whether the request is admitted, and counted.
    allowed: bool,
    /// The limit in force.
    #[schemars(range(max = MAX))]
    limit: u64,
    /// What could still be admitted now.
    #[schemars(range(max = MAX))]
    remaining: u64,
    /// 0 if admitted; else the ms until it is admitted, if no other request comes first; -1 if it never can be.
    #[schemars(range(min = -1, max = MAX))]
    retry_after_ms: i64,
    /// The ms until the whole limit is available again.
    #[schemars(range(max = MAX))]
    reset_after_ms: u64,
    /// With `up_to`: how much is granted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "u64", range(max = MAX))]
    granted: Option<u64>,
}

/// The answer of a quota.
#[derive(Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct QuotaAnswer<'a> {
    /// Whether the request is admitted, and counted.
    allowed: bool,
    /// 0 if admitted; else the ms until it is admitted, if no other request comes first; -1 if it never can be.
    #[schemars(range(min = -1, max = MAX))]
    retry_after_ms: i64,
    /// The names of all limits that block.
    blocking: &'a [String],
    limits: Vec<QuotaLimitAnswer<'a>>,
    /// If a reservation or a lease was asked for: its id, or null if the request is denied.
    #[serde(skip_serializing_if = "Option::is_none")]
    reservation: Option<&'a Option<String>>,
    /// If the first of several keys was asked for: the index of the key that admits, or -1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -1, max = 15))]
    index: Option<i64>,
    /// With `up_to`: how much is granted of each unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "BTreeMap<String, u64>")]
    granted: Option<BTreeMap<&'a str, u64>>,
    /// True if rl-coordinator has decided it out of a lease, without asking its server.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "bool", extend("const" = true))]
    lease: Option<bool>,
}

/// What one limit of a quota answers.
#[derive(Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, inline)]
struct QuotaLimitAnswer<'a> {
    name: &'a str,
    /// Whether this limit admits the request.
    allowed: bool,
    /// The limit in force.
    #[schemars(range(max = MAX))]
    limit: u64,
    /// What could still be admitted now.
    #[schemars(range(max = MAX))]
    remaining: u64,
    /// 0 if admitted; else the ms until it is admitted, if no other request comes first; -1 if it never can be.
    #[schemars(range(min = -1, max = MAX))]
    retry_after_ms: i64,
    /// The ms until the whole limit is available again.
    #[schemars(range(max = MAX))]
    reset_after_ms: u64,
}

/// Whether there was such a reservation; if not, nothing has changed.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Done", deny_unknown_fields)]
pub(super) struct DoneAnswer {
    pub(super) done: bool,
}

/// What remains after a refund.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Remaining", deny_unknown_fields)]
pub(super) struct RemainingAnswer {
    #[schemars(range(max = MAX))]
    remaining: u64,
}

/// How long a hold lasts.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Held", deny_unknown_fields)]
pub(super) struct HeldAnswer {
    /// The ms until the hold ends; 0 if there is none.
    #[schemars(range(max = MAX))]
    hold_ms: u64,
}

/// How much is used elsewhere, as is known now.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Synced", deny_unknown_fields)]
pub(super) struct SyncAnswer {
    pub(super) used_elsewhere: UsedElsewhere,
    /// With headers: the ms until the hold that they ask for ends; 0 if they ask for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "u64", range(max = MAX))]
    pub(super) hold_ms: Option<u64>,
}

/// How much is used elsewhere.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub(super) enum UsedElsewhere {
    /// Of the one limit of a key.
    One(#[schemars(range(max = MAX))] u64),
    /// Of each limit, by its name.
    Named(
        #[schemars(extend("additionalProperties" = { "type": "integer", "minimum": 0, "maximum": MAX }))]
        BTreeMap<String, u64>,
    ),
}

impl From<&[(String, u64)]> for UsedElsewhere {
    fn from(used: &[(String, u64)]) -> Self {
        match used {
            [(name, used)] if name.is_empty() => Self::One(*used),
            all => Self::Named(all.iter().cloned().collect()),
        }
    }
}

/// The back end could not decide. The request is allowed and counted nowhere, as was asked for.
#[derive(Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct DegradedAnswer {
    #[schemars(extend("const" = true))]
    allowed: bool,
    #[schemars(extend("const" = true))]
    degraded: bool,
}

impl From<&Row> for LimitAnswer {
    fn from(row: &Row) -> Self {
        let Row { allowed, limit, remaining, retry_after_ms, reset_after_ms, granted } = *row;
        Self { allowed, limit, remaining, retry_after_ms, reset_after_ms, granted }
    }
}

impl LimitAnswer {
    /// The answer as JSON, as `serde_json` would write it in three times as long.
    fn text(&self) -> Text {
        let Self { allowed, limit, remaining, retry_after_ms, reset_after_ms, granted } = *self;
        let mut text = Text::new();
        text.push("{\"allowed\":").boolean(allowed);
        text.push(",\"limit\":").number(limit).push(",\"remaining\":").number(remaining);
        text.push(",\"retry_after_ms\":").number(retry_after_ms);
        text.push(",\"reset_after_ms\":").number(reset_after_ms);
        if let Some(granted) = granted {
            text.push(",\"granted\":").number(granted);
        }
        text.push("}");
        text
    }
}

impl<'a> From<&'a (String, Row)> for QuotaLimitAnswer<'a> {
    fn from((name, row): &'a (String, Row)) -> Self {
        let Row { allowed, limit, remaining, retry_after_ms, reset_after_ms, .. } = *row;
        Self { name, allowed, limit, remaining, retry_after_ms, reset_after_ms }
    }
}

/// The response to a command.
pub(super) fn respond(backend: &Backend, command: &Command, answer: Answer) -> Response {
    let reply = match answer {
        Answer::Reply(reply) => reply,
        Answer::Failure(failure) => return Problem::from(failure).into_response(),
        Answer::Degraded(on_error, failure) => return degraded(on_error, failure),
    };
    let status = status(command, &reply);
    let mut response = match &reply {
        Reply::Limit(row) => {
            let mut response = text(status, JSON, LimitAnswer::from(row).text().body());
            no_store(&mut response);
            response
        }
        Reply::Quota(quota) => {
            let Quota { allowed, retry_after_ms, blocking, limits, reservation, index, granted, is_leased } =
                quota;
            let limits = limits.iter().map(QuotaLimitAnswer::from).collect();
            let (allowed, retry_after_ms, reservation) = (*allowed, *retry_after_ms, reservation.as_ref());
            let granted = granted.as_ref().map(|all| all.iter().map(|(unit, n)| (&**unit, *n)).collect());
            let (index, lease) = (*index, is_leased.then_some(true));
            let answer =
                QuotaAnswer { allowed, retry_after_ms, blocking, limits, reservation, index, granted, lease };
            json(status, JSON, &answer)
        }
        Reply::Done(done) => json(status, JSON, &DoneAnswer { done: *done }),
        Reply::Remaining(remaining) => json(status, JSON, &RemainingAnswer { remaining: *remaining }),
        Reply::Held(hold_ms) => json(status, JSON, &HeldAnswer { hold_ms: *hold_ms }),
        Reply::Elsewhere(used) => {
            json(status, JSON, &SyncAnswer { used_elsewhere: used.as_slice().into(), hold_ms: None })
        }
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
    if let Some(value) = fields::rate_limit_policy(backend, command) {
        headers.insert(fields::RATE_LIMIT_POLICY, value);
    }
    response
}

/// The response to a request that the back end could not decide.
fn degraded(on_error: OnError, failure: Failure) -> Response {
    let mut response = match on_error {
        OnError::Allow => json(StatusCode::OK, JSON, &DegradedAnswer { allowed: true, degraded: true }),
        OnError::Deny => {
            let mut problem = Problem::from(failure);
            problem.detail = format!("{}, so the request is denied", problem.detail).into();
            problem.is_decision = true;
            problem.into_response()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_of_a_limit_is_written_as_serde_writes_it() {
        let (allowed, limit, remaining) = (false, MAX, 0);
        for (retry_after_ms, granted) in [(-1, None), (0, Some(0)), (i64::MAX, Some(u64::MAX))] {
            let reset_after_ms = 60_000;
            let answer = LimitAnswer { allowed, limit, remaining, retry_after_ms, reset_after_ms, granted };
            assert_eq!(answer.text().body(), serde_json::to_string(&answer).unwrap());
        }
    }
}
