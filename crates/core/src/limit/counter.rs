//! One aging amount under the rule in force, and under another rule that was in force before.
//!
//! A request is decided by its own rule, against everything that the key has admitted. Callers may send
//! two rules in turn, as they do while a new release rolls out. One number cannot be right for both: the
//! faster rule would empty it, and the slower rule would then believe it. So each admission is counted
//! under both, until the other rule has not been used for as long as it remembers.
//!
//! With more than two rules, the one that remembers longest is kept beside the one in force. Both take
//! over what a third one counted, which errs towards denying.
//!
//! Two windows of one length that begin at different times overlap. A request is then also held to the other
//! window, until it ends (see `counted.rs`). So a change of the offset admits no second limit.

use super::algorithm::{AlgorithmState, Amendment, COST_MAX};
use super::checked;
use super::counted::{Counted, Moment, Overlap};
use super::decision::{Decision, Expiry, wait_ms};
use super::meter::{Meter, Usage, amount, converted};
use crate::time::{At, Span};

/// A fixed window or a bucket as one key holds it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Counter<M> {
    /// The rule in force: that of the last admission.
    pub rule: M,
    /// What is used under it.
    pub usage: Usage,
    /// Another rule that is still in use, as far as the key knows.
    pub before: Option<Before<M>>,
}

/// A rule that was in force before, and what is used under it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Before<M> {
    /// The rule.
    pub rule: M,
    /// What is used under it, counted at the same instant as under the rule in force.
    pub usage: Usage,
    /// When the rule is forgotten: as long after its last use as it remembers.
    pub until: At,
}

impl<M: Meter> AlgorithmState for Counter<M> {
    type Rule = M;
    /// The last change and the amount. Then the rule before, its amount and when it is forgotten.
    type Image<'a> = (u64, u128, Option<(M::Image, u128, u64)>);

    fn new(rule: M) -> Self {
        Self { rule, usage: Usage::default(), before: None }
    }

    fn rule(&self) -> M {
        self.rule
    }

    fn at(&self) -> At {
        self.usage.at
    }

    #[inline(always)] // as in `State::decide`
    fn decide(&self, rule: &M, cost: u64, clock: At) -> Decision {
        let at = self.now(clock);
        let moment = Moment { rule, at, now: rule.moment(at), clock };
        moment.decide(self.counted(rule, at, moment.now), cost)
    }

    fn peek(&self, cost: u64, clock: At) -> Decision {
        let (rule, at) = (&self.rule, self.now(clock));
        let moment = Moment { rule, at, now: rule.moment(at), clock };
        let counted = self.counted(rule, at, moment.now);
        let Decision { allowed, retry, .. } = moment.decide(counted, cost);
        moment.decision(counted, allowed, retry)
    }

    #[inline]
    fn charge(&mut self, rule: &M, cost: u64, at: At) -> Expiry {
        let at = self.now(at);
        if self.before.is_some() || !rule.ages_alike(&self.rule) {
            return self.charge_both(rule, cost, at);
        }
        let now = rule.moment(at);
        let usage = charged(rule, rule.aged(self.usage, now), cost, at);
        let same = rule.goes_together(self.usage, now);
        (self.rule, self.usage) = (*rule, usage);
        if same { Expiry::Same } else { Expiry::at(rule.gone(now, usage.amount)) }
    }

    fn refund(&mut self, cost: u64, at: At) -> Expiry {
        let expired = self.empty_at();
        let at = self.now(at);
        let refunded = |rule: &M, usage: Usage| {
            let amount = rule.aged(usage, rule.moment(at)).saturating_sub(amount(rule, cost));
            Usage { at, amount }
        };
        self.usage = refunded(&self.rule, self.usage);
        self.before =
            self.before.map(|before| Before { usage: refunded(&before.rule, before.usage), ..before });
        Expiry::moved(expired, self.empty_at())
    }

    fn amend(&mut self, charge: &Amendment, at: At) -> u128 {
        let at = self.now(at);
        let amended = |rule: &M, usage: Usage, most: u128| {
            let now = rule.moment(at);
            let counts = rule.aged(usage, now);
            if !rule.counts(charge.at, now) {
                return (Usage { at, amount: counts }, 0);
            }
            let given = amount(rule, charge.taken.saturating_sub(charge.used)).min(most).min(counts);
            let excess = charge.used.saturating_sub(charge.taken);
            (charged(rule, counts.saturating_sub(given), excess, at), given)
        };
        let (usage, given) = amended(&self.rule, self.usage, charge.most.unwrap_or(u128::MAX));
        self.usage = usage;
        // What the other rule would have given back meanwhile is not known where it matters.
        let most = charge.most.map_or(u128::MAX, |_| 0);
        self.before =
            self.before.map(|before| Before { usage: amended(&before.rule, before.usage, most).0, ..before });
        if M::REFILLS { given } else { 0 }
    }

    fn in_use(&self, clock: At) -> bool {
        let at = self.now(clock);
        let counts = |rule: &M, usage: Usage| rule.aged(usage, rule.moment(at)) > 0;
        counts(&self.rule, self.usage) || self.before.is_some_and(|before| counts(&before.rule, before.usage))
    }

    fn used_cost(&self, now: At) -> u64 {
        let used = self.counted(&self.rule, now, self.rule.moment(now)).most();
        u64::try_from(used.div_ceil(u128::from(self.rule.unit()))).unwrap_or(u64::MAX)
    }

    fn missing(&self, at: At) -> Option<u128> {
        M::REFILLS.then(|| self.rule.aged(self.usage, self.rule.moment(at)))
    }

    fn retained(&self) -> Span {
        Span::default() // what another rule counts, it knows by the instant of the charge
    }

