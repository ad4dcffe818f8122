//! The decision about one descriptor: a reply of the back end in Envoy's terms.

use std::cmp::Reverse;

use prost_types::Duration;
use rl_core::fault::Fault;
use tonic::Status;

use super::proto::envoy::service::ratelimit::v3::rate_limit_response::rate_limit::Unit;
use super::proto::envoy::service::ratelimit::v3::rate_limit_response::{Code, DescriptorStatus, RateLimit};
use crate::reply::{Failure, Reply, Row};
use crate::undecided::Cause;

/// The decision about one descriptor.
#[derive(Clone, Debug)]
pub(super) struct DescriptorDecision {
    /// The status that Envoy receives.
    pub(super) status: DescriptorStatus,
    /// Whether it is over its limit, even if that denies nothing.
    pub(super) is_over: bool,
    /// The ms until it is admitted; `None` if that is unknown or never.
    pub(super) retry_after_ms: Option<u64>,
}

impl DescriptorDecision {
    /// Admitted, and not counted.
    pub(super) fn free() -> Self {
        let status =
            DescriptorStatus { code: Code::Ok.into(), limit_remaining: u32::MAX, ..Default::default() };
        Self { status, is_over: false, retry_after_ms: None }
    }

    /// Admitted, since there is no limit.
    pub(super) fn without_limit() -> Self {
        let mut free = Self::free();
        free.status.limit_remaining = 0; // as in Envoy's own service
        free
    }

    /// Denied by a limit of 0.
    pub(super) fn nothing(name: &str, unit: Unit) -> Self {
        let limit = RateLimit { requests_per_unit: 0, unit: unit.into(), name: name.to_owned() };
        let status = DescriptorStatus {
            code: Code::OverLimit.into(),
            current_limit: Some(limit),
            ..Default::default()
        };
        Self { status, is_over: true, retry_after_ms: None }
    }

    /// The decision for this many hits. With `counted`, they are counted whatever the reply says. With 0 hits, the
    /// descriptor is over its limit if nothing remains. `None` if the reply is not one to a request for admission.
    pub(super) fn new(reply: &Reply, name: &str, unit: Unit, hits: u64, counted: bool) -> Option<Self> {
        let row = nearest_row(reply)?;
        let (is_over, remaining) = match (hits, counted) {
            (0, _) => (row.remaining == 0, row.remaining),
            (_, true) => (row.remaining < hits, row.remaining.saturating_sub(hits)),
            (_, false) => (reply.allowed() == Some(false), row.remaining),
        };
        let limit =
            RateLimit { requests_per_unit: saturate(row.limit), unit: unit.into(), name: name.to_owned() };
        let status = DescriptorStatus {
            code: if is_over { Code::OverLimit } else { Code::Ok }.into(),
            current_limit: Some(limit),
            limit_remaining: saturate(remaining),
            duration_until_reset: Some(duration(row.reset_after_ms)),
        };
        let mut decision = Self { status, is_over, retry_after_ms: None };
        if is_over {
            decision.set_retry(reply);
        }
        Some(decision)
    }

    /// Takes the time until it is admitted from this reply, and the limit that blocks for so long.
    pub(super) fn set_retry(&mut self, reply: &Reply) {
        self.retry_after_ms = u64::try_from(reply.retry_after_ms()).ok().filter(|ms| *ms > 0);
        if let (Some(row), Some(limit)) = (nearest_row(reply), &mut self.status.current_limit) {
            limit.requests_per_unit = saturate(row.limit);
            self.status.duration_until_reset = Some(duration(row.reset_after_ms));
        }
    }

    /// Admits it although it is over its limit.
    pub(super) fn admit(&mut self) {
        self.status.code = Code::Ok.into();
        (self.is_over, self.retry_after_ms) = (false, None);
    }

    /// How near it is to its limit, for comparison: over the limit first, then the one that is over it for longest, then by
    /// what remains. `None` without a limit.
    pub(super) fn distance(&self) -> Option<(bool, Reverse<u64>, u32)> {
        let time = if self.is_over { self.retry_after_ms.unwrap_or(u64::MAX) } else { 0 };
        self.status
            .current_limit
            .as_ref()
            .map(|_| (!self.is_over, Reverse(time), self.status.limit_remaining))
    }
}

/// The limit of a reply that Envoy is told about; `None` if the reply has none.
fn nearest_row(reply: &Reply) -> Option<Row> {
    match reply {
        Reply::Limit(row) => Some(*row),
        Reply::Quota(quota) => quota.limits.iter().map(|(_, row)| *row).min_by_key(nearest),
        Reply::Done(_) | Reply::Remaining(_) | Reply::Held(_) | Reply::Elsewhere(_) | Reply::None => None,
    }
}

/// Of several limits, Envoy is told about one: the one that blocks for longest, or else the one with the least left.
const fn nearest(row: &Row) -> (bool, i64, u64) {
    let retry = if row.retry_after_ms < 0 { i64::MIN } else { row.retry_after_ms.saturating_neg() };
    (row.allowed, retry, row.remaining)
}

fn saturate(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn duration(ms: u64) -> Duration {
    let nanos = i32::try_from(ms.rem_euclid(1_000)).unwrap_or(0).saturating_mul(1_000_000);
    Duration { seconds: i64::try_from(ms.div_euclid(1_000)).unwrap_or(i64::MAX), nanos }
}

/// The error of a call. For Envoy it is a failure of the service, and its own `failure_mode_deny` decides.
pub(super) fn failure_status(failure: Failure) -> Status {
    let cause = match (Cause::of(failure), failure) {
        (None, Failure::Fault(fault)) => return fault_status(fault),
        (cause, _) => cause.unwrap_or(Cause::Strange), // all but faults have one
    };
    match cause {
        Cause::Down | Cause::NotAuthenticated | Cause::ReadOnly | Cause::NoModule | Cause::SlotMoves => {
            Status::unavailable(cause.text())
        }
        Cause::NotPermitted => Status::permission_denied(cause.text()),
        Cause::OutOfMemory | Cause::TooManyKeys | Cause::TooManyTokenKeys => {
            Status::resource_exhausted(cause.text())
        }
        Cause::Strange => Status::internal(cause.text()),
    }
}

/// The error for a wrong request or key.
pub(super) fn fault_status(fault: Fault) -> Status {
    let text = fault.text().to_str().unwrap_or_default();
    let text = text.split_once(' ').map_or(text, |(_, text)| text);
    match fault {
        Fault::NoPolicy
        | Fault::NeedsReserve
        | Fault::WrongType
        | Fault::HoldsSlide
        | Fault::HoldsWindow
        | Fault::HoldsBucket
        | Fault::HoldsQuota => Status::failed_precondition(text),
        Fault::Reservations | Fault::Leases => Status::resource_exhausted(text),
        _ => Status::invalid_argument(text),
    }
}
