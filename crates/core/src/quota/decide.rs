//! Whether a request is admitted, and when, by every limit of a quota at once.

use std::sync::Arc;

use super::Quota;
use super::bounds::RESERVATIONS_MAX;
use super::limit::{Draft, Limit, Measure, PerLimit};
use super::reservation::{Reservation, Share};
use super::reservations::Reservations;
use super::shape::Shape;
use crate::fault::{Fault, Result};
use crate::limit::decision::{Decision, Retry, wait_ms};
use crate::limit::rule::Rule;
use crate::limit::state::State;
use crate::number::COUNT_MAX;
use crate::time::{At, Span};

/// What a request asks of every limit.
#[derive(Clone, Copy, Debug)]
pub struct Demand<'a> {
    /// What it costs, by limit, as [`super::costs::Costs::by_limit`] gives it. A limit without one is asked for nothing.
    pub costs: &'a [u64],
    /// For how long it is reserved, if it is.
    pub ttl: Option<Span>,
}

/// The answer to one request against one quota.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QuotaDecision {
    /// What each limit says, in the order of the shape.
    pub rows: PerLimit<Decision>,
    /// The instant it is for: the server's clock, but never before the key's last change.
    pub at: At,
}

impl QuotaDecision {
    /// Whether all limits admit it.
    #[must_use]
    pub fn allowed(&self) -> bool {
        self.rows.iter().all(|row| row.allowed)
    }

    /// When all of those that block admit it, if nobody else comes.
    #[must_use]
    pub fn retry(&self) -> Retry {
        self.rows.iter().fold(Retry::Now, |longest, row| longest.max(row.retry))
    }
}

/// Answers a request against what a key holds, or a key that is not there, changing nothing. Of a denied
/// request, the rows that do not block tell how things stand without it.
#[must_use]
pub fn decide(held: Option<&Quota>, shape: &Shape, demand: &Demand<'_>, clock: At) -> QuotaDecision {
    let mut verdict = QuotaDecision::default();
    decide_into(&mut verdict, held, shape, demand, clock);
    verdict
}

/// The same, into a verdict that is still empty: a verdict is large.
pub fn decide_into(
    verdict: &mut QuotaDecision,
    held: Option<&Quota>,
    shape: &Shape,
    demand: &Demand<'_>,
    clock: At,
) {
    let view = View::new(held, shape, clock);
    verdict.at = view.now;
    let mut denied = false;
    for (index, limit) in shape.limits().iter().enumerate() {
        let cost = demand.costs.get(index).copied().unwrap_or(0);
        // Once a limit has denied it, the others tell how they stand without it, unless they deny it too.
        let (wanted, ttl) = if denied { (0, None) } else { (cost, demand.ttl) };
        let mut row = view.row(index, limit, wanted, ttl);
        if denied && row.remaining < limit.takes(cost, demand.ttl) {
            row = view.row_apart(index, limit, cost, demand.ttl);
        }
        if !row.allowed && !denied {
            denied = true;
            view.restate(&mut verdict.rows);
        }
        verdict.rows.push(row);
    }
    view.count_from_clock(&mut verdict.rows);
}

/// Makes a request that this quota admits one that is denied elsewhere.
pub fn deny(verdict: &mut QuotaDecision, held: Option<&Quota>, shape: &Shape, clock: At) {
    if verdict.allowed() {
        let view = View::new(held, shape, clock);
        view.restate(&mut verdict.rows);
        view.count_from_clock(&mut verdict.rows);
    }
}

/// What would be answered to a request, and how things stand without it.
#[must_use]
pub fn peek(held: &Quota, shape: &Shape, demand: &Demand<'_>, clock: At) -> QuotaDecision {
    let mut verdict = decide(Some(held), shape, demand, clock);
    deny(&mut verdict, Some(held), shape, clock);
    verdict
}

/// What was answered when `reservation` was made, and by which limits: whatever is asked for now, and by
/// whichever limits, it was admitted by those. One that the key does not know any more is missing; if it
/// knows none of them, it tells how those in force stand.
#[must_use]
pub fn repeated(held: &Quota, reservation: &Reservation, clock: At) -> (Arc<Shape>, QuotaDecision) {
    let known = |share: &'_ Share| {
        let position = held.reservations()?.slots().position(share.slot)?;
        Some((held.limits().nth(position)?, (share.remaining, share.reset_after_ms)))
    };
    let answered: PerLimit<_> = reservation.shares.iter().filter_map(known).collect();
    let drafts: PerLimit<Draft<'_>> = answered.iter().map(|(limit, _)| limit.draft()).collect();
    let shape = Shape::new(held.shape.policy(), &drafts);
    let answers = if shape.is_ok() { &*answered } else { &[] };
    let shape = shape.unwrap_or_else(|_| Arc::clone(&held.shape));
    let mut verdict = decide(Some(held), &shape, &Demand { costs: &[], ttl: None }, clock);
    for (index, row) in verdict.rows.iter_mut().enumerate() {
        (row.allowed, row.retry) = (true, Retry::Now);
        if let Some((_, answer)) = answers.get(index) {
            (row.remaining, row.reset_after_ms) = *answer;
        }
    }
    (shape, verdict)
}

