//! What a request is answered that has to stand behind others, though its limits might admit it.
//!
//! Those before it are let go on one after another, each as soon as its limits admit it, on a copy of
//! what the key holds; then it is the request's own turn. That tells when, if nobody else comes.

use std::sync::Arc;

use crate::decision::{Decision, Retry, wait_ms};
use crate::quota::Quota;
use crate::quota::change::Admission;
use crate::quota::decide::{Demand, Verdict, decide};
use crate::quota::limit::Measure;
use crate::quota::shape::{PerLimit, Shape};
use crate::request::Request;
use crate::state::State;
use crate::time::{At, Span};

/// So many of those before a request are let go on; where there are more, it takes longer than it says.
pub const AHEAD_MAX: usize = 64;

/// What one who waits takes of a key when it goes on.
#[derive(Clone, Debug)]
pub enum Claim {
    /// Of one limit.
    Limit(Request),
    /// Of many.
    Quota(QuotaClaim),
}

/// What it takes of a quota.
#[derive(Clone, Debug)]
pub struct QuotaClaim {
    /// The limits that it asks.
    pub shape: Arc<Shape>,
    /// What it takes of each.
    pub costs: PerLimit<u64>,
    /// For how long it is reserved, if it is.
    pub ttl: Option<Span>,
}

impl Claim {
    /// Whether it takes anything at all: what takes nothing needs to wait for nobody.
    #[must_use]
    pub fn takes(&self) -> bool {
        match self {
            Self::Limit(request) => request.cost > 0,
            Self::Quota(claim) => claim.takes(),
        }
    }
}

impl QuotaClaim {
    /// See [`Claim::takes`].
    #[must_use]
    pub fn takes(&self) -> bool {
        self.ttl.is_some() || self.costs.iter().any(|cost| *cost > 0)
    }
}

/// What a request against one limit is answered behind `ahead`.
#[must_use]
pub fn limit<'a>(
    held: Option<&State>,
    ahead: impl Iterator<Item = &'a Claim>,
    request: &Request,
    clock: At,
) -> Decision {
    let Request { rule, cost, .. } = request;
    let ask = |state: Option<&State>, rule, cost, at| match state {
        Some(state) => state.decide(rule, cost, at).unwrap_or_else(|_| State::decide_new(rule, cost, at)),
        None => State::decide_new(rule, cost, at),
    };
    let standing = ask(held, rule, 0, clock);
    let mut copy = held.cloned();
    let (mut at, mut is_first) = (clock, true);
    for claim in ahead {
        is_first = false;
        let Claim::Limit(Request { rule, cost, .. }) = claim else { continue };
        let answer = ask(copy.as_ref(), rule, *cost, at);
        let Some(then) = answer.retry.at(at) else { continue };
        at = then;
        // Where the key holds another algorithm, they are told so when it is their turn.
        let _ = copy.get_or_insert_with(|| State::new(rule)).charge(rule, *cost, answer.at.max(at));
    }
    let answer = ask(copy.as_ref(), rule, *cost, at);
    let retry = answer.retry.at(at).map_or(Retry::Never, |then| later(clock, then));
    let remaining = if is_first { standing.remaining } else { 0 };
    Decision { allowed: false, remaining, retry, ..standing }
}

/// What a request against a quota is answered behind `ahead`: every limit that it takes something of
/// blocks it.
#[must_use]
pub fn quota<'a>(
    held: Option<&Quota>,
    ahead: impl Iterator<Item = &'a Claim>,
    claim: &QuotaClaim,
    clock: At,
) -> Verdict {
    let mut copy = held.map_or_else(|| Quota::new(Arc::clone(&claim.shape)), Quota::without_reservations);
    let (mut at, mut slots, mut is_first) = (clock, 0, true);
    for claim in ahead {
        is_first = false;
        let Claim::Quota(claim) = claim else { continue };
        let Some(then) = turn(held, &copy, claim, slots, at) else { continue };
        at = then;
        copy.take(&Admission {
            shape: Arc::clone(&claim.shape),
            at,
            costs: claim.costs.clone(),
            reserved: None,
        });
        slots = slots.saturating_add(usize::from(claim.ttl.is_some()));
    }
    let retry = turn(held, &copy, claim, slots, at).map_or(Retry::Never, |then| later(clock, then));
    let mut verdict = decide(held, &claim.shape, &Demand { costs: &[], ttl: None }, clock);
    for (index, (row, limit)) in verdict.rows.iter_mut().zip(claim.shape.limits()).enumerate() {
        let taken = match limit.measure {
            Measure::Rate(_) => claim.costs.get(index).is_some_and(|cost| *cost > 0),
            Measure::InFlight(_) => claim.ttl.is_some(),
        };
        if taken {
            let remaining = if is_first { row.remaining } else { 0 };
            *row = Decision { allowed: false, remaining, retry, ..*row };
        }
    }
    verdict
}

/// When a claim goes on whose turn it is from `at` on, with `slots` reserved by those before it.
fn turn(held: Option<&Quota>, copy: &Quota, claim: &QuotaClaim, slots: usize, at: At) -> Option<At> {
    let rates = decide(Some(copy), &claim.shape, &Demand { costs: &claim.costs, ttl: None }, at);
    let mut then = rates.retry().at(at)?;
    let reservations = held.and_then(Quota::reservations);
    for limit in claim.shape.limits().iter().filter(|_| claim.ttl.is_some()) {
        if let (Measure::InFlight(most), Some(reservations)) = (limit.measure, reservations) {
            let wanted = reservations.open(at).saturating_add(slots).saturating_add(1);
            let excess = wanted.saturating_sub(usize::try_from(most).unwrap_or(usize::MAX));
            then = then.max(reservations.frees(excess, at).unwrap_or(at));
        }
    }
    Some(then)
}

fn later(clock: At, then: At) -> Retry {
    Retry::After(wait_ms(clock, then).max(1))
}

impl Retry {
    /// The instant it stands for, seen from `now`; none if it never comes.
    fn at(self, now: At) -> Option<At> {
        match self {
            Self::Now => Some(now),
            Self::After(ms) => Some(now.plus(Span::from_ms(ms))),
            Self::Never => None,
        }
    }
}
