//! One aging amount under the parameters in force, and under others that were before them.
//!
//! A request is judged by its own parameters against everything that the key has admitted. When
//! callers send two parameter sets in turn, as they do while a new release rolls out, one number
//! cannot be right for both: it would be emptied by the faster rule and then believed by the
//! slower. So what is admitted is counted under both, until the other has not been used for as
//! long as it remembers. Of more than two, the one that remembers longest is kept beside the one
//! in force, and what a third one counted is taken over by both, which errs towards denying.

use crate::limit::decision::{Decision, Expiry, Retry, wait_ms};
use crate::limit::meter::{Held, Meter, amount, carried};
use crate::time::At;

/// The most cost that is held: far above every limit, so that to hold no more changes no decision.
pub const COST_MAX: u64 = 1 << 60;

/// A fixed window or a bucket as one key holds it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Counter<M> {
    /// The parameters in force: those of the latest admission.
    pub rule: M,
    /// What is used, in their units.
    pub held: Held,
    /// Other parameters that are still in use, as far as the key knows.
    pub before: Option<Before<M>>,
}

/// Parameters that were in force before.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Before<M> {
    /// They.
    pub rule: M,
    /// What is used, in their units; counted at the same instant as under those in force.
    pub held: Held,
    /// When they are forgotten: as long after their last use as they remember.
    pub until: At,
}

/// What is to be corrected of a charge in the past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Amendment {
    /// When it was made.
    pub at: At,
    /// What it took.
    pub taken: u64,
    /// What was used of it, or beyond it.
    pub used: u64,
    /// The most that may be given back, in the units of the rule, where that is limited.
    pub most: Option<u128>,
}

impl<M: Meter> Counter<M> {
    /// A new key under `rule`.
    pub fn new(rule: M) -> Self {
        Self { rule, held: Held::default(), before: None }
    }

    /// The instant that a request at `clock` is decided for: never before the last one.
    pub fn now(&self, clock: At) -> At {
        clock.max(self.held.at)
    }

    /// Answers a request of `cost` under `rule`, changing nothing.
    #[inline(always)] // as in `State::decide`
    pub fn decide(&self, rule: &M, cost: u64, clock: At) -> Decision {
        let at = self.now(clock);
        let now = rule.moment(at);
        let used = self.used(rule, now);
        let full = amount(rule, rule.limit());
        let wanted = used.saturating_add(amount(rule, cost));
        let standing = Standing { rule, at, now, clock };
        if wanted <= full || cost == 0 {
            return standing.decision(wanted, true, Retry::Now);
        }
        let retry = if cost > rule.limit() {
            Retry::Never
        } else {
            Retry::After(wait_ms(clock, rule.gone(now, wanted.saturating_sub(full))).max(1))
        };
        standing.decision(used, false, retry)
    }

    /// What would be answered under the parameters in force, and nothing taken.
    pub fn peek(&self, cost: u64, clock: At) -> Decision {
        let verdict = self.decide(&self.rule, cost, clock);
        let now = self.rule.moment(verdict.at);
        let used = self.rule.aged(self.held, now);
        Standing { rule: &self.rule, at: verdict.at, now, clock }.decision(
            used,
            verdict.allowed,
            verdict.retry,
        )
    }

    /// Books `cost` (at least 1) at `at` under `rule`.
    #[inline]
    pub fn charge(&mut self, rule: &M, cost: u64, at: At) -> Expiry {
        let at = self.now(at);
        if self.before.is_some() || !rule.same_course(&self.rule) {
            return self.charge_both(rule, cost, at);
        }
        let now = rule.moment(at);
        let held = booked(rule, rule.aged(self.held, now), cost, at);
        let same = rule.goes_together(self.held, now);
        (self.rule, self.held) = (*rule, held);
        if same { Expiry::Same } else { Expiry::At(rule.gone(now, held.amount)) }
    }

    /// The same where more than one parameter set counts.
    #[cold]
    fn charge_both(&mut self, rule: &M, cost: u64, at: At) -> Expiry {
        let expired = self.empty_at();
        let used = self.used(rule, rule.moment(at));
        let before = self.kept(rule, at).map(|kept| {
            let used = kept.rule.aged(kept.held, kept.rule.moment(at));
            Before { held: booked(&kept.rule, used, cost, at), ..kept }
        });
        *self = Self { rule: *rule, held: booked(rule, used, cost, at), before };
        Expiry::moved(expired, self.empty_at())
    }

    /// What is to be counted beside `rule` from `at` on.
    fn kept(&self, rule: &M, at: At) -> Option<Before<M>> {
        let before = self.before.filter(|before| before.until > at);
        if rule.same_course(&self.rule) {
            return before;
        }
        // The instant of the last change is that of its last use, or later.
        let until = self.held.at.plus(self.rule.memory());
        let current = Before { rule: self.rule, held: self.held, until };
        match before {
            Some(before) if !rule.same_course(&before.rule) => {
                let longer = before.until > current.until;
                let (kept, lost) = if longer { (before, current) } else { (current, before) };
                let taken_over = carried(&lost.rule, lost.held, &kept.rule).amount;
                let held = Held { amount: kept.held.amount.max(taken_over), ..kept.held };
                Some(Before { held, ..kept })
            }
            _ => Some(current).filter(|current| current.until > at),
        }
    }

