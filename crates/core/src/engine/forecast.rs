//! When a request that must queue is admitted, although its limits might admit it now.
//!
//! The waiters before it are let go on one after another on a copy of what the key holds: each when its
//! limits admit it, or not at all if its time is over before. Then it is the request's turn. The
//! result is exact to the millisecond if nobody else comes or leaves, nothing is given back or
//! settled and no policy changes.
//!
//! The request is admitted later if more than [`AHEAD_MAX`] waiters stand before it, if one of them waits for
//! other keys too, or if waiters of lower lanes go on after them. It is admitted sooner if a client before it
//! disconnects, or if a reservation is settled before its ttl. Either may happen if reservations
//! are open and the requests before it name limits of the same name and another algorithm.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::grammar::limit::Request;
use crate::limit::decision::{Decision, Retry, wait_ms};
use crate::limit::state::State;
use crate::queue::claim::{Ahead, Claim, QuotaClaim};
use crate::quota::Quota;
use crate::quota::decide::{Demand, QuotaDecision, decide};
use crate::quota::effect::Admission;
use crate::quota::limit::{Limit, Measure};
use crate::quota::reservations::Reservations;
use crate::time::{At, Span};

/// How many waiters are let go on before a request. If more stand there, it takes longer than it is told.
pub const AHEAD_MAX: usize = 64;

/// Decides on a request to one limit that stands behind `ahead`.
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
    for Ahead { claim, time_left } in ahead {
        is_first = false;
        let Claim::Limit(Request { rule, cost, .. }) = claim else { continue };
        let answer = ask(copy.as_ref(), rule, *cost, at);
        let Some(then) = answer.retry.at(at) else { continue };
        let gives_up = clock.plus(time_left);
        if then > gives_up {
            at = at.max(gives_up);
            continue;
        }
        at = then;
        // A waiter for another algorithm is told so when it is its turn.
        let _ = copy.get_or_insert_with(|| State::new(rule)).charge(rule, *cost, answer.at.max(at));
    }
    let answer = ask(copy.as_ref(), rule, *cost, at);
    let retry = answer.retry.at(at).map_or(Retry::Never, |then| later(clock, then));
    let remaining = if is_first { standing.remaining } else { 0 };
    Decision { allowed: false, remaining, retry, ..standing }
}

/// Decides on a request to a quota that stands behind `ahead`: every limit of which it takes something
/// blocks it. If it is only reserved and takes nothing of any limit, all of them do.
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
    for Ahead { claim, time_left } in ahead {
        is_first = false;
        let Claim::Quota(claim) = claim else { continue };
        let Some(then) = course.turn(claim, at) else { continue };
        let gives_up = clock.plus(time_left);
        if then > gives_up {
            at = at.max(gives_up);
            continue;
        }
        at = then;
        course.take(claim, at);
    }
    let retry = course.turn(claim, at).map_or(Retry::Never, |then| later(clock, then));
    let mut verdict = decide(held, &claim.shape, &Demand { costs: &[], ttl: None }, clock);
    let limits = claim.shape.limits().iter().enumerate();
    let takes = |(index, limit): (usize, &Limit)| {
        limit.takes(claim.costs.get(index).copied().unwrap_or(0), claim.ttl) > 0
    };
    let is_only_reserved = claim.ttl.is_some() && !limits.clone().any(takes);
    for (row, limit) in verdict.rows.iter_mut().zip(limits) {
        if takes(limit) || is_only_reserved {
            let remaining = if is_first { row.remaining } else { 0 };
            *row = Decision { allowed: false, remaining, retry, ..*row };
        }
    }
    verdict
}

/// What a key holds while the waiters before a request go on.
struct Course<'a> {
    /// What is counted by then, without the reservations: there may be many.
    copy: Quota,
    /// The reservations that the key has now.
    reserved: Option<&'a Reservations>,
    /// When the reservations of the waiters run out, in order.
    ends: SmallVec<[At; 8]>,
}

impl Course<'_> {
    /// When a claim is admitted whose turn it is from `at` on; `None` if it never is.
    fn turn(&self, claim: &QuotaClaim, at: At) -> Option<At> {
        let demand = Demand { costs: &claim.costs, ttl: None };
        let rates = decide(Some(&self.copy), &claim.shape, &demand, at).retry().at(at)?;
        let slots = claim.shape.limits().iter().filter_map(|limit| match limit.measure {
            Measure::InFlight(most) if claim.ttl.is_some() => Some(self.frees(most, at)),
            _ => None,
        });
        Some(slots.fold(rates, At::max))
    }

    /// Charges a claim that is admitted at `at`.
    fn take(&mut self, claim: &QuotaClaim, at: At) {
        if !claim.takes() {
            return; // its limits do not come into force either
        }
        let (shape, costs) = (Arc::clone(&claim.shape), claim.costs.clone());
        self.copy.take(&Admission { shape, at, costs, reserved: None });
        if let Some(ttl) = claim.ttl {
            let end = self.copy.now(at).plus(ttl);
            self.ends.insert(self.ends.partition_point(|other| *other <= end), end);
        }
    }

    /// The first instant from `at` on at which fewer than `most` reservations are open.
    fn frees(&self, most: u64, at: At) -> At {
        let since = self.ends.get(self.ends.partition_point(|end| *end <= at)..).unwrap_or_default();
        let before = self.reserved.map_or(0, |reserved| reserved.open(at));
        let open = before.saturating_add(since.len());
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let Some(excess) = open.checked_sub(most).and_then(|excess| excess.checked_add(1)) else { return at };
        // As many of both kinds together have run out by then as are too many.
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
    /// The instant that it means, seen from `now`; `None` if there is none.
    fn at(self, now: At) -> Option<At> {
        match self {
            Self::Now => Some(now),
            Self::After(ms) => Some(now.plus(Span::from_ms(ms))),
            Self::Never => None,
        }
    }
}
