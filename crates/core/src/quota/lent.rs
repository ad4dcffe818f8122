//! What the open leases of a key hold of one limit.
//!
//! A lease counts from its grant on, although nothing is charged before it ends. Then what was used is charged at that
//! instant, and all of it unless it was settled. So what a lease holds now and what it is charged later are the same
//! amount, which counts without a gap from the grant until a charge at the lease's end would have aged out.
//!
//! A decision counts what is lent as if each lease were used up at its end:
//! - Of a window, a lease takes its amount until a known instant, whatever else is charged.
//! - A bucket refills. A lease takes its amount out of what the bucket has until its end, and is missing from then on.
//!   So the bucket is followed from the end of one lease to the next.

use std::borrow::Cow;

use smallvec::SmallVec;

use crate::limit::decision::{Decision, Retry, wait_ms};
use crate::limit::rule::Rule;
use crate::limit::state::State;
use crate::time::At;

/// What each open lease holds of one limit: when it ends, and how much. Sorted by the end, and no amount is 0.
pub(crate) type Lent = SmallVec<[(At, u64); 4]>;

/// A limit of which something is lent.
pub(crate) struct Leased<'a> {
    /// What was charged, if it is anything.
    state: Option<Cow<'a, State>>,
    rule: &'a Rule,
    lent: &'a [(At, u64)],
}

