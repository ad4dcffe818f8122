//! What a limit is told from outside: that nobody may be admitted for a while (a *hold*), and how much of it is used
//! elsewhere, by callers that do not ask here.
//!
//! Both only tighten: a request is admitted if the limit alone would admit it with what is used elsewhere added to its
//! cost, and if no hold is in force. Both end at an instant. Until then they change nothing by themselves, so that
//! whoever waits knows when its turn comes.
//!
//! ```
//! use rl_core::limit::outside::Outside;
//! use rl_core::limit::slide::SlideRule;
//! use rl_core::limit::{rule::Rule, state::State};
//! use rl_core::time::{At, Span};
//!
//! let rule = Rule::from(SlideRule { limit: 10, window: Span::from_ms(60_000) });
//! let (now, later) = (At::from_ms(1_000), At::from_ms(5_000));
//! let mut state = State::new(&rule);
//! state.tell(Outside { elsewhere: 7, until: later, ..Outside::NONE }, now);
//!
//! assert_eq!(state.decide(&rule, 1, now)?.remaining, 2);
//! let decision = state.decide(&rule, 4, now)?;
//! assert!(!decision.allowed);
//! assert_eq!(decision.retry.reply(), 4_000); // by then nothing is used elsewhere any more
//! # Ok::<(), rl_core::fault::Fault>(())
//! ```

use serde::{Deserialize, Serialize};

use super::checked::future;
use super::decision::{Decision, Retry, wait_ms};
use crate::number::COUNT_MAX;
use crate::time::{At, Span};

/// What one limit is told from outside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outside {
    /// Nobody is admitted before this instant.
    pub held: At,
    /// How much is used elsewhere.
    pub elsewhere: u64,
    /// Until when it is.
    pub until: At,
}

/// A limit without what it is told from outside, for requests of one rule.
pub(crate) trait Inside {
    /// The limit or capacity.
    fn quota(&self) -> u64;

    /// The first instant from `from` on at which a request of `cost` is admitted; `None` if it never is, or only after
    /// `until`.
    fn admits(&self, cost: u64, from: At, until: Option<At>) -> Option<At>;
}

impl Outside {
    /// How long a key stays that was told something and counts nothing.
    pub(crate) const REST: Span = Span::from_ms(1_000);

    /// Nothing.
    pub const NONE: Self = Self { held: At::MIN, elsewhere: 0, until: At::MIN };

    /// Returns when all of it is over.
    #[must_use]
    pub fn end(&self) -> At {
        self.held.max(self.until)
    }

    /// Returns what of it is in force at `now`.
    #[must_use]
    pub fn at(self, now: At) -> Self {
        let held = if self.held > now { self.held } else { At::MIN };
        let (elsewhere, until) = match self.used(now) {
            0 => (0, At::MIN),
            used => (used, self.until),
        };
        Self { held, elsewhere, until }
    }

    /// Returns how much is used elsewhere at `now`.
    #[must_use]
    pub fn used(&self, now: At) -> u64 {
        if self.until > now { self.elsewhere } else { 0 }
    }

    /// Decides a request of `cost` for `now`. Durations count from `clock`. The limit alone decides as `decide` does.
    pub(crate) fn decide(
        &self,
        inside: &impl Inside,
        decide: impl Fn(u64) -> Decision,
        cost: u64,
        (now, clock): (At, At),
    ) -> Decision {
        let alone = decide(cost);
        let free = alone.remaining.saturating_add(if alone.allowed { cost } else { 0 });
        let free = free.saturating_sub(self.used(now));
        let is_held = self.held > now;
        let allowed = cost == 0 || (alone.allowed && !is_held && cost <= free);
        let remaining = match (is_held, allowed) {
            (true, _) => 0,
            (false, true) => free.saturating_sub(cost),
            (false, false) => free,
        };
        let retry = match alone.retry {
            _ if allowed => Retry::Now,
            Retry::Never => Retry::Never,
            Retry::Now | Retry::After(_) => self
                .admits(inside, cost, now, None)
                .map_or(Retry::Never, |at| Retry::After(wait_ms(clock, at).max(1))),
        };
        // A request that is denied takes nothing.
        let alone = if alone.allowed && !allowed { decide(0) } else { alone };
        let reset_after_ms = alone.reset_after_ms.max(wait_ms(clock, self.at(now).end()));
        Decision { allowed, remaining, retry, reset_after_ms, ..alone }
    }

    /// Returns the first instant from `from` on at which a request of `cost`, at least 1, is admitted, as
    /// [`Inside::admits`] does.
    pub(crate) fn admits(&self, inside: &impl Inside, cost: u64, from: At, until: Option<At>) -> Option<At> {
        let from = from.max(self.held);
        let elsewhere = self.used(from);
        if elsewhere == 0 {
            return inside.admits(cost, from, until);
        }
        let sum = cost.saturating_add(elsewhere);
        let before = if sum <= inside.quota() { inside.admits(sum, from, until) } else { None };
        before.filter(|then| *then < self.until).or_else(|| inside.admits(cost, self.until, until))
    }
}

/// As files and effects have it: each instant in ms, and the amount.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct OutsideImage(u64, u64, u64);

impl OutsideImage {
    pub(crate) fn of(outside: &Outside) -> Self {
        Self(outside.held.ms(), outside.elsewhere, outside.until.ms())
    }

    /// Returns what it says, or `None` if no command leads to it.
    pub(crate) fn outside(self) -> Option<Outside> {
        let Self(held, elsewhere, until) = self;
        let is_whole = (elsewhere == 0) == (until == 0) && elsewhere <= COUNT_MAX;
        is_whole.then_some(Outside { held: future(held)?, elsewhere, until: future(until)? })
    }
}
