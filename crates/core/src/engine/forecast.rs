//! What a request is answered that has to stand behind others, though its limits might admit it.
//!
//! Those before it are let go on one after another, each as soon as its limits admit it, on a copy of
//! what the key holds, or give up when they have waited for as long as they would; then it is the request's
//! own turn. That tells when, to the millisecond, if all goes on so: nobody else comes or leaves, nothing is
//! given back or settled, no policy changes.
//!
//! It is later where more stand before it than [`AHEAD_MAX`], where one of them waits for other keys as
//! well, and where waiters of lower lanes go on after them. It is sooner where a client before it
//! disconnects, or a reservation is settled before it runs out. And it may be either where reservations are
//! open and the requests before it name limits of the same name and another algorithm.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::grammar::limit::Request;
use crate::limit::decision::{Decision, Retry, wait_ms};
use crate::limit::state::State;
use crate::quota::Quota;
use crate::quota::decide::{Demand, QuotaDecision, decide};
use crate::quota::effect::Admission;
use crate::quota::limit::Measure;
use crate::quota::reservations::Reservations;
use crate::quota::shape::{PerLimit, Shape};
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

/// One of those before a request.
#[derive(Clone, Copy, Debug)]
pub struct Ahead<'a> {
    /// What it takes when it goes on.
    pub claim: &'a Claim,
    /// For how long it waits still, at most.
    pub patience: Span,
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

impl QuotaClaim {
    /// Whether it takes anything at all: what takes nothing needs to wait for nobody.
    #[must_use]
    pub fn takes(&self) -> bool {
        self.ttl.is_some() || self.costs.iter().any(|cost| *cost > 0)
    }
}

/// What a request against one limit is answered behind `ahead`.
#[must_use]
pub fn limit<'a>(
    held: Option<&State>,
    ahead: impl Iterator<Item = Ahead<'a>>,
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
    for Ahead { claim, patience } in ahead {
        is_first = false;
        let Claim::Limit(Request { rule, cost, .. }) = claim else { continue };
        let answer = ask(copy.as_ref(), rule, *cost, at);
        let Some(then) = answer.retry.at(at) else { continue };
        let gives_up = clock.plus(patience);
        if then > gives_up {
            at = at.max(gives_up);
            continue;
        }
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
    ahead: impl Iterator<Item = Ahead<'a>>,
    claim: &QuotaClaim,
    clock: At,
) -> QuotaDecision {
    let copy = held.map_or_else(|| Quota::new(Arc::clone(&claim.shape)), Quota::without_reservations);
    let reserved = held.and_then(Quota::reservations);
    let mut course = Course { copy, reserved, ends: SmallVec::new() };
    let (mut at, mut is_first) = (clock, true);
    for Ahead { claim, patience } in ahead {
        is_first = false;
        let Claim::Quota(claim) = claim else { continue };
        let Some(then) = course.turn(claim, at) else { continue };
        let gives_up = clock.plus(patience);
        if then > gives_up {
            at = at.max(gives_up);
            continue;
        }
        at = then;
        course.take(claim, at);
    }
    let retry = course.turn(claim, at).map_or(Retry::Never, |then| later(clock, then));
    let mut verdict = decide(held, &claim.shape, &Demand { costs: &[], ttl: None }, clock);
    for (index, (row, limit)) in verdict.rows.iter_mut().zip(claim.shape.limits()).enumerate() {
        let cost = claim.costs.get(index).copied().unwrap_or(0);
        if limit.takes(cost, claim.ttl) > 0 {
            let remaining = if is_first { row.remaining } else { 0 };
            *row = Decision { allowed: false, remaining, retry, ..*row };
        }
    }
    verdict
}

/// What a key holds while those before a request go on.
struct Course<'a> {
    /// What is counted by then, without what is reserved: of that there may be a lot.
    copy: Quota,
    /// What was reserved before.
    reserved: Option<&'a Reservations>,
    /// When the reservations run out that were made since, the first of them first.
    ends: SmallVec<[At; 8]>,
}

impl Course<'_> {
    /// When a claim goes on whose turn it is from `at` on; `None` if it never does.
    fn turn(&self, claim: &QuotaClaim, at: At) -> Option<At> {
        let demand = Demand { costs: &claim.costs, ttl: None };
        let rates = decide(Some(&self.copy), &claim.shape, &demand, at).retry().at(at)?;
        let slots = claim.shape.limits().iter().filter_map(|limit| match limit.measure {
            Measure::InFlight(most) if claim.ttl.is_some() => Some(self.frees(most, at)),
            _ => None,
        });
        Some(slots.fold(rates, At::max))
    }

    /// Charges a claim that goes on at `at`.
    fn take(&mut self, claim: &QuotaClaim, at: At) {
        if !claim.takes() {
            return; // nor are its limits in force then
        }
        let (shape, costs) = (Arc::clone(&claim.shape), claim.costs.clone());
        self.copy.take(&Admission { shape, at, costs, reserved: None });
        if let Some(ttl) = claim.ttl {
            let end = self.copy.now(at).plus(ttl);
            self.ends.insert(self.ends.partition_point(|other| *other <= end), end);
        }
    }

    /// From when on, not before `at`, fewer than `most` reservations are open.
    fn frees(&self, most: u64, at: At) -> At {
        let since = self.ends.get(self.ends.partition_point(|end| *end <= at)..).unwrap_or_default();
        let before = self.reserved.map_or(0, |reserved| reserved.open(at));
        let open = before.saturating_add(since.len());
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let Some(excess) = open.checked_sub(most).and_then(|excess| excess.checked_add(1)) else { return at };
        // So many of those have run out by then; whichever are the first of both kinds.
        let when = |of_since: usize| {
            let of_before = excess.checked_sub(of_since)?;
            let since = of_since.checked_sub(1).map_or(Some(at), |last| since.get(last).copied())?;
            let before = if of_before > 0 { self.reserved?.frees(of_before, at)? } else { at };
            Some(since.max(before))
        };
        (0..=since.len()).filter_map(when).min().unwrap_or(at)
    }
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
