//! All kinds of requests, for a host that does not tell them apart.

use std::sync::Arc;

use smallvec::SmallVec;

use super::first::first;
use super::host::Host;
use super::limit::Granted;
use super::peek::{Peeked, peek};
use super::quota::{Asked, Outcome};
use super::refund::refund;
use super::reservation::conclude;
use super::turn::{Standing, Turn};
use super::{limit, outside, quota};
use crate::fault::Fault;
use crate::grammar::request::Request;
use crate::grammar::terms::Reserve;
use crate::limit::decision::{Decision, Retry};
use crate::quota::decide::QuotaDecision;
use crate::quota::effect::QuotaEffect;
use crate::quota::name::Name;
use crate::quota::shape::Shape;

/// What a request is answered.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "the larger ones are the common ones")]
pub enum Reply {
    /// What one limit says.
    Limit(Decision),
    /// What one limit says to a request that takes as much as there is, and how much it is granted.
    Granted(Decision, u64),
    /// What the limits of one or more quotas say.
    Quota(QuotaReply),
    /// What the limits of the first of several quotas say that admits, and its index. If none does it is `None`, and they are
    /// those of the quota that will admit soonest.
    First(QuotaReply, Option<usize>),
    /// What remains after a refund.
    Remaining(u64),
    /// Whether the reservation was open.
    Done(bool),
    /// How many ms a hold lasts.
    Held(u64),
    /// How much of each limit is used elsewhere, by its name. The one limit of a key has no name.
    Elsewhere(SmallVec<[(Box<[u8]>, u64); 4]>),
    /// The key does not exist.
    Nothing,
}

/// What the limits of one or more quotas say.
#[derive(Clone, Debug, PartialEq)]
pub struct QuotaReply {
    /// What was granted of each unit, if the request takes as much as there is.
    pub granted: Option<Vec<(Name, u64)>>,
    /// For each key its limits, and what they say.
    pub keys: SmallVec<[(Arc<Shape>, QuotaDecision); 1]>,
    /// The id of the reservation, if one was asked for and if there is one now.
    pub reservation: Option<Option<Box<[u8]>>>,
}

impl QuotaReply {
    /// Whether all limits admit the request.
    #[must_use]
    pub fn allowed(&self) -> bool {
        self.keys.iter().all(|(_, decision)| decision.allowed())
    }

    /// When all limits that block admit it.
    #[must_use]
    pub fn retry(&self) -> Retry {
        self.keys.iter().map(|(_, decision)| decision.retry()).max().unwrap_or(Retry::Now)
    }

    fn of<H: Host>(asked: &[Asked<H>], outcome: &Outcome, reserve: Option<Reserve<'_>>) -> Self {
        let keys = asked.iter().map(|asked| (Arc::clone(&asked.shape), asked.decision.clone()));
        let reservation = reserve.map(|reserve| outcome.id(reserve).map(Into::into));
        let granted = reserve.is_some_and(|reserve| reserve.is_up_to()).then(|| {
            let units = asked.iter().flat_map(Asked::granted);
            units.map(|(unit, n)| (unit.clone(), n)).collect()
        });
        Self { keys: keys.collect(), reservation, granted }
    }
}

/// Runs a request on its keys, in the order in which it names them.
///
/// # Errors
/// The fault of the request, and the host's own. Nothing has changed then.
pub fn run<H: Host>(
    host: &mut H,
    names: &[H::Name],
    request: &Request<'_>,
    standing: Standing,
) -> Result<Turn<Reply>, H::Error> {
    let &[name, ..] = names else { return Err(Fault::Numkeys.into()) };
    let done = match request {
        Request::Limit(request) if request.is_up_to => {
            let turn = limit::up_to(host, name, request, standing)?;
            return Ok(turn.map(|Granted { decision, cost }| Reply::Granted(decision, cost)));
        }
        Request::Limit(request) => {
            let turn = limit::turn(host, name, request, standing)?;
            return Ok(turn.map(Reply::Limit));
        }
        Request::Quota(ask) => {
            let reserve = ask.reserve;
            let turn = quota::one(host, name, ask.clone(), standing, |_, asked, outcome| {
                QuotaReply::of(asked, outcome, reserve)
            })?;
            return Ok(turn.map(Reply::Quota));
        }
        Request::ManyQuotas(request) => {
            let reserve = request.terms.reserve;
            let asks = names.iter().copied().zip(request.limits());
            let waits = request.terms.wait.is_some();
            let turn = quota::many(host, asks, reserve, waits, standing, |_, asked, outcome| {
                QuotaReply::of(asked, outcome, reserve)
            })?;
            return Ok(turn.map(Reply::Quota));
        }
        Request::First(request) => {
            let reserve = request.terms.reserve;
            let asks = names.iter().copied().zip(request.limits());
            let waits = request.terms.wait.is_some();
            return first(host, asks, reserve, waits, standing, |_, asked, outcome, at| {
                Reply::First(QuotaReply::of(asked, outcome, reserve), at)
            });
        }
        Request::Peek(costs) => match peek(host, name, costs)? {
            Peeked::Nothing => Reply::Nothing,
            Peeked::Limit(decision) => Reply::Limit(decision),
            Peeked::Quota(shape, decision) => {
                let keys = core::iter::once((shape, *decision)).collect();
                Reply::Quota(QuotaReply { keys, reservation: None, granted: None })
            }
        },
        Request::Refund(cost) => Reply::Remaining(refund(host, name, *cost)?),
        Request::Settle { id, used } => {
            let settle = |at| QuotaEffect::Settle { id, at, used: used.clone() };
            Reply::Done(conclude(host, name, id, settle)?)
        }
        Request::Cancel { id } => Reply::Done(conclude(host, name, id, |at| QuotaEffect::Cancel { id, at })?),
        Request::Renew { id, ttl } => {
            let renew = |at: crate::time::At| QuotaEffect::Renew { id, at, expires: at.plus(*ttl) };
            Reply::Done(conclude(host, name, id, renew)?)
        }
        Request::Hold(hold) => Reply::Held(outside::hold(host, name, hold)?),
        Request::Sync(sync) => {
            let used = outside::sync(host, name, sync)?;
            Reply::Elsewhere(used.into_iter().map(|(limit, used)| (limit.into(), used)).collect())
        }
    };
    Ok(Turn::answer(true, done))
}