    fn empty_at(&self) -> Option<At> {
        let gone = |rule: &M, usage: Usage| {
            (usage.amount > 0).then(|| rule.gone(rule.moment(usage.at), usage.amount))
        };
        let before = self.before.and_then(|before| gone(&before.rule, before.usage));
        gone(&self.rule, self.usage).max(before)
    }

    fn image(&self) -> Self::Image<'_> {
        let before = self.before.map(|before| (before.rule.image(), before.usage.amount, before.until.ms()));
        (self.usage.at.ms(), self.usage.amount, before)
    }

    fn from_image(rule: M, (at, used, before): Self::Image<'_>) -> Option<Self> {
        let at = At::new(at)?;
        let usage = |rule: &M, amount_used: u128| {
            (amount_used <= amount(rule, COST_MAX)).then_some(Usage { at, amount: amount_used })
        };
        let before = match before {
            Some((image, used, until)) => {
                let other = M::from_image(image)?;
                let usage = usage(&other, used)?;
                if other.ages_alike(&rule) {
                    return None;
                }
                Some(Before { rule: other, usage, until: checked::future(until)? })
            }
            None => None,
        };
        Some(Self { rule, usage: usage(&rule, used)?, before })
    }
}

impl<M: Meter> Counter<M> {
    /// Returns how many ms from `clock` on more than the limit of `rule` is used; 0 if no more is.
    pub fn excess_ms(&self, rule: &M, clock: At) -> u64 {
        let now = rule.moment(self.now(clock));
        match self.used(rule, now).saturating_sub(amount(rule, rule.quota())) {
            0 => 0,
            excess => wait_ms(clock, rule.gone(now, excess)).max(1),
        }
    }

    /// Charges under more than one rule.
    #[cold]
    fn charge_both(&mut self, rule: &M, cost: u64, at: At) -> Expiry {
        let expired = self.empty_at();
        let used = self.used(rule, rule.moment(at));
        let before = self.beside(rule, at).map(|before| {
            let used = before.rule.aged(before.usage, before.rule.moment(at));
            Before { usage: charged(&before.rule, used, cost, at), ..before }
        });
        *self = Self { rule: *rule, usage: charged(rule, used, cost, at), before };
        Expiry::moved(expired, self.empty_at())
    }

    /// Returns the rule that is counted beside `rule` after a change at `at`.
    fn beside(&self, rule: &M, at: At) -> Option<Before<M>> {
        let before = self.before.filter(|before| before.until > at);
        self.beside_of(before, rule).filter(|beside| beside.until > at)
    }

    /// Does the same, if this is the rule that was in force before.
    fn beside_of(&self, before: Option<Before<M>>, rule: &M) -> Option<Before<M>> {
        if rule.ages_alike(&self.rule) {
            return before;
        }
        // The instant of the last change is that of its last use, or later.
        let until = self.usage.at.plus(self.rule.memory());
        let current = Before { rule: self.rule, usage: self.usage, until };
        match before {
            Some(before) if !rule.ages_alike(&before.rule) => {
                let longer = before.until > current.until;
                let (kept, lost) = if longer { (before, current) } else { (current, before) };
                let taken_over = converted(&lost.rule, lost.usage, &kept.rule).amount;
                let usage = Usage { amount: kept.usage.amount.max(taken_over), ..kept.usage };
                Some(Before { usage, ..kept })
            }
            _ => Some(current),
        }
    }

    /// Returns all that counts for a request under `rule` at `at`, of which `now` is the moment.
    #[inline(always)] // for its result, which is large
    fn counted(&self, rule: &M, at: At, now: M::Moment) -> Counted {
        if self.before.is_none() && rule.ages_alike(&self.rule) {
            return Counted { used: rule.aged(self.usage, now), overlap: None };
        }
        Counted { used: self.used(rule, now), overlap: self.overlap(rule, at) }
    }

    /// Returns what the window of the rule that is counted beside `rule` has admitted, if it overlaps at `at`.
    #[cold]
    fn overlap(&self, rule: &M, at: At) -> Option<Overlap> {
        // A rule that is over its time counts until a change drops it, as in `used_before`.
        let Before { rule: other, usage, until } = self.beside_of(self.before, rule)?;
        let last_use = until.cutoff(other.memory()).unwrap_or(At::MIN);
        let until = other.overlaps(rule, last_use).filter(|until| *until > at)?;
        Some(Overlap { amount: converted(&other, usage, rule).amount, until })
    }

    /// Returns what is used under `rule` at `now`, a moment of the same rule.
    #[inline]
    fn used(&self, rule: &M, now: M::Moment) -> u128 {
        if rule.ages_alike(&self.rule) { rule.aged(self.usage, now) } else { self.used_before(rule, now) }
    }

    /// Does the same for a rule that is not in force.
    #[cold]
    fn used_before(&self, rule: &M, now: M::Moment) -> u128 {
        // A rule that is over its time counts until a change drops it, so that what was announced stays
        // true as time passes.
        if let Some(own) = self.before.filter(|before| rule.ages_alike(&before.rule)) {
            return rule.aged(own.usage, now);
        }
        let taken_over = |from: &M, usage: Usage| rule.aged(converted(from, usage, rule), now);
        let others = self.before.map_or(0, |before| taken_over(&before.rule, before.usage));
        taken_over(&self.rule, self.usage).max(others)
    }
}

/// Returns the usage after a charge at `at`.
fn charged<M: Meter>(rule: &M, used: u128, cost: u64, at: At) -> Usage {
    let amount = used.saturating_add(amount(rule, cost)).min(amount(rule, COST_MAX));
    Usage { at, amount }
}
