//! Exact sliding window: in every interval `[t, t + window)` the admitted cost is at most the limit.
//!
//! An admission at `t` counts while `now < t + window`. All of them are kept (see [`crate::limit::slide::log`]), so
//! the answer to "when" is exact too: the instant at which enough of the oldest have left.

pub mod log;

use crate::limit::counter::Amendment;
use crate::limit::decision::{Decision, Expiry, Retry, wait_ms};
use crate::limit::slide::log::{ENTRIES_EXACT, ENTRIES_MAX, Log, View};
use crate::time::{At, Span};

/// Into how many cells what is older than the window in force is merged.
const ENTRIES_LONGER: u32 = 4_000;

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
    /// The instant of the last change.
    pub at: At,
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
        Self { rule, longer: None, at: At::MIN, log: Log::default() }
    }

    /// The instant that a request at `clock` is decided for: never before the last one.
    #[must_use]
    pub fn now(&self, clock: At) -> At {
        clock.max(self.at)
    }

    /// Answers a request of `cost` under `rule`, changing nothing.
    #[must_use]
    #[inline(always)] // as in `State::decide`
    pub fn decide(&self, rule: &SlideRule, cost: u64, clock: At) -> Decision {
        let now = self.now(clock);
        let view = self.log.view(now.cutoff(rule.window));
        let used = view.cost();
        let wanted = used.saturating_add(cost);
        let standing = Standing { rule, now, clock };
        if wanted <= rule.limit || cost == 0 {
            let last = if cost > 0 { now } else { self.log.last_at() };
            return standing.decision(wanted, last, true, Retry::Now);
        }
        standing.decision(used, self.log.last_at(), false, retry(rule, view, wanted, cost, clock))
    }

    /// What would be answered under the parameters in force, and nothing taken.
    #[must_use]
    pub fn peek(&self, cost: u64, clock: At) -> Decision {
        let verdict = self.decide(&self.rule, cost, clock);
        let used = self.used_cost(verdict.at);
        let standing = Standing { rule: &self.rule, now: verdict.at, clock };
        standing.decision(used, self.log.last_at(), verdict.allowed, verdict.retry)
    }

    /// Books `cost` (at least 1) at `at` under `rule`.
    #[inline]
    pub fn charge(&mut self, rule: &SlideRule, cost: u64, at: At) -> Expiry {
        let expired = self.empty_at();
        let last = self.at;
        self.at = self.now(at);
        self.adopt(rule, last);
        self.log.prune(self.at.cutoff(self.retained()));
        self.log.push(self.at, cost);
        self.bound();
        Expiry::moved(expired, self.empty_at())
    }

    /// Keeps the log from growing without end.
    #[inline]
    fn bound(&mut self) {
        if self.log.entries() > ENTRIES_MAX {
            self.coarsen();
        }
    }

    #[cold]
    fn coarsen(&mut self) {
        // The window in force stays exact to its ten-thousandth; what only a longer one that was
        // in use before still counts, to that one's four-thousandth. Both leave room for more.
        let (fine, coarse) = (cell(self.rule.window, ENTRIES_EXACT), cell(self.retained(), ENTRIES_LONGER));
        self.log.coarsen(self.at.cutoff(self.rule.window), coarse, fine);
    }

    /// Whether anything used still counts at `clock`, so that a refund would change something.
    #[must_use]
    pub fn in_use(&self, clock: At) -> bool {
        self.used_cost(self.now(clock)) > 0
    }

    /// Gives `cost` back at `at`, from the oldest that counts, down to nothing used.
    pub fn refund(&mut self, cost: u64, at: At) -> Expiry {
        let expired = self.empty_at();
        self.at = self.now(at);
        self.log.prune(self.at.cutoff(self.retained()));
        self.log.shed(self.at.cutoff(self.rule.window), cost);
        Expiry::moved(expired, self.empty_at())
    }

    /// Makes what was charged at an instant in the past what was used after all, as seen at `at`.
    pub fn amend(&mut self, charge: &Amendment, at: At) {
        self.at = self.now(at);
        let cutoff = self.at.cutoff(self.retained());
        self.log.prune(cutoff);
        if Some(charge.at) > cutoff {
            self.log.amend(charge.at, charge.taken, charge.used);
            self.bound();
        }
    }

    /// Cost that counts at `now` under the parameters in force.
    #[must_use]
    pub fn used_cost(&self, now: At) -> u64 {
        self.log.view(now.cutoff(self.rule.window)).cost()
    }

    /// From when on a new key would answer alike, seen from the last change; `None` if it would now.
    #[must_use]
    pub fn empty_at(&self) -> Option<At> {
        (self.log.entries() > 0).then(|| self.log.last_at().plus(self.retained()))
    }

    /// How long an admission is kept.
    fn retained(&self) -> Span {
        self.longer.as_ref().map_or(self.rule.window, |longer| longer.window.max(self.rule.window))
    }

    /// Makes `rule` the one in force. The one before it was last used at `last`.
    fn adopt(&mut self, rule: &SlideRule, last: At) {
        if rule.window != self.rule.window {
            self.remember(rule, last);
        }
        if self.longer.as_ref().is_some_and(|longer| longer.until <= self.at) {
            self.longer = None;
        }
        self.rule = *rule;
    }

    /// Keeps in mind the window in force, last used at `last`, if it is longer than that of `rule`.
    #[cold]
    fn remember(&mut self, rule: &SlideRule, last: At) {
        let before = Longer { window: self.rule.window, until: last.plus(self.rule.window) };
        let known =
            self.longer.as_deref().filter(|known| known.window > before.window && known.until > self.at);
        // A window between the two may be in use for longer than the longest: remembered with it.
        let longest = known.map_or(before, |known| Longer { until: known.until.max(before.until), ..*known });
        self.longer = (longest.window > rule.window).then(|| Box::new(longest));
    }
}

/// The cells into which a window is divided, at most `count` and two at its ends: what is merged
/// into the end of one is late by at most `window / count`.
fn cell(window: Span, count: u32) -> Span {
    Span::from_ms(window.ms().div_euclid(u64::from(count)).saturating_add(1))
}

#[inline(never)]
fn retry(rule: &SlideRule, view: View<'_>, wanted: u64, cost: u64, clock: At) -> Retry {
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
