//! Exact sliding window: in every interval `[t, t + window)` the admitted cost is at most the limit.
//!
//! An admission at `t` counts while `now < t + window`. All of them are kept in a [`log`], so the answer
//! to "when" is exact too: the instant at which enough of the oldest have left.
//!
//! ```
//! use rl_core::limit::algorithm::AlgorithmState as _;
//! use rl_core::limit::slide::{Slide, SlideRule};
//! use rl_core::time::{At, Span};
//!
//! let rule = SlideRule { limit: 3, window: Span::from_ms(1_000) };
//! let mut slide = Slide::new(rule);
//! slide.charge(&rule, 2, At::from_ms(100));
//! slide.charge(&rule, 1, At::from_ms(400));
//!
//! // The first admission leaves at 1100 ms, the second one at 1400 ms.
//! let decision = slide.decide(&rule, 3, At::from_ms(900));
//! assert!(!decision.allowed);
//! assert_eq!(decision.retry.reply(), 500);
//! assert_eq!(slide.used_cost(At::from_ms(1_100)), 1);
//! ```

mod answer;
mod brief;
mod bytes;
pub(crate) mod few;
pub mod log;
mod longer;
mod rule;

use self::answer::{decide, first_room, peek};
use self::log::{ENTRIES_EXACT, ENTRIES_MAX, Entry, Log};
use super::algorithm::{AlgorithmState, Amendment};
use super::checked;
use super::decision::{Decision, Expiry};
use crate::time::{At, Span};

pub use self::longer::Longer;
pub use self::rule::SlideRule;

/// Into how many cells what is older than the window in force is merged.
const ENTRIES_LONGER: u32 = 4_000;

/// A sliding window as one key holds it.
#[derive(Clone, Debug, PartialEq)]
pub struct Slide {
    /// The rule in force: that of the last admission.
    pub rule: SlideRule,
    /// A longer window that was in use before.
    pub longer: Option<Box<Longer>>,
    /// The instant of the last change.
    pub at: At,
    /// The admissions.
    pub log: Log,
}

impl AlgorithmState for Slide {
    type Rule = SlideRule;
    /// The longer window and its end, the last change, the oldest entry, and the bytes of the others.
    type Image<'a> = (Option<(u64, u64)>, u64, (u64, u64), &'a [u8]);

    fn new(rule: SlideRule) -> Self {
        Self { rule, longer: None, at: At::MIN, log: Log::default() }
    }

    fn rule(&self) -> SlideRule {
        self.rule
    }

    fn at(&self) -> At {
        self.at
    }

    #[inline(always)] // as in `State::decide`
    fn decide(&self, rule: &SlideRule, cost: u64, clock: At) -> Decision {
        let now = self.now(clock);
        decide(rule, cost, (now, clock), &self.log.view(now.cutoff(rule.window)), self.log.last_at())
    }

    fn admits(&self, rule: &SlideRule, cost: u64, from: At, until: Option<At>) -> Option<At> {
        let now = self.now(from);
        first_room(rule, cost, (from, until), &self.log.view(now.cutoff(rule.window)))
    }

    fn peek(&self, cost: u64, clock: At) -> Decision {
        peek(|cost| self.decide(&self.rule, cost, clock), cost)
    }

    #[inline(always)] // as in `State::charge`
    fn charge(&mut self, rule: &SlideRule, cost: u64, at: At) -> Expiry {
        let (expired, last) = (self.empty_at(), self.at);
        let is_timed = self.log.is_timed && rule.window == self.rule.window;
        self.at = self.now(at);
        self.adopt(rule, last);
        self.log.prune(self.at.cutoff(self.retained()));
        self.log.push(self.at, cost);
        self.bound();
        let expiry;
        (expiry, self.log.is_timed) = Expiry::charged(expired, self.empty_at(), is_timed);
        expiry
    }

    fn refund(&mut self, cost: u64, at: At) -> Expiry {
        let expired = self.empty_at();
        self.at = self.now(at);
        self.log.prune(self.at.cutoff(self.retained()));
        self.log.shed(self.at.cutoff(self.rule.window), cost);
        Expiry::moved(expired, self.empty_at())
    }

    fn amend(&mut self, charge: &Amendment, at: At) -> u128 {
        self.at = self.now(at);
        let cutoff = self.at.cutoff(self.retained());
        self.log.prune(cutoff);
        if Some(charge.at) > cutoff {
            self.log.amend(charge.at, charge.taken, charge.used);
            self.bound();
        }
        0
    }

    fn in_use(&self, clock: At) -> bool {
        self.used_cost(self.now(clock)) > 0
    }

    fn used_cost(&self, now: At) -> u64 {
        self.log.view(now.cutoff(self.rule.window)).cost()
    }

    fn missing(&self, _: At) -> Option<u128> {
        None // each admission leaves all at once
    }

    fn retained(&self) -> Span {
        Self::retained(self)
    }

    fn empty_at(&self) -> Option<At> {
        (self.log.entries() > 0).then(|| self.log.last_at().plus(self.retained()))
    }

    fn image(&self) -> Self::Image<'_> {
        let (head, bytes) = self.log.packed();
        let longer = self.longer.as_ref().map(|longer| (longer.window.ms(), longer.until.ms()));
        (longer, self.at.ms(), (head.at.ms(), head.cost), bytes)
    }

    fn from_image(rule: SlideRule, (longer, at, head, bytes): Self::Image<'_>) -> Option<Self> {
        let longer = match longer {
            Some((window, until)) if window > rule.window.ms() => {
                Some(Box::new(Longer { window: checked::span(window)?, until: checked::future(until)? }))
            }
            Some(_) => return None,
            None => None,
        };
        let head = Entry { at: At::new(head.0)?, cost: head.1 };
        let at = At::new(at)?;
        let log = Log::unpack(head, bytes).filter(|log| log.last_at() <= at)?;
        Some(Self { rule, longer, at, log })
    }
}

impl Slide {
    /// Returns how long an admission is kept.
    pub(super) fn retained(&self) -> Span {
        self.longer.as_ref().map_or(self.rule.window, |longer| longer.window.max(self.rule.window))
    }

    /// Makes `rule` the one in force. The one before it was last used at `last`.
    #[inline]
    fn adopt(&mut self, rule: &SlideRule, last: At) {
        if rule.window != self.rule.window {
            let longer =
                Longer::remember(self.longer.as_deref(), self.rule.window, last, rule.window, self.at);
            self.longer = longer.map(Box::new);
        }
        if self.longer.as_ref().is_some_and(|longer| longer.until <= self.at) {
            self.longer = None;
        }
        self.rule = *rule;
    }

    /// Keeps the log from growing without end.
    #[inline]
    pub(super) fn bound(&mut self) {
        if self.log.entries() > ENTRIES_MAX {
            self.coarsen();
        }
    }

    /// Merges entries. The window in force stays exact to its ten-thousandth. What only a longer window
    /// still counts stays exact to that window's four-thousandth. Both leave room for more entries.
    #[cold]
    fn coarsen(&mut self) {
        let (fine, coarse) = (cell(self.rule.window, ENTRIES_EXACT), cell(self.retained(), ENTRIES_LONGER));
        self.log.coarsen(self.at.cutoff(self.rule.window), coarse, fine);
    }
}

/// Returns the width of a cell if a window is divided into `count` of them. An entry that is merged into
/// the end of a cell is late by at most `window / count`.
fn cell(window: Span, count: u32) -> Span {
    Span::from_ms(window.ms().div_euclid(u64::from(count)).saturating_add(1))
}