impl<'a> Leased<'a> {
    /// Makes a limit that has charged `state`, perhaps by another algorithm, and of which `lent` is lent.
    pub(crate) fn new(state: Option<&'a State>, rule: &'a Rule, lent: &'a [(At, u64)]) -> Self {
        let own = |state: &'a State| {
            if state.rule().kind() == rule.kind() {
                Cow::Borrowed(state)
            } else {
                Cow::Owned(state.under(rule))
            }
        };
        Self { state: state.map(own), rule, lent }
    }

    /// Decides a request of `cost` for `now`. If `lease` is an instant, the request is lent its cost until then, and
    /// is charged nothing.
    pub(crate) fn decide(&self, cost: u64, now: At, lease: Option<At>) -> Decision {
        let rule = self.rule;
        let standing = self.charged_by(now, 0);
        let held = self.held(now);
        let free = standing.remaining.saturating_sub(held);
        let allowed = cost <= free || cost == 0;
        let retry = match () {
            () if allowed => Retry::Now,
            () if cost > rule.quota() => Retry::Never,
            () => self
                .admits(cost, now, None)
                .map_or(Retry::Never, |then| Retry::After(wait_ms(now, then).max(1))),
        };
        let taken = if allowed { cost } else { 0 };
        let reset = match lease.filter(|_| taken > 0) {
            Some(end) => {
                let mut lent = Lent::from_slice(self.lent);
                lend(&mut lent, end, taken);
                Leased { state: self.state.clone(), rule, lent: &lent }.reset(now, 0)
            }
            None => self.reset(now, taken),
        };
        Decision { allowed, remaining: free.saturating_sub(taken), retry, reset_after_ms: reset, ..standing }
    }

    /// Returns the first instant from `from` on at which a request of `cost` is admitted; `None` if it never is, or only
    /// after `until`. What is lent never grows, so once it is admitted it stays so.
    pub(crate) fn admits(&self, cost: u64, from: At, until: Option<At>) -> Option<At> {
        if cost > self.rule.quota() {
            return None;
        }
        if self.rule.refills() {
            return self.refilled(cost, from, until);
        }
        let counts = |(end, _): &(At, u64)| self.counts(*end);
        let first = self.lent.partition_point(|lease| counts(lease) <= from);
        let open = self.lent.get(first..).unwrap_or_default();
        let sum = |leases: &[(At, u64)]| leases.iter().map(|(_, n)| *n).fold(0, u64::saturating_add);
        let fits = |at: At, held: u64| self.alone(cost.saturating_add(held), at, Some(at)) == Some(at);
        // The first lease after whose end it fits. Before that end it may fit already, since what was charged leaves.
        let (mut low, mut high) = (0, open.len());
        while low < high {
            let middle = low.midpoint(high);
            let rest = open.get(middle.saturating_add(1)..).unwrap_or_default();
            if open.get(middle).is_some_and(|lease| fits(counts(lease), sum(rest))) {
                high = middle;
            } else {
                low = middle.saturating_add(1);
            }
        }
        let from = low.checked_sub(1).and_then(|last| open.get(last)).map_or(from, counts);
        let held = sum(open.get(low..).unwrap_or_default());
        let leaves = open.get(low).map(counts);
        let bound = until.into_iter().chain(leaves).min();
        let then = self.alone(cost.saturating_add(held), from, bound).or(leaves)?;
        until.is_none_or(|until| then <= until).then_some(then)
    }

    /// Returns how much counts at `now` of what is used or lent.
    pub(crate) fn used(&self, now: At) -> u64 {
        let followed = if self.rule.refills() { self.follow(now) } else { None };
        let used = followed.as_ref().or(self.state.as_deref()).map_or(0, |state| state.used_cost(now));
        used.saturating_add(self.held(now))
    }

    /// Returns the instant from which a new key would decide alike; `None` if it would now.
    pub(crate) fn empty_at(&self) -> Option<At> {
        let mut state = self.state.as_deref().and_then(State::empty_at);
        if self.rule.refills() {
            return self.follow(At::MAX).and_then(|last| last.empty_at()).max(state);
        }
        for (end, _) in self.lent {
            let kept = self.state.as_ref().map(|state| self.rule.lease_charged(*end).plus(state.retained()));
            state = state.max(Some(self.counts(*end))).max(kept);
        }
        state
    }

    /// Until when a lease counts that ends at `end`.
    fn counts(&self, end: At) -> At {
        self.rule.lease_counts(end).unwrap_or(end)
    }

    /// What counts at `now` and is not charged by [`Leased::follow`].
    fn held(&self, now: At) -> u64 {
        let counts = |end: At| if self.rule.refills() { end > now } else { self.counts(end) > now };
        self.lent.iter().filter(|(end, _)| counts(*end)).map(|(_, n)| *n).fold(0, u64::saturating_add)
    }

    /// What is charged, with `cost` more at `now`, without what is lent.
    fn charged_by(&self, now: At, cost: u64) -> Decision {
        let rule = self.rule;
        let new = || State::decide_new(rule, cost, now);
        let decide = |state: &State| state.decide(rule, cost, now).unwrap_or_else(|_| new());
        if rule.refills() {
            return self.follow(now).as_ref().map_or_else(new, decide);
        }
        self.state.as_deref().map_or_else(new, decide)
    }

    /// When the whole limit is available again, in ms from `now`, if `cost` is charged now.
    fn reset(&self, now: At, cost: u64) -> u64 {
        if self.rule.refills() {
            let mut state = self.follow(now).unwrap_or_else(|| State::new(self.rule));
            if cost > 0 {
                let _ = state.charge(self.rule, cost, now); // it has the rule's algorithm
            }
            for (end, n) in self.lent.iter().filter(|(end, _)| *end > now) {
                let _ = state.charge(self.rule, *n, *end);
            }
            return state.empty_at().map_or(0, |empty| wait_ms(now, empty));
        }
        let last = self.lent.last().map_or(At::MIN, |(end, _)| self.counts(*end));
        self.charged_by(now, cost).reset_after_ms.max(wait_ms(now, last))
    }

    /// As [`Leased::admits`], for a limit of which nothing is lent.
    fn alone(&self, cost: u64, from: At, until: Option<At>) -> Option<At> {
        match &self.state {
            None => State::admits_new(self.rule, cost, from, until),
            Some(state) => state.admits(self.rule, cost, from, until).unwrap_or(None), // it has the rule's algorithm
        }
    }

    /// A bucket that is charged what was lent until `now`. `None` if it is full.
    fn follow(&self, now: At) -> Option<State> {
        let ended = self.lent.iter().take_while(|(end, _)| *end <= now);
        let mut state = self.state.as_deref().cloned();
        for (end, n) in ended {
            let _ = state.get_or_insert_with(|| State::new(self.rule)).charge(self.rule, *n, *end);
        }
        state
    }

    /// As [`Leased::admits`], for a bucket. What it has free stays the same when a lease ends.
    fn refilled(&self, cost: u64, mut from: At, until: Option<At>) -> Option<At> {
        let mut state = self.follow(from).unwrap_or_else(|| State::new(self.rule));
        let mut held = self.held(from);
        let open = self.lent.partition_point(|(end, _)| *end <= from);
        for (end, n) in self.lent.iter().skip(open) {
            let bound = until.map_or(*end, |until| until.min(*end));
            let then = state.admits(self.rule, cost.saturating_add(held), from, Some(bound)).unwrap_or(None);
            if then.is_some() || until.is_some_and(|until| until <= *end) {
                return then;
            }
            let _ = state.charge(self.rule, *n, *end); // it has the rule's algorithm
            held = held.saturating_sub(*n);
            from = *end;
        }
        state.admits(self.rule, cost, from, until).unwrap_or(None)
    }
}

/// Adds a lease that ends at `end`.
pub(crate) fn lend(lent: &mut Lent, end: At, amount: u64) {
    if amount > 0 {
        lent.insert(lent.partition_point(|(other, _)| *other <= end), (end, amount));
    }
}