    /// Whether anything used still counts at `clock`, so that a refund would change something.
    pub fn in_use(&self, clock: At) -> bool {
        let at = self.now(clock);
        let counts = |rule: &M, held: Held| rule.aged(held, rule.moment(at)) > 0;
        counts(&self.rule, self.held) || self.before.is_some_and(|before| counts(&before.rule, before.held))
    }

    /// Gives `cost` back at `at`, down to nothing used.
    pub fn refund(&mut self, cost: u64, at: At) -> Expiry {
        let expired = self.empty_at();
        let at = self.now(at);
        let given = |rule: &M, held: Held| {
            let amount = rule.aged(held, rule.moment(at)).saturating_sub(amount(rule, cost));
            Held { at, amount }
        };
        self.held = given(&self.rule, self.held);
        self.before = self.before.map(|before| Before { held: given(&before.rule, before.held), ..before });
        Expiry::moved(expired, self.empty_at())
    }

    /// Makes what was charged at an instant in the past what was used after all, as seen at `at`. Gives
    /// the amount by which less is held under the parameters in force.
    pub fn amend(&mut self, charge: &Amendment, at: At) -> u128 {
        let at = self.now(at);
        let amended = |rule: &M, held: Held, most: u128| {
            let now = rule.moment(at);
            let counts = rule.aged(held, now);
            if !rule.counts(charge.at, now) {
                return (Held { at, amount: counts }, 0);
            }
            let given = amount(rule, charge.taken.saturating_sub(charge.used)).min(most).min(counts);
            let excess = charge.used.saturating_sub(charge.taken);
            (booked(rule, counts.saturating_sub(given), excess, at), given)
        };
        let (held, given) = amended(&self.rule, self.held, charge.most.unwrap_or(u128::MAX));
        self.held = held;
        // What the other parameters would have given back meanwhile is not known where it matters.
        let most = charge.most.map_or(u128::MAX, |_| 0);
        self.before =
            self.before.map(|before| Before { held: amended(&before.rule, before.held, most).0, ..before });
        given
    }

    /// How long it takes, from `clock` on, until no more than the limit of `rule` is used; 0 if no more is.
    pub fn excess_ms(&self, rule: &M, clock: At) -> u64 {
        let now = rule.moment(self.now(clock));
        match self.used(rule, now).saturating_sub(amount(rule, rule.limit())) {
            0 => 0,
            excess => wait_ms(clock, rule.gone(now, excess)).max(1),
        }
    }

    /// Cost used at `at` under the parameters in force, a started token counting whole.
    pub fn used_cost(&self, at: At) -> u64 {
        let used = self.rule.aged(self.held, self.rule.moment(at)).div_ceil(u128::from(self.rule.unit()));
        u64::try_from(used).unwrap_or(u64::MAX)
    }

    /// From when on a new key would answer alike, seen from the last change; `None` if it would now.
    pub fn empty_at(&self) -> Option<At> {
        let gone =
            |rule: &M, held: Held| (held.amount > 0).then(|| rule.gone(rule.moment(held.at), held.amount));
        let before = self.before.and_then(|before| gone(&before.rule, before.held));
        gone(&self.rule, self.held).max(before)
    }

    /// What `rule` knows to be used at `now`, a moment of its own.
    #[inline]
    fn used(&self, rule: &M, now: M::Moment) -> u128 {
        if rule.same_course(&self.rule) { rule.aged(self.held, now) } else { self.known(rule, now) }
    }

    /// The same for a rule that is not the one in force.
    #[cold]
    fn known(&self, rule: &M, now: M::Moment) -> u128 {
        // Also what is about to be forgotten counts: only a change forgets, so that what was
        // announced stays true as time passes.
        if let Some(own) = self.before.filter(|before| rule.same_course(&before.rule)) {
            return rule.aged(own.held, now);
        }
        let taken_over = |from: &M, held: Held| rule.aged(carried(from, held, rule), now);
        let others = self.before.map_or(0, |before| taken_over(&before.rule, before.held));
        taken_over(&self.rule, self.held).max(others)
    }
}

/// From where a decision is seen.
struct Standing<'a, M: Meter> {
    rule: &'a M,
    at: At,
    now: M::Moment,
    clock: At,
}

impl<M: Meter> Standing<'_, M> {
    #[inline]
    fn decision(&self, used: u128, allowed: bool, retry: Retry) -> Decision {
        let Self { rule, at, now, clock } = *self;
        let room = amount(rule, rule.limit()).saturating_sub(used);
        let unit = rule.unit();
        let remaining = match u64::try_from(room) {
            Ok(room) => room.checked_div(unit).unwrap_or(0), // a unit is never 0
            Err(_) => u64::try_from(room.checked_div(u128::from(unit)).unwrap_or(0)).unwrap_or(u64::MAX),
        };
        let reset_after_ms = if used == 0 { 0 } else { wait_ms(clock, rule.gone(now, used)) };
        Decision { allowed, limit: rule.limit(), remaining, retry, reset_after_ms, at }
    }
}

fn booked<M: Meter>(rule: &M, used: u128, cost: u64, at: At) -> Held {
    let amount = used.saturating_add(amount(rule, cost)).min(amount(rule, COST_MAX));
    Held { at, amount }
}
