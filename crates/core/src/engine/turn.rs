//! What becomes of a request.

use crate::queue::{Claims, KeySet, Lane};
use crate::time::Span;

/// Where a request stands when it is decided on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It has just come, to this lane. It stands behind the waiters of this lane and higher ones.
    Newcomer(Lane),
    /// It has waited and it is its turn. It stands behind nobody.
    First,
    /// It has waited for whichever key comes first, and it is its turn at these keys.
    FirstAt(KeySet),
    /// It has waited in this lane and does not wait any longer. It is told how things stand, and takes nothing.
    Leaving(Lane),
}

/// What becomes of a request that may wait.
#[derive(Debug)]
pub enum Turn<R> {
    /// It is answered: admitted, or denied for good.
    Answer {
        /// Whether it is admitted.
        admitted: bool,
        /// The index of the only key that it took from, if it asked for the first of several.
        at: Option<usize>,
        /// The answer.
        reply: R,
    },
    /// It is denied for now, and waits.
    Wait {
        /// The time until its limits admit it, at least.
        after: Span,
        /// What it takes then.
        claims: Claims,
    },
}

impl Standing {
    /// Whether a request to the first of several keys may take from this one.
    pub(super) fn stands_first_at(self, key: usize) -> bool {
        match self {
            Self::FirstAt(keys) => keys.contains(key),
            Self::Newcomer(_) | Self::First | Self::Leaving(_) => true,
        }
    }

    /// Whether a request that is denied for now waits, if it asks `wants` to.
    #[inline]
    pub(super) fn waits(self, wants: bool, may: impl FnOnce() -> bool) -> bool {
        match self {
            Self::Newcomer(_) => wants && may(),
            Self::First | Self::FirstAt(_) => true,
            Self::Leaving(_) => false,
        }
    }
}

impl<R> Turn<R> {
    /// The answer to a request that asked for all of its keys.
    pub const fn answer(admitted: bool, reply: R) -> Self {
        Self::Answer { admitted, at: None, reply }
    }

    /// Makes the answer another one.
    pub(super) fn map<T>(self, map: impl FnOnce(R) -> T) -> Turn<T> {
        match self {
            Self::Answer { admitted, at, reply } => Turn::Answer { admitted, at, reply: map(reply) },
            Self::Wait { after, claims } => Turn::Wait { after, claims },
        }
    }
}
