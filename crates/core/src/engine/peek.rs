//! What a request would be answered, without making it.

use std::sync::Arc;

use super::forecast::{self, Stands};
use super::host::{Host, Line};
use super::policy::in_force;
use crate::fault::{Fault, Result};
use crate::grammar::limit::Request;
use crate::limit::decision::{Decision, Retry};
use crate::limit::state::State;
use crate::queue::{Lane, QuotaClaim};
use crate::quota::Quota;
use crate::quota::costs::Costs;
use crate::quota::decide::{self, Demand, QuotaDecision};
use crate::quota::limit::REQUESTS;
use crate::quota::shape::Shape;
use crate::time::Span;
use crate::value::Value;

/// How a key stands.
#[derive(Clone, Debug)]
pub enum Peeked {
    /// The key does not exist.
    Nothing,
    /// What one limit says.
    Limit(Decision),
    /// What each limit of a quota says. It is large, and peeking at one limit must not pay for it.
    Quota(Arc<Shape>, Box<QuotaDecision>),
}

/// Tells what a request of these costs would be answered. It would come to the default lane.
///
/// # Errors
/// [`Fault::WrongType`]; [`Fault::PeekSyntax`] if a unit is named for a key of one limit.
#[inline(always)] // what it returns is large
pub fn peek<H: Host>(host: &mut H, name: H::Name, costs: &Costs<'_>) -> Result<Peeked> {
    host.read(name, |host, value| match value {
        Some(Value::Limit(state)) => limit(host, name, state, costs, Lane::default()).map(Peeked::Limit),
        Some(Value::Quota(held)) => Ok(quota(host, name, held, costs, Lane::default())),
        Some(Value::Held(held)) => {
            let asks = costs.iter().map(|(_, cost)| cost).chain([costs.of(REQUESTS)]).max();
            Ok(Peeked::Limit(held.limit().peek(asks.unwrap_or(0), host.clock())))
        }
        None => Ok(Peeked::Nothing),
    })?
}

/// When one request that comes now to a lane, and does not wait, would be admitted.
pub fn newcomer<H: Host>(host: &H, name: H::Name, value: &Value, lane: Lane) -> Retry {
    let costs = Costs::default();
    match value {
        Value::Limit(state) => limit(host, name, state, &costs, lane).map_or(Retry::Never, |told| told.retry),
        Value::Quota(held) => match quota(host, name, held, &costs, lane) {
            Peeked::Quota(_, told) => told.retry(),
            Peeked::Limit(_) | Peeked::Nothing => Retry::Now,
        },
        Value::Held(held) => held.limit().peek(1, host.clock()).retry,
    }
}

#[inline(always)] // as `peek`
fn limit<H: Host>(host: &H, name: H::Name, state: &State, costs: &Costs<'_>, lane: Lane) -> Result<Decision> {
    if costs.iter().any(|(unit, _)| unit != REQUESTS) {
        return Err(Fault::PeekSyntax); // one limit counts requests, whatever they are
    }
    let (cost, clock) = (costs.of(REQUESTS), host.clock());
    let peeked = state.peek(cost, clock);
    let queued = (cost > 0 && host.has_waiters()).then(|| {
        let request = Request { rule: state.rule(), cost, is_up_to: false, wait: None };
        let stands = Stands::Decided(peeked);
        let tell = |line: Line<'_, '_>| forecast::limit(Some(state), line, &request, &stands, clock);
        host.line(name, lane, tell)
    });
    Ok(queued.flatten().unwrap_or(peeked))
}

#[cold]
fn quota<H: Host>(host: &H, name: H::Name, held: &Quota, costs: &Costs<'_>, lane: Lane) -> Peeked {
    let (shape, clock) = (in_force(host, name, held), host.clock());
    // If the quota counts reservations, the question is whether one more would be admitted.
    let (costs, ttl) = (costs.by_limit(&shape), Some(Span::from_ms(1)));
    let peeked = decide::peek(held, &shape, &Demand { costs: &costs, ttl, is_lease: false }, clock);
    let claim = QuotaClaim {
        shape: Arc::clone(&shape),
        costs,
        ttl: ttl.filter(|_| shape.counts_reservations()),
        is_lease: false,
    };
    let queued = (claim.takes() && host.has_waiters()).then(|| {
        let stands = Stands::Decided(peeked.clone());
        let tell = |line: Line<'_, '_>| forecast::quota(Some(held), line, &claim, stands, clock);
        host.line(name, lane, tell)
    });
    Peeked::Quota(shape, Box::new(queued.flatten().unwrap_or(peeked)))
}
