//! One aging amount under the parameters in force, and under the ones before them.
//!
//! A request is judged by its own parameters against everything that the key has admitted. When
//! callers send two parameter sets in turn, as they do while a new release rolls out, one number
//! cannot be right for both: it would be emptied by the faster rule and then believed by the
//! slower. So what was used is counted under both, until nothing of the older count is left.

use crate::decision::{Decision, Retry, wait_ms};
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
    pub fn decide(&self, rule: &M, cost: u64, clock: At) -> Decision {
        let now = self.now(clock);
        let used = self.used(rule, now);
        let asked = amount(rule, cost);
        let full = amount(rule, rule.limit());
        let wanted = used.saturating_add(asked);
        if wanted <= full || cost == 0 {
            return standing(rule, wanted, now, clock, true, Retry::Now);
        }
        let retry = if cost > rule.limit() {
            Retry::Never
        } else {
            Retry::After(wait_ms(clock, rule.gone(now, wanted.saturating_sub(full))).max(1))
        };
        standing(rule, used, now, clock, false, retry)
    }

    /// The parameters in force, what would be answered under them, and nothing taken.
    pub fn peek(&self, cost: u64, clock: At) -> Decision {
        let now = self.now(clock);
        let verdict = self.decide(&self.rule, cost, clock);
        standing(&self.rule, self.used(&self.rule, now), now, clock, verdict.allowed, verdict.retry)
    }

    /// Books `cost` at `at` under `rule`.
    ///
    /// # Errors
    /// [`Fault::Overflow`] when more would be held than can be counted; nothing has changed then.
    pub fn charge(&mut self, rule: &M, cost: u64, at: At) -> Result<()> {
        let now = self.now(at);
        let (used, other) = self.courses(rule, now);
        let held = booked(rule, used, cost, now)?;
        let before = match other {
            Some((other, used)) if used > 0 => Some((other, booked(&other, used, cost, now)?)),
            _ => None,
        };
        *self = Self { rule: *rule, held, before };
        Ok(())
    }

    /// Whether anything used still counts at `clock`, so that a refund would change something.
    pub fn in_use(&self, clock: At) -> bool {
        let now = self.now(clock);
        self.rule.aged(self.held, now) > 0 || self.before.is_some_and(|(rule, held)| rule.aged(held, now) > 0)
    }

    /// Gives `cost` back at `at`, down to nothing used.
    pub fn refund(&mut self, cost: u64, at: At) {
        let now = self.now(at);
        let given = |rule: &M, held: Held| {
            let amount = rule.aged(held, now).saturating_sub(amount(rule, cost));
            Held { at: now, amount }
        };
        self.held = given(&self.rule, self.held);
        self.before =
            self.before.map(|(rule, held)| (rule, given(&rule, held))).filter(|(_, held)| held.amount > 0);
    }

    /// Cost used at `now` under the parameters in force, a started token counting whole.
    pub fn used_cost(&self, now: At) -> u64 {
        let used = self.rule.aged(self.held, now).div_ceil(u128::from(self.rule.unit()));
        u64::try_from(used).unwrap_or(u64::MAX)
    }

    /// From when on a new key would answer alike, seen from the last change; `None` if it would now.
    pub fn empty_at(&self) -> Option<At> {
        let gone = |rule: &M, held: Held| (held.amount > 0).then(|| rule.gone(held.at, held.amount));
        let before = self.before.and_then(|(rule, held)| gone(&rule, held));
        gone(&self.rule, self.held).max(before)
    }

    /// What `rule` knows to be used at `now`.
    fn used(&self, rule: &M, now: At) -> u128 {
        if rule.same_course(&self.rule) { rule.aged(self.held, now) } else { self.courses(rule, now).0 }
    }

    /// What `rule` knows to be used at `now`, and what the other parameters do.
    fn courses(&self, rule: &M, now: At) -> (u128, Option<(M, u128)>) {
        let aged = |(rule, held): (M, Held)| (rule, rule.aged(held, now));
        let current = (self.rule, self.held);
        if rule.same_course(&self.rule) {
            return (rule.aged(self.held, now), self.before.map(aged));
        }
        match self.before {
            Some((before, held)) if rule.same_course(&before) => (rule.aged(held, now), Some(aged(current))),
            before => {
                let known = |(from, held): (M, Held)| rule.aged(carried(&from, held, rule), now);
                (known(current).max(before.map_or(0, known)), Some(aged(current)))
            }
        }
    }
}

fn standing<M: Meter>(rule: &M, used: u128, now: At, clock: At, allowed: bool, retry: Retry) -> Decision {
    let room = amount(rule, rule.limit()).saturating_sub(used);
    let unit = rule.unit();
    let remaining = match u64::try_from(room) {
        Ok(room) => room.checked_div(unit).unwrap_or(0), // a unit is never 0
        Err(_) => u64::try_from(room.checked_div(u128::from(unit)).unwrap_or(0)).unwrap_or(u64::MAX),
    };
    let reset_after_ms = if used == 0 { 0 } else { wait_ms(clock, rule.gone(now, used)) };
    Decision { allowed, limit: rule.limit(), remaining, retry, reset_after_ms }
}

fn booked<M: Meter>(rule: &M, used: u128, cost: u64, at: At) -> Result<Held> {
    let amount = used.checked_add(amount(rule, cost)).ok_or(Fault::Overflow)?;
    let most = HELD_MAX.saturating_mul(u128::from(rule.unit()));
    if amount > most { Err(Fault::Overflow) } else { Ok(Held { at, amount }) }
}
