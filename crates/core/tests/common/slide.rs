//! An oracle of a sliding window that keeps every admission it may need, and adds all of them up each time.

use rl_core::limit::decision::{Decision, Retry};
use rl_core::limit::slide::SlideRule;
use rl_core::time::At;

#[derive(Clone, Debug, Default)]
pub(crate) struct SlideOracle {
    /// Every admission that counts for a window in use: (at, cost), the oldest first.
    pub(crate) admitted: Vec<(u64, u64)>,
    /// The instant of the last change.
    last: u64,
    /// The window of the last admission.
    in_force: u64,
    /// The longest window in use at that time.
    retained: u64,
    /// Each window ever used, and the instant of its last use.
    uses: Vec<(u64, u64)>,
}

impl SlideOracle {
    pub(crate) fn now(&self, clock: u64) -> u64 {
        clock.max(self.last)
    }

    pub(crate) fn used(&self, window: u64, now: u64) -> u64 {
        self.admitted.iter().filter(|(at, _)| at + window > now).map(|(_, cost)| cost).sum()
    }

    pub(crate) fn decide(&self, rule: &SlideRule, cost: u64, clock: u64) -> Decision {
        let (limit, window, now) = (rule.limit, rule.window.ms(), self.now(clock));
        let used = self.used(window, now);
        let allowed = cost == 0 || used + cost <= limit;
        let mut after = self.clone();
        if allowed && cost > 0 {
            after.admitted.push((now, cost));
        }
        let leaving =
            |of: &Self| of.admitted.iter().map(|(at, _)| at + window).filter(|t| *t > now).collect();
        let ends: Vec<u64> = leaving(self);
        let retry = match allowed {
            true => Retry::Now,
            false if cost > limit => Retry::Never,
            false => {
                let room = ends.into_iter().filter(|end| self.used(window, *end) + cost <= limit).min();
                Retry::After(room.unwrap() - clock)
            }
        };
        let ends: Vec<u64> = leaving(&after);
        Decision {
            allowed,
            limit,
            remaining: limit.saturating_sub(after.used(window, now)),
            retry,
            reset_after_ms: ends.into_iter().max().map_or(0, |end| end - clock),
            at: At::new(now).unwrap(),
        }
    }

    /// Charges an admission at `now`. A window stays in use for its own length after its last use.
    pub(crate) fn charge(&mut self, rule: &SlideRule, cost: u64, now: u64) {
        self.uses.retain(|(window, _)| *window != rule.window.ms());
        self.uses.push((rule.window.ms(), now));
        self.uses.retain(|(window, last)| last + window > now);
        self.retained = self.uses.iter().map(|(window, _)| *window).max().unwrap();
        self.forget(now);
        self.admitted.push((now, cost));
        (self.last, self.in_force) = (now, rule.window.ms());
    }

    /// Takes `cost` off the oldest admissions that still count for the window in force.
    pub(crate) fn refund(&mut self, cost: u64, clock: u64) {
        let now = self.now(clock);
        let window = self.in_force;
        if self.used(window, now) == 0 {
            return;
        }
        self.forget(now);
        self.last = now;
        self.uses.iter_mut().filter(|(used, _)| *used == window).for_each(|(_, last)| *last = now);
        let mut left = cost;
        for (_, cost) in self.admitted.iter_mut().filter(|(at, _)| at + window > now) {
            let given = left.min(*cost);
            *cost -= given;
            left -= given;
        }
        self.admitted.retain(|(_, cost)| *cost > 0);
    }

    fn forget(&mut self, now: u64) {
        let retained = self.retained;
        self.admitted.retain(|(at, _)| at + retained > now);
    }
}
