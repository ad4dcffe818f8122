//! Errors: RFC 9457 problem details. No text repeats what a client has sent.

use std::borrow::Cow;

use hyper::StatusCode;
use hyper::header::{self, HeaderValue};
use rl_core::fault::Fault;
use schemars::JsonSchema;
use serde::Serialize;

use super::response::{Response, json};
use crate::app::PolicyRefusal;
use crate::clock::whole_seconds;
use crate::reply::Failure;
use crate::undecided::Cause;

/// An error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// The status.
    pub(crate) status: StatusCode,
    /// The name of the error, for programs. It does not change when the text does.
    pub(crate) code: &'static str,
    /// What is wanted, for people.
    pub(crate) detail: Cow<'static, str>,
    /// `Retry-After`, in seconds.
    pub(crate) retry_after: Option<u64>,
    /// Whether `on_error` has denied the request: the body says so.
    pub(crate) is_decision: bool,
}

impl Problem {
    /// An error with this status, code and detail.
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { status, code, detail: detail.into(), retry_after: None, is_decision: false }
    }

    /// A request that is wrong: 400.
    pub(crate) fn request(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", detail)
    }

    /// Adds `Retry-After`.
    pub(super) const fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        let detail = |fault: Fault| {
            let text = fault.text().to_str().unwrap_or_default();
            text.split_once(' ').map_or(text, |(_, text)| text)
        };
        match fault {
            Fault::Busy => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "too_many_waiters", detail(fault)).retry_after(1)
            }
            Fault::Flows => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "too_many_flows", detail(fault)).retry_after(1)
            }
            Fault::WrongType
            | Fault::HoldsSlide
            | Fault::HoldsWindow
            | Fault::HoldsBucket
            | Fault::HoldsQuota => Self::new(
                StatusCode::CONFLICT,
                "wrong_algorithm",
                "the key holds a limit of another algorithm, or something else",
            ),
            Fault::NoPolicy => Self::new(StatusCode::CONFLICT, "no_such_policy", "there is no such policy"),
            Fault::NoLimit => Self::new(StatusCode::CONFLICT, "no_such_limit", "the key has no such limit"),
            Fault::IdElsewhere => Self::new(
                StatusCode::CONFLICT,
                "id_elsewhere",
                "this id is open on some of these keys only, settle or cancel it there first",
            ),
            Fault::Policies | Fault::Overrides => {
                Self::new(StatusCode::CONFLICT, "too_many_policies", detail(fault))
            }
            Fault::Reservations | Fault::Leases => {
                Self::new(StatusCode::CONFLICT, "key_is_full", detail(fault))
            }
            Fault::NeedsReserve => Self::request("a quota with an inflight limit needs reserve"),
            Fault::PeekSyntax => Self::new(
                StatusCode::CONFLICT,
                "wrong_algorithm",
                "the key holds one limit, so cost must be an integer",
            ),
            Fault::MaxWindow => Self::request("window or period is longer than this server allows"),
            _ => Self::request(detail(fault)),
        }
    }
}

impl From<Cause> for Problem {
    fn from(cause: Cause) -> Self {
        let wrong = |code| Self::new(StatusCode::BAD_GATEWAY, code, cause.text());
        let unavailable =
            |code| Self::new(StatusCode::SERVICE_UNAVAILABLE, code, cause.text()).retry_after(1);
        match cause {
            Cause::Down => unavailable("back_end_down"),
            Cause::NotAuthenticated | Cause::NotPermitted => wrong("back_end_refuses"),
            Cause::NoModule => wrong("back_end_without_module"),
            Cause::ReadOnly => unavailable("back_end_read_only"),
            Cause::OutOfMemory => unavailable("out_of_memory"),
            Cause::SlotMoves => unavailable("slot_moves"),
            Cause::TooManyKeys => Self { retry_after: None, ..unavailable("too_many_keys") },
            Cause::TooManyTokenKeys => Self { retry_after: None, ..unavailable("too_many_token_keys") },
            Cause::Strange => wrong("back_end_strange"),
        }
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        match (Cause::of(failure), failure) {
            (Some(cause), Failure::Full { retry_after_ms: Some(ms) }) => {
                Self::from(cause).retry_after(whole_seconds(ms).max(1))
            }
            (Some(cause), _) => cause.into(),
            (None, Failure::Fault(fault)) => fault.into(),
            (None, Failure::OtherSlots) => {
                let detail = "the keys must be in one slot of the cluster: give them one {tag}";
                Self::new(StatusCode::BAD_REQUEST, "keys_in_other_slots", detail)
            }
            (
                None,
                Failure::Full { .. }
                | Failure::TokenFull
                | Failure::Down
                | Failure::NotAuthenticated
                | Failure::NoModule
                | Failure::ReadOnly
                | Failure::Strange,
            ) => Cause::Strange.into(), // they have a cause
        }
    }
}

impl From<PolicyRefusal> for Problem {
    fn from(refusal: PolicyRefusal) -> Self {
        match refusal {
            PolicyRefusal::OfFile => {
                let detail = "this policy is in the server's file of policies, change it there";
                Self::new(StatusCode::CONFLICT, "policy_of_file", detail)
            }
            PolicyRefusal::Failure(failure) => failure.into(),
        }
    }
}

/// A problem as it is sent.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Problem", deny_unknown_fields, description = "RFC 9457.")]
pub(super) struct ProblemBody<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    title: &'a str,
    status: u16,
    /// The name of the error, for programs.
    code: &'a str,
    /// For people. It never repeats what was sent.
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "bool", extend("const" = false))]
    allowed: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "bool", extend("const" = true))]
    degraded: Option<bool>,
}

impl Problem {
    /// The response.
    pub(super) fn into_response(self) -> Response {
        let Self { status, code, detail, retry_after, is_decision } = self;
        let body = ProblemBody {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            code,
            detail: &detail,
            allowed: is_decision.then_some(false),
            degraded: is_decision.then_some(true),
        };
        let mut response = json(status, "application/problem+json", &body);
        let headers = response.headers_mut();
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
