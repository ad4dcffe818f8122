//! An oracle of a bucket that computes its level from its whole history, in exact fractions.
//!
//! It counts in parts of a token, chosen so that all amounts of one refill are integers. A token is
//! `period * 10^decimals` parts, and a millisecond gains the digits of `refill` as parts.

use rl_core::limit::bucket::BucketRule;
use rl_core::limit::decision::{Decision, Retry};
use rl_core::number::COUNT_MAX;
use rl_core::time::At;

/// Admissions (at, cost) and refunds (at, -cost), under one refill and period.
#[derive(Clone, Debug, Default)]
pub(crate) struct BucketOracle {
    events: Vec<(u64, i128)>,
}

/// Returns the parts in one token.
pub(crate) fn token(rule: &BucketRule) -> i128 {
    i128::from(rule.period().ms()) * 10_i128.pow(u32::from(rule.refill().scale))
}

/// Returns the parts gained in each millisecond.
pub(crate) fn gain(rule: &BucketRule) -> i128 {
    i128::from(rule.refill().mantissa)
}

/// Checks the promise of a bucket: no interval between two of these admissions holds more than the capacity
/// and what that interval has gained.
pub(crate) fn every_interval_keeps_the_bound(rule: &BucketRule, admissions: &[(u64, u64)]) {
    for (first, (begin, _)) in admissions.iter().enumerate() {
        let mut sum = 0;
        for (end, cost) in &admissions[first..] {
            sum += i128::from(*cost);
            let most = i128::from(rule.capacity()) * token(rule) + i128::from(end - begin) * gain(rule);
            assert!(sum * token(rule) <= most, "{rule:?}: {sum} from {begin} to {end}");
        }
    }
}

impl BucketOracle {
    pub(crate) fn now(&self, clock: u64) -> u64 {
        self.events.last().map_or(clock, |(last, _)| clock.max(*last))
    }

    /// Returns what is missing at `now`, in parts.
    pub(crate) fn used(&self, rule: &BucketRule, now: u64) -> i128 {
        let (mut used, mut last) = (0, 0);
        for (at, cost) in self.events.iter().copied().chain([(now, 0)]) {
            used = (used - i128::from(at - last) * gain(rule)).max(0);
            used = (used + cost * token(rule)).max(0);
            last = at;
        }
        used
    }

    pub(crate) fn decide(&self, rule: &BucketRule, cost: u64, clock: u64) -> Decision {
        let now = self.now(clock);
        let (used, full) = (self.used(rule, now), i128::from(rule.capacity()) * token(rule));
        let wanted = used + i128::from(cost) * token(rule);
        let allowed = cost == 0 || wanted <= full;
        let after = if allowed { wanted } else { used };
        let until_gained = |parts: i128| {
            let then = (parts + gain(rule) - 1) / gain(rule) + i128::from(now);
            u64::try_from(then.min(i128::from(COUNT_MAX))).unwrap() - clock // the last instant there is
        };
        let retry = match allowed {
            true => Retry::Now,
            false if cost > rule.capacity() => Retry::Never,
            false => Retry::After(until_gained(wanted - full)),
        };
        Decision {
            allowed,
            limit: rule.capacity(),
            remaining: u64::try_from((full - after).max(0) / token(rule)).unwrap(),
            retry,
            reset_after_ms: if after > 0 { until_gained(after) } else { 0 },
            at: At::new(now).unwrap(),
        }
    }

    pub(crate) fn charge(&mut self, cost: u64, now: u64) {
        self.events.push((now, i128::from(cost)));
    }

    pub(crate) fn refund(&mut self, rule: &BucketRule, cost: u64, clock: u64) {
        let now = self.now(clock);
        if self.used(rule, now) > 0 {
            self.events.push((now, -i128::from(cost)));
        }
    }
}
