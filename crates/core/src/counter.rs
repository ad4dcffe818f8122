//! One aging amount under the parameters in force, and under the ones before them.
//!
//! A request is judged by its own parameters against everything that the key has admitted. When
//! callers send two parameter sets in turn, as they do while a new release rolls out, one number
//! cannot be right for both: it would be emptied by the faster rule and then believed by the
//! slower. So what was used is counted under both, until nothing of the older count is left.

use crate::decision::{Decision, Expiry, Retry, wait_ms};
use crate::fault::{Fault, Result};
use crate::meter::{Held, Meter, amount, carried};
use crate::time::At;

/// More cost than any decision admits, and far from what the arithmetic can hold.
const HELD_MAX: u128 = 1 << 60;

/// A fixed window or a bucket as one key holds it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Counter<M> {
    /// The parameters in force: those of the latest admission.
    pub rule: M,
    /// What is used, in their units.
    pub held: Held,
    /// The parameters before them, as long as something used under them still counts.
    pub before: Option<(M, Held)>,
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
    #[inline]
    pub fn decide(&self, rule: &M, cost: u64, clock: At) -> Decision {
        let at = self.now(clock);
        let now = rule.moment(at);
        let used = self.used(rule, at, now);
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
    ///
    /// # Errors
    /// [`Fault::Overflow`] when more would be held than can be counted; nothing has changed then.
    #[inline]
    pub fn charge(&mut self, rule: &M, cost: u64, at: At) -> Result<Expiry> {
        let at = self.now(at);
        if self.before.is_some() || !rule.same_course(&self.rule) {
            return self.charge_both(rule, cost, at);
        }
        let now = rule.moment(at);
        let held = booked(rule, rule.aged(self.held, now), cost, at)?;
        let same = rule.goes_together(self.held, now);
        *self = Self { rule: *rule, held, before: None };
        Ok(if same { Expiry::Same } else { Expiry::At(rule.gone(now, held.amount)) })
    }

    /// The same where two parameter sets count.
    #[cold]
    fn charge_both(&mut self, rule: &M, cost: u64, at: At) -> Result<Expiry> {
        let expired = self.empty_at();
        let (used, other) = self.courses(rule, at);
        let held = booked(rule, used, cost, at)?;
        let before = match other {
            Some((other, used)) if used > 0 => Some((other, booked(&other, used, cost, at)?)),
            _ => None,
        };
        *self = Self { rule: *rule, held, before };
        Ok(Expiry::moved(expired, self.empty_at()))
    }

    /// Whether anything used still counts at `clock`, so that a refund would change something.
    pub fn in_use(&self, clock: At) -> bool {
        let at = self.now(clock);
        let counts = |rule: &M, held: Held| rule.aged(held, rule.moment(at)) > 0;
        counts(&self.rule, self.held) || self.before.is_some_and(|(rule, held)| counts(&rule, held))
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
        self.before =
            self.before.map(|(rule, held)| (rule, given(&rule, held))).filter(|(_, held)| held.amount > 0);
        Expiry::moved(expired, self.empty_at())
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
        let before = self.before.and_then(|(rule, held)| gone(&rule, held));
        gone(&self.rule, self.held).max(before)
    }

    /// What `rule` knows to be used at `now`, its moment of `at`.
    #[inline]
    fn used(&self, rule: &M, at: At, now: M::Moment) -> u128 {
        if rule.same_course(&self.rule) { rule.aged(self.held, now) } else { self.courses(rule, at).0 }
    }

    /// What `rule` knows to be used at `at`, and what the other parameters do.
    #[cold]
    fn courses(&self, rule: &M, at: At) -> (u128, Option<(M, u128)>) {
        let aged = |(rule, held): (M, Held)| (rule, rule.aged(held, rule.moment(at)));
        let current = (self.rule, self.held);
        if rule.same_course(&self.rule) {
            return (aged(current).1, self.before.map(aged));
        }
        match self.before {
            Some((before, held)) if rule.same_course(&before) => {
                (aged((before, held)).1, Some(aged(current)))
            }
            before => {
                let known = |(from, held): (M, Held)| rule.aged(carried(&from, held, rule), rule.moment(at));
                (known(current).max(before.map_or(0, known)), Some(aged(current)))
            }
        }
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

fn booked<M: Meter>(rule: &M, used: u128, cost: u64, at: At) -> Result<Held> {
    let amount = used.checked_add(amount(rule, cost)).ok_or(Fault::Overflow)?;
    let most = HELD_MAX.saturating_mul(u128::from(rule.unit()));
    if amount > most { Err(Fault::Overflow) } else { Ok(Held { at, amount }) }
}
