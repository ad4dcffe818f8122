//! What a descriptor is answered: a reply of a back end in Envoy's words.

use prost_types::Duration;
use rl_core::fault::Fault;
use tonic::Status;

use super::proto::envoy::service::ratelimit::v3::rate_limit_response::rate_limit::Unit;
use super::proto::envoy::service::ratelimit::v3::rate_limit_response::{Code, DescriptorStatus, RateLimit};
use crate::reply::{Failure, Reply, Row};

/// What one descriptor is answered.
#[derive(Clone, Debug)]
pub(super) struct Verdict {
    /// As Envoy is told.
    pub(super) status: DescriptorStatus,
    /// Whether its limit is used up, even if nothing is denied for it.
    pub(super) is_over: bool,
    /// In how many ms it is admitted; `None` where that is not known, or never.
    pub(super) retry_after_ms: Option<u64>,
}

impl Verdict {
    /// It may, and is counted nowhere.
    pub(super) fn free() -> Self {
        let status =
            DescriptorStatus { code: Code::Ok.into(), limit_remaining: u32::MAX, ..Default::default() };
        Self { status, is_over: false, retry_after_ms: None }
    }

    /// There is no limit for it.
    pub(super) fn without_limit() -> Self {
        let mut free = Self::free();
        free.status.limit_remaining = 0; // as Envoy's own service says it
        free
    }

    /// It may not, since nobody may.
    pub(super) fn nothing(name: &str, unit: Unit) -> Self {
        let limit = RateLimit { requests_per_unit: 0, unit: unit.into(), name: name.to_owned() };
        let status = DescriptorStatus {
            code: Code::OverLimit.into(),
            current_limit: Some(limit),
            ..Default::default()
        };
        Self { status, is_over: true, retry_after_ms: None }
    }

    /// What the back end has said of so many hits; with `counted` they are booked whatever it said. Where nothing is
    /// to be counted, it is over if nothing remains. `None` if the reply is of no request for admission.
    pub(super) fn of(reply: &Reply, name: &str, unit: Unit, hits: u64, counted: bool) -> Option<Self> {
        let row = match reply {
            Reply::Limit(row) => *row,
            Reply::Quota(quota) => quota.limits.iter().map(|(_, row)| *row).min_by_key(nearest)?,
            Reply::Done(_) | Reply::Remaining(_) | Reply::None => return None,
        };
        let (is_over, remaining) = match (hits, counted) {
            (0, _) => (row.remaining == 0, row.remaining),
            (_, true) => (row.remaining < hits, row.remaining.saturating_sub(hits)),
            (_, false) => (reply.allowed() == Some(false), row.remaining),
        };
        let limit =
            RateLimit { requests_per_unit: whole(row.limit), unit: unit.into(), name: name.to_owned() };
        let status = DescriptorStatus {
            code: if is_over { Code::OverLimit } else { Code::Ok }.into(),
            current_limit: Some(limit),
            limit_remaining: whole(remaining),
            duration_until_reset: Some(duration(row.reset_after_ms)),
        };
        let mut verdict = Self { status, is_over, retry_after_ms: None };
        if is_over {
            verdict.later(reply);
        }
        Some(verdict)
    }

    /// It is admitted when this reply says.
    pub(super) fn later(&mut self, reply: &Reply) {
        self.retry_after_ms = u64::try_from(reply.retry_after_ms()).ok().filter(|ms| *ms > 0);
    }

    /// It may go on although it is over.
    pub(super) fn let_pass(&mut self) {
        self.status.code = Code::Ok.into();
        (self.is_over, self.retry_after_ms) = (false, None);
    }

    /// How far it is from being over; `None` if it never is.
    pub(super) fn distance(&self) -> Option<(bool, u32)> {
        self.status.current_limit.as_ref().map(|_| (!self.is_over, self.status.limit_remaining))
    }
}

/// Of many limits, that is told of which blocks for longest, or else that of which least remains.
const fn nearest(row: &Row) -> (bool, i64, u64) {
    let retry = if row.retry_after_ms < 0 { i64::MIN } else { row.retry_after_ms.saturating_neg() };
    (row.allowed, retry, row.remaining)
}

fn whole(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn duration(ms: u64) -> Duration {
    let nanos = i32::try_from(ms.rem_euclid(1_000)).unwrap_or(0).saturating_mul(1_000_000);
    Duration { seconds: i64::try_from(ms.div_euclid(1_000)).unwrap_or(i64::MAX), nanos }
}

/// Why nothing was decided. For Envoy each of these is an error of the service, and its own `failure_mode_deny` decides.
pub(super) fn failed(failure: Failure) -> Status {
    match failure {
        Failure::Down => Status::unavailable("the back end does not answer"),
        Failure::Full => Status::resource_exhausted("there are as many keys as this server may hold"),
        Failure::Strange => Status::internal("the back end gives no answer that is understood"),
        Failure::Fault(fault) => fault_status(fault),
    }
}

/// As [`failed`], for what is wrong with a request or a key.
pub(super) fn fault_status(fault: Fault) -> Status {
    let text = fault.text().to_str().unwrap_or_default();
    let text = text.split_once(' ').map_or(text, |(_, text)| text);
    match fault {
        Fault::NoPolicy | Fault::NeedsReserve | Fault::WrongType => Status::failed_precondition(text),
        Fault::NoPermission => Status::permission_denied("the back end refuses the command"),
        Fault::OutOfMemory | Fault::Reservations | Fault::Retired => Status::resource_exhausted(text),
        Fault::SlotMoves => Status::unavailable(text),
        _ => Status::invalid_argument(text),
    }
}
