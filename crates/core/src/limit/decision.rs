//! What a request is answered.

use crate::number::COUNT_MAX;
use crate::time::At;

/// The answer to one request against one limit: the five integers of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Whether it is admitted.
    pub allowed: bool,
    /// The limit or capacity in force.
    pub limit: u64,
    /// Cost that could still be admitted after it.
    pub remaining: u64,
    /// When it will be admitted if nobody else comes.
    pub retry: Retry,
    /// Milliseconds until the whole limit is available again.
    pub reset_after_ms: u64,
    /// The instant it is for: the server's clock, but never before the key's last change.
    pub at: At,
}

/// When a key that was changed expires: the instant from which a new key would answer alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// When it did before.
    Same,
    /// At this instant.
    At(At),
}

impl Expiry {
    /// What there is to do where it was `before` and is `after` now; a key that holds nothing stays
    /// until the instant that was set.
    pub(crate) fn moved(before: Option<At>, after: Option<At>) -> Self {
        after.filter(|_| after != before).map_or(Self::Same, Self::At)
    }
}

/// When a request that was asked about is admitted; the sooner, the less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Retry {
    /// It is admitted now.
    Now,
    /// After so many ms, at least 1.
    After(u64),
    /// Its cost is above the limit.
    Never,
}

impl Retry {
    /// As a reply has it: 0, the milliseconds, or -1.
    #[must_use]
    pub const fn reply(self) -> i64 {
        match self {
            Self::Now => 0,
            Self::After(ms) => ms.cast_signed(), // at most 2^53 - 1
            Self::Never => -1,
        }
    }
}

/// Milliseconds from the server's clock until `at`, at most 2^53 - 1 so that every client keeps it.
///
/// Counted from the clock itself, not from the instant a decision was made for: where the clock
/// has stepped back, that is how long it will take.
pub(crate) fn wait_ms(clock: At, at: At) -> u64 {
    at.since(clock).ms().min(COUNT_MAX)
}
