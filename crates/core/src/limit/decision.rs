//! The answer to a request.

use crate::number::COUNT_MAX;
use crate::time::{At, Span};

/// The answer to one request against one limit: the five integers of a reply.
///
/// ```
/// use rl_core::limit::slide::SlideRule;
/// use rl_core::limit::{decision::Retry, rule::Rule, state::State};
/// use rl_core::time::{At, Span};
///
/// let rule = Rule::from(SlideRule { limit: 5, window: Span::from_ms(1_000) });
/// let decision = State::decide_new(&rule, 2, At::from_ms(0));
/// assert!(decision.allowed && decision.retry == Retry::Now);
/// assert_eq!((decision.remaining, decision.reset_after_ms), (3, 1_000));
/// assert_eq!(State::decide_new(&rule, 6, At::from_ms(0)).retry, Retry::Never);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Whether the request is admitted.
    pub allowed: bool,
    /// The limit or capacity in force.
    pub limit: u64,
    /// The cost that can still be admitted after it.
    pub remaining: u64,
    /// When it will be admitted, if no other request comes first.
    pub retry: Retry,
    /// The milliseconds until the whole limit is available again.
    pub reset_after_ms: u64,
    /// The instant of the decision: the server's clock, but never before the key's last change.
    pub at: At,
}

/// When a key that was changed expires: the instant from which a new key would answer alike, or a little later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// When it did before the change.
    Same,
    /// At another instant.
    Moved {
        /// When a key expires that has the expiry of before the change; [`At::MIN`] if it may have any other.
        from: At,
        /// When it expires from now on.
        to: At,
    },
}

impl Expiry {
    /// Returns the expiry of a key that was empty at `before` and is at `after` now.
    ///
    /// A key that counts nothing any more keeps the expiry that it has.
    pub(crate) fn moved(before: Option<At>, after: Option<At>) -> Self {
        after.filter(|_| after != before).map_or(Self::Same, Self::at)
    }

    /// Returns the expiry `to`, whatever it was before.
    pub(crate) const fn at(to: At) -> Self {
        Self::Moved { from: At::MIN, to }
    }

    /// Returns the same expiry of a key that has had `from` if `is_timed`.
    pub(crate) fn after(self, from: Option<At>, is_timed: bool) -> Self {
        match self {
            Self::Moved { to, .. } if is_timed => Self::Moved { from: from.unwrap_or(At::MIN), to },
            Self::Moved { .. } | Self::Same => self,
        }
    }

    /// Returns the expiry after a charge of a key that was empty at `before` and is at `after` now, and whether the key has
    /// that expiry for sure. `is_timed` says whether it had that of before.
    pub(crate) fn charged(before: Option<At>, after: Option<At>, is_timed: bool) -> (Self, bool) {
        let expiry = Self::moved(before, after).after(before, is_timed);
        (expiry, is_timed || expiry != Self::Same)
    }

    /// Returns the expiry of a key that lives on for a while after it holds nothing. See [`lives_until`].
    pub(crate) fn lives_on(self, window: Span) -> Self {
        match self {
            Self::Same => Self::Same,
            Self::Moved { from, to } => {
                let until = lives_until(to, window);
                if from > At::MIN && lives_until(from, window) == until {
                    Self::Same
                } else {
                    Self::at(until)
                }
            }
        }
    }
}

/// Returns until when a key lives that holds nothing from `end` on, and whose window or period is `window`: until the next
/// point of a grid, which is an eighth of the window, but at least a second and at most a minute, apart.
///
/// So a key that is used often is seldom made anew.
pub(crate) fn lives_until(end: At, window: Span) -> At {
    let grid = (window.ms() >> 3).clamp(1_000, 60_000);
    let past = end.ms().checked_rem(grid).unwrap_or(0);
    if past == 0 { end } else { end.plus(Span::from_ms(grid.saturating_sub(past))) }
}

/// When a request is admitted. An earlier time is less than a later one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Retry {
    /// It is admitted now.
    Now,
    /// After this many milliseconds, at least 1.
    After(u64),
    /// Never: its cost is above the limit.
    Never,
}

impl Retry {
    /// Returns the integer of a reply: 0 for now, the milliseconds, or -1 for never.
    #[must_use]
    pub const fn reply(self) -> i64 {
        match self {
            Self::Now => 0,
            Self::After(ms) => ms.cast_signed(), // at most 2^53 - 1
            Self::Never => -1,
        }
    }

    /// Returns the instant that it means, seen from `now`; `None` if there is none.
    pub(crate) fn at(self, now: At) -> Option<At> {
        match self {
            Self::Now => Some(now),
            Self::After(ms) => Some(now.plus(Span::from_ms(ms))),
            Self::Never => None,
        }
    }
}

/// Returns the milliseconds from the server's clock until `at`, at most 2^53 - 1, which every client keeps
/// exact.
///
/// They count from the clock itself, not from the instant of a decision. If the clock has stepped back,
/// that is how long it takes.
pub(crate) fn wait_ms(clock: At, at: At) -> u64 {
    at.since(clock).ms().min(COUNT_MAX)
}
