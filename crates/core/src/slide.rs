//! Exact sliding window: in every interval `[t, t + window)` the admitted cost is at most the limit.
//!
//! An admission at `t` counts while `now < t + window`. All of them are kept (see [`crate::log`]), so
//! the answer to "when" is exact too: the instant at which enough of the oldest have left.

use crate::decision::{Decision, Expiry, Retry, wait_ms};
use crate::fault::{Fault, Result};
use crate::log::{COST_MAX, ENTRIES_EXACT, ENTRIES_MAX, Log, View};
use crate::time::{At, Span};

/// The parameters of `RL.SLIDE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SlideRule {
    /// The most cost in any one window, `1..=2^53-1`.
    pub limit: u64,
    /// How long it is, 1 ms to 3650 d.
    pub window: Span,
}

/// A sliding window as one key holds it.
#[derive(Clone, Debug, PartialEq)]
pub struct Slide {
    /// The parameters in force: those of the latest admission.
    pub rule: SlideRule,
    /// A longer window that was in use before.
    ///
    /// Callers with windows of a minute and of a second may share a key, as they do while a new
    /// release rolls out. What the minute still has to count must not leave with the second.
    pub longer: Option<Box<Longer>>,
    /// What was admitted.
    pub log: Log,
}

/// A longer window than the one in force, remembered for as long as itself after its last use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Longer {
    /// Its length.
    pub window: Span,
    /// When it is forgotten.
    pub until: At,
}

impl Slide {
    /// A new key under `rule`.
    #[must_use]
    pub fn new(rule: SlideRule) -> Self {
        Self { rule, longer: None, log: Log::default() }
    }

    /// The instant that a request at `clock` is decided for: never before the last one.
    #[must_use]
    pub fn now(&self, clock: At) -> At {
        clock.max(self.log.tail_at())
    }

    /// Answers a request of `cost` under `rule`, changing nothing.
    #[must_use]
    pub fn decide(&self, rule: &SlideRule, cost: u64, clock: At) -> Decision {
        let now = self.now(clock);
        let view = self.log.view(now.cutoff(rule.window));
        let used = view.cost();
        let wanted = used.saturating_add(cost);
        let standing = Standing { rule, now, clock };
        if wanted <= rule.limit || cost == 0 {
            let last = if cost > 0 { now } else { self.log.tail_at() };
            return standing.decision(wanted, last, true, Retry::Now);
        }
        standing.decision(used, self.log.tail_at(), false, retry(rule, &view, wanted, cost, clock))
    }

    /// What would be answered under the parameters in force, and nothing taken.
    #[must_use]
    pub fn peek(&self, cost: u64, clock: At) -> Decision {
        let verdict = self.decide(&self.rule, cost, clock);
        let used = self.used_cost(verdict.at);
        let standing = Standing { rule: &self.rule, now: verdict.at, clock };
        standing.decision(used, self.log.tail_at(), verdict.allowed, verdict.retry)
    }

    /// Books `cost` (at least 1) at `at` under `rule`.
    ///
    /// # Errors
    /// [`Fault::Overflow`] when more would be held than can be counted; nothing has changed then.
    pub fn charge(&mut self, rule: &SlideRule, cost: u64, at: At) -> Result<Expiry> {
        if self.log.cost().saturating_add(cost) > COST_MAX {
            return Err(Fault::Overflow);
        }
        let expired = self.empty_at();
        let now = self.now(at);
        self.adopt(rule, now);
        let retained = self.retained();
        self.log.prune(now.cutoff(retained));
        self.log.push(now, cost);
        if self.log.entries() > ENTRIES_MAX {
            // Cells of `step` ms are late by at most step - 1, and fewer than 10,002 cover a window.
            let late = retained.ms().div_euclid(u64::from(ENTRIES_EXACT));
            self.log.coarsen(Span::from_ms(late.saturating_add(1)));
        }
        Ok(Expiry::moved(expired, self.empty_at()))
    }

    /// Whether anything used still counts at `clock`, so that a refund would change something.
    #[must_use]
    pub fn in_use(&self, clock: At) -> bool {
        self.log.view(self.now(clock).cutoff(self.retained())).cost() > 0
    }

    /// Gives `cost` back at `at`, from the oldest that counts, down to nothing used.
    pub fn refund(&mut self, cost: u64, at: At) -> Expiry {
        let expired = self.empty_at();
        let now = self.now(at);
        self.log.prune(now.cutoff(self.retained()));
        self.log.shed(cost);
        Expiry::moved(expired, self.empty_at())
    }

    /// Cost that counts at `now` under the parameters in force.
    #[must_use]
    pub fn used_cost(&self, now: At) -> u64 {
        self.log.view(now.cutoff(self.rule.window)).cost()
    }

    /// From when on a new key would answer alike, seen from the last change; `None` if it would now.
    #[must_use]
    pub fn empty_at(&self) -> Option<At> {
        (self.log.entries() > 0).then(|| self.log.tail_at().plus(self.retained()))
    }

    /// How long an admission is kept.
    fn retained(&self) -> Span {
        self.longer.as_ref().map_or(self.rule.window, |longer| longer.window.max(self.rule.window))
    }

    /// Makes `rule` the one in force.
    fn adopt(&mut self, rule: &SlideRule, now: At) {
        if rule.window != self.rule.window {
            let last = Longer { window: self.rule.window, until: self.log.tail_at().plus(self.rule.window) };
            let known =
                self.longer.as_deref().filter(|known| known.window > last.window && known.until > now);
            // A window between the two may be in use for longer than the longest: remembered with it.
            let longest = known.map_or(last, |known| Longer { until: known.until.max(last.until), ..*known });
            self.longer = (longest.window > rule.window).then(|| Box::new(longest));
        }
        if self.longer.as_ref().is_some_and(|longer| longer.until <= now) {
            self.longer = None;
        }
        self.rule = *rule;
    }
}

fn retry(rule: &SlideRule, view: &View<'_>, wanted: u64, cost: u64, clock: At) -> Retry {
    if cost > rule.limit {
        return Retry::Never;
    }
    match view.leaves(wanted.saturating_sub(rule.limit)) {
        Some(at) => Retry::After(wait_ms(clock, at.plus(rule.window)).max(1)),
        None => Retry::Never, // not reached: all of it leaving makes room for any cost up to the limit
    }
}

/// From where a decision is seen.
struct Standing<'a> {
    rule: &'a SlideRule,
    now: At,
    clock: At,
}

impl Standing<'_> {
    fn decision(&self, used: u64, last: At, allowed: bool, retry: Retry) -> Decision {
        let Self { rule, now, clock } = *self;
        let remaining = rule.limit.saturating_sub(used);
        let reset_after_ms = if used == 0 { 0 } else { wait_ms(clock, last.plus(rule.window)) };
        Decision { allowed, limit: rule.limit, remaining, retry, reset_after_ms, at: now }
    }
}
