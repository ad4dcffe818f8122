//! A quota as one request sees it: what each limit answers, with all that it is told from outside.

use super::Quota;
use super::demand::Demand;
use super::leasing::lease_end;
use super::lent::{Leased, Lent};
use super::limit::{Limit, Measure};
use super::outsides::Outsides;
use super::rate_alone::RateAlone;
use super::reservations::Reservations;
use super::shape::Shape;
use crate::limit::decision::{Decision, Retry, wait_ms};
use crate::limit::outside::Inside;
use crate::limit::rule::Rule;
use crate::limit::state::State;
use crate::number::COUNT_MAX;
use crate::time::{At, Span};

/// A quota as a request sees it: through the limits that the request asks, at one instant.
pub(super) struct View<'a> {
    held: Option<&'a Quota>,
    shape: &'a Shape,
    clock: At,
    pub(super) now: At,
    /// What the limits are told from outside, if it is anything.
    outsides: Option<&'a Outsides>,
    /// When the lease ends that the request asks for, if it does.
    lease: Option<At>,
    /// Whether limits are shadows, are told something from outside, or have leases. Nearly always they do not.
    is_special: bool,
}

impl<'a> View<'a> {
    #[inline]
    pub(super) fn new(held: Option<&'a Quota>, shape: &'a Shape, clock: At) -> Self {
        let now = held.map_or(clock, |held| held.now(clock));
        let outsides = held.and_then(Quota::outsides);
        let has_leases = held.is_some_and(Quota::has_leases);
        let is_special = outsides.is_some() || has_leases || shape.has_shadows();
        Self { held, shape, clock, now, outsides, lease: None, is_special }
    }

    /// Lends the request what it asks for, if it asks for a lease.
    #[inline]
    pub(super) fn lending(mut self, demand: &Demand<'_>) -> Self {
        if let (true, Some(ttl)) = (demand.is_lease, demand.ttl) {
            self.lease = Some(lease_end(self.shape, demand.costs, self.now, ttl));
            self.is_special = true;
        }
        self
    }

    /// Decides a request for one limit.
    #[inline(always)] // as `State::decide`
    pub(super) fn row(&self, index: usize, limit: &Limit, cost: u64, ttl: Option<Span>) -> Decision {
        if self.is_special {
            self.row_special(index, limit, cost, ttl)
        } else {
            self.row_alone(index, limit, cost, ttl)
        }
    }

    /// Does what [`Self::row`] does for a limit that may deny, and that is told nothing from outside.
    #[inline(always)] // as `State::decide`
    fn row_alone(&self, index: usize, limit: &Limit, cost: u64, ttl: Option<Span>) -> Decision {
        match &limit.measure {
            Measure::Rate(rule) => self.rate(index, rule, cost),
            Measure::InFlight(limit) => self.in_flight(*limit, ttl),
        }
    }

    /// Does what [`Self::row`] does where limits are shadows, are told something from outside, or have leases.
    #[cold]
    #[inline(never)]
    fn row_special(&self, index: usize, limit: &Limit, cost: u64, ttl: Option<Span>) -> Decision {
        if limit.is_shadow {
            self.row_of_shadow(index, limit, cost, ttl)
        } else {
            self.row_enforced(index, limit, cost, ttl)
        }
    }

    /// Does what [`Self::row`] does for a limit that may deny.
    fn row_enforced(&self, index: usize, limit: &Limit, cost: u64, ttl: Option<Span>) -> Decision {
        match self.outsides {
            Some(outsides) => self.row_told(outsides, index, limit, cost, ttl),
            None => self.row_alone(index, limit, cost, ttl),
        }
    }

    /// Does what [`Self::row`] does for a limit that denies nobody: it says by its `retry` what the limit would do.
    fn row_of_shadow(&self, index: usize, limit: &Limit, cost: u64, ttl: Option<Span>) -> Decision {
        let row = self.row_enforced(index, limit, cost, ttl);
        if row.allowed {
            return row;
        }
        let after = match &limit.measure {
            Measure::Rate(rule) => self.rate(index, &rule.with_quota(COUNT_MAX), cost),
            Measure::InFlight(_) => self.in_flight(COUNT_MAX, ttl),
        };
        let reset_after_ms = row.reset_after_ms.max(after.reset_after_ms);
        Decision { allowed: true, remaining: 0, reset_after_ms, ..row }
    }

    /// Does what [`Self::row`] does for a limit that may be told something from outside.
    #[cold]
    #[inline(never)]
    fn row_told(
        &self,
        outsides: &Outsides,
        index: usize,
        limit: &Limit,
        cost: u64,
        ttl: Option<Span>,
    ) -> Decision {
        let outside = outsides.limit(limit.name.as_bytes());
        match &limit.measure {
            // The durations of a rate limit count from the instant of the quota until `count_from_clock`.
            Measure::Rate(rule) => {
                let state = self.held.and_then(|held| held.counted(self.shape, index));
                let lent = self.lent(index);
                let alone = RateAlone { state: state.as_deref(), rule, lent: &lent };
                outside.decide(&alone, |cost| self.rate(index, rule, cost), cost, (self.now, self.now))
            }
            Measure::InFlight(most) => {
                let alone = InFlightAlone { view: self, most: *most, ttl };
                let cost = limit.takes(cost, ttl);
                outside.decide(&alone, |cost| alone.decide(cost), cost, (self.now, self.clock))
            }
        }
    }

    /// Completes the rows of a request that takes something if `takes` says so.
    #[inline]
    pub(super) fn finish(&self, rows: &mut [Decision], takes: impl FnOnce() -> bool) {
        self.count_from_clock(rows);
        if let Some(outsides) = self.outsides {
            self.hold_all(outsides, rows, takes());
        }
    }