/// Whether a quota can be asked like this at all.
///
/// # Errors
/// [`Fault::NeedsReserve`], [`Fault::Reservations`], [`Fault::Retired`].
#[inline]
pub fn allow(held: Option<&Quota>, shape: &Shape, ttl: Option<Span>, clock: At) -> Result<()> {
    if ttl.is_none() && shape.counts_reservations() {
        return Err(Fault::NeedsReserve);
    }
    let Some(held) = held else { return Ok(()) };
    let open = || held.reservations().map_or(0, |reservations| reservations.open(held.now(clock)));
    if ttl.is_some() && open() >= RESERVATIONS_MAX {
        return Err(Fault::Reservations);
    }
    held.has_room(shape, clock)
}

/// From where a quota is seen.
struct View<'a> {
    held: Option<&'a Quota>,
    shape: &'a Shape,
    clock: At,
    now: At,
}

impl<'a> View<'a> {
    fn new(held: Option<&'a Quota>, shape: &'a Shape, clock: At) -> Self {
        Self { held, shape, clock, now: held.map_or(clock, |held| held.now(clock)) }
    }

    /// What a limit says to a request.
    #[inline(always)] // as `State::decide`
    fn row(&self, index: usize, limit: &Limit, cost: u64, ttl: Option<Span>) -> Decision {
        match &limit.measure {
            Measure::Rate(rule) => self.rate(index, rule, cost),
            Measure::InFlight(limit) => self.in_flight(*limit, ttl),
        }
    }

    /// The same in a place of its own: it is long, and this is for what is rare.
    #[inline(never)]
    fn row_apart(&self, index: usize, limit: &Limit, cost: u64, ttl: Option<Span>) -> Decision {
        self.row(index, limit, cost, ttl)
    }

    /// Makes rows that admit a request tell how things stand without it.
    fn restate(&self, rows: &mut [Decision]) {
        for (index, (row, limit)) in rows.iter_mut().zip(self.shape.limits()).enumerate() {
            *row = self.row_apart(index, limit, 0, None);
        }
    }

    /// Makes rows for a later instant than the clock's tell how long it takes from the clock on.
    #[inline]
    fn count_from_clock(&self, rows: &mut [Decision]) {
        if self.now > self.clock {
            let limits = self.shape.limits().iter();
            let rates =
                rows.iter_mut().zip(limits).filter(|(_, limit)| matches!(limit.measure, Measure::Rate(_)));
            rates.for_each(|(row, _)| self.delay(row));
        }
    }

    /// What a limit over time says. All of them decide for one instant, that of the quota.
    #[inline(always)] // as `State::decide`
    fn rate(&self, index: usize, rule: &Rule, cost: u64) -> Decision {
        match self.held.and_then(|held| held.counted(self.shape, index)) {
            None => State::decide_new(rule, cost, self.now),
            Some(state) => match state.decide(rule, cost, self.now) {
                Ok(decision) => decision,
                Err(_) => self.rate_anew(state, rule, cost),
            },
        }
    }

    /// The same where what is held was counted by another algorithm.
    #[cold]
    fn rate_anew(&self, state: &State, rule: &Rule, cost: u64) -> Decision {
        let state = state.under(rule);
        state.decide(rule, cost, self.now).unwrap_or_else(|_| State::decide_new(rule, cost, self.now))
    }

    /// The same for one of them, that of a limit over time: the others look at the clock anyway.
    #[cold]
    fn delay(&self, decision: &mut Decision) {
        let behind = self.now.since(self.clock).ms();
        let later = |ms: u64| ms.saturating_add(behind).min(COUNT_MAX);
        if let Retry::After(ms) = decision.retry {
            decision.retry = Retry::After(later(ms));
        }
        if decision.reset_after_ms > 0 {
            decision.reset_after_ms = later(decision.reset_after_ms);
        }
    }

    /// What a limit on open reservations says: to one more that is held for `ttl`, if there is one.
    #[inline(never)]
    fn in_flight(&self, limit: u64, ttl: Option<Span>) -> Decision {
        let none = Reservations::default();
        let held = self.held.and_then(Quota::reservations).unwrap_or(&none);
        let open = held.open(self.now);
        let wanted = open.saturating_add(usize::from(ttl.is_some()));
        let used = u64::try_from(wanted).unwrap_or(u64::MAX);
        let allowed = used <= limit || ttl.is_none();
        let (retry, remaining) = if allowed {
            (Retry::Now, limit.saturating_sub(used))
        } else {
            let excess = usize::try_from(used.saturating_sub(limit)).unwrap_or(usize::MAX);
            let frees = held.frees(excess, self.now).unwrap_or(self.now);
            (Retry::After(wait_ms(self.clock, frees).max(1)), limit.saturating_sub(used.saturating_sub(1)))
        };
        let own = ttl.filter(|_| allowed).map(|ttl| self.now.plus(ttl));
        let last = held.end().filter(|_| open > 0).max(own);
        let reset_after_ms = last.map_or(0, |last| wait_ms(self.clock, last));
        Decision { allowed, limit, remaining, retry, reset_after_ms, at: self.now }
    }
}

impl Limit {
    /// What a request needs to remain.
    pub(crate) fn takes(&self, cost: u64, ttl: Option<Span>) -> u64 {
        match self.measure {
            Measure::Rate(_) => cost,
            Measure::InFlight(_) => u64::from(ttl.is_some()),
        }
    }
}