    /// Restates a decision while all limits are held. A request that takes anything is denied by each of them.
    #[cold]
    fn hold_all(&self, outsides: &Outsides, rows: &mut [Decision], takes: bool) {
        if outsides.all() <= self.now {
            return;
        }
        if takes && rows.iter().all(|row| row.allowed) {
            self.restate(rows);
            self.count_from_clock(rows);
        }
        let wait = wait_ms(self.clock, outsides.all()).max(1);
        for row in rows {
            row.remaining = 0;
            row.reset_after_ms = row.reset_after_ms.max(wait);
            if takes {
                row.allowed = false;
                row.retry = row.retry.max(Retry::After(wait));
            }
        }
    }

    /// Does what [`Self::row`] does, but out of line: that function is long, and these calls are rare.
    #[inline(never)]
    pub(super) fn row_apart(&self, index: usize, limit: &Limit, cost: u64, ttl: Option<Span>) -> Decision {
        self.row(index, limit, cost, ttl)
    }

    /// Replaces rows that admit the request by the state of their limits without it.
    pub(super) fn restate(&self, rows: &mut [Decision]) {
        for (index, (row, limit)) in rows.iter_mut().zip(self.shape.limits()).enumerate() {
            *row = self.row_apart(index, limit, 0, None);
        }
    }

    /// Makes the durations in the rows count from the clock if the rows are for a later instant.
    #[inline]
    fn count_from_clock(&self, rows: &mut [Decision]) {
        if self.now > self.clock {
            let limits = self.shape.limits().iter();
            let rates =
                rows.iter_mut().zip(limits).filter(|(_, limit)| matches!(limit.measure, Measure::Rate(_)));
            rates.for_each(|(row, _)| self.delay(row));
        }
    }

    /// Returns what is lent of the limit at `index`.
    fn lent(&self, index: usize) -> Lent {
        self.held.map_or_else(Lent::new, |held| held.lent(self.shape, index))
    }

    /// Decides a cost for a rate limit of which something is lent, or is asked to be.
    #[cold]
    #[inline(never)]
    fn rate_leased(&self, index: usize, rule: &Rule, cost: u64) -> Decision {
        let (state, lent) = (self.held.and_then(|held| held.counted(self.shape, index)), self.lent(index));
        Leased::new(state.as_deref(), rule, &lent).decide(cost, self.now, self.lease)
    }

    /// Decides a cost for a rate limit. All rate limits decide for the instant of the quota.
    #[inline(always)] // as `State::decide`
    fn rate(&self, index: usize, rule: &Rule, cost: u64) -> Decision {
        if self.is_special && (self.lease.is_some() || self.held.is_some_and(Quota::has_leases)) {
            return self.rate_leased(index, rule, cost);
        }
        let Some(held) = self.held else { return State::decide_new(rule, cost, self.now) };
        if held.is_in_force(self.shape) {
            self.rate_of(held.state(index), rule, cost)
        } else {
            self.rate_of_other(held, index, rule, cost)
        }
    }

    /// Does what [`Self::rate`] does for limits that are not in force.
    #[cold]
    #[inline(never)]
    fn rate_of_other(&self, held: &Quota, index: usize, rule: &Rule, cost: u64) -> Decision {
        self.rate_of(held.counted(self.shape, index).as_deref(), rule, cost)
    }

    /// Decides a cost for a rate limit that has counted `state`.
    #[inline(always)] // as `State::decide`
    fn rate_of(&self, state: Option<&State>, rule: &Rule, cost: u64) -> Decision {
        match state {
            None => State::decide_new(rule, cost, self.now),
            Some(state) => match state.decide(rule, cost, self.now) {
                Ok(decision) => decision,
                Err(_) => self.rate_anew(state, rule, cost),
            },
        }
    }

    /// Does what [`Self::rate`] does for a state that another algorithm has counted.
    #[cold]
    fn rate_anew(&self, state: &State, rule: &Rule, cost: u64) -> Decision {
        let state = state.under(rule);
        state.decide(rule, cost, self.now).unwrap_or_else(|_| State::decide_new(rule, cost, self.now))
    }

    /// Does what [`Self::count_from_clock`] does for the row of one rate limit.
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

    /// Decides for a limit on open reservations: whether one more fits that is held for `ttl`. Without
    /// `ttl`, no reservation is added.
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
            let frees = || held.frees(excess, self.now).unwrap_or(self.now);
            let retry =
                if limit == 0 { Retry::Never } else { Retry::After(wait_ms(self.clock, frees()).max(1)) };
            (retry, limit.saturating_sub(used.saturating_sub(1)))
        };
        let own = ttl.filter(|_| allowed).map(|ttl| self.now.plus(ttl));
        let last = held.end().filter(|_| open > 0).max(own);
        let reset_after_ms = last.map_or(0, |last| wait_ms(self.clock, last));
        Decision { allowed, limit, remaining, retry, reset_after_ms, at: self.now }
    }
}

/// A limit on open reservations without what it is told from outside. Nothing of it is ever used elsewhere.
struct InFlightAlone<'a> {
    view: &'a View<'a>,
    most: u64,
    ttl: Option<Span>,
}

impl InFlightAlone<'_> {
    fn decide(&self, cost: u64) -> Decision {
        self.view.in_flight(self.most, self.ttl.filter(|_| cost > 0))
    }
}

impl Inside for InFlightAlone<'_> {
    fn rule(&self) -> Option<&Rule> {
        None
    }

    fn admits(&self, cost: u64, from: At, _: Option<At>) -> Option<At> {
        self.decide(cost).retry.at(self.view.clock).map(|then| then.max(from))
    }
}
