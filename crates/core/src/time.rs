//! Instants and spans in whole milliseconds.
//!
//! Nothing here reads a clock. The caller passes in the time.

use core::fmt;

/// The latest instant for a decision, in ms: 2^43 - 1, in the year 2248.
///
/// With 43 bits, an instant, a count and a parameter handle fit in sixteen bytes (see `limit/compact.rs`).
/// A later clock is read as this instant.
const AT_MAX: u64 = (1 << 43) - 1;

/// The latest instant that a decision can announce, in ms: the largest integer that every client can
/// represent exactly. A slow refill cannot exceed it.
const FUTURE_MAX: u64 = (1 << 53) - 1;

/// An absolute instant: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct At(u64);

/// A length of time in milliseconds. From a client, `0..=3650 d`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(u64);

impl At {
    /// The earliest instant.
    pub const MIN: Self = Self(0);
    /// The latest instant for a decision.
    pub const MAX: Self = Self(AT_MAX);

    /// Returns the instant `ms` after the epoch, clamped to the range.
    #[must_use]
    pub const fn from_ms(ms: i64) -> Self {
        if ms < 0 {
            return Self::MIN;
        }
        let ms = ms.unsigned_abs();
        if ms > AT_MAX { Self::MAX } else { Self(ms) }
    }

    /// Returns the instant `ms` after the epoch, or `None` outside the range.
    #[must_use]
    pub const fn new(ms: u64) -> Option<Self> {
        if ms > AT_MAX { None } else { Some(Self(ms)) }
    }

    /// Returns the milliseconds since the epoch.
    #[must_use]
    pub const fn ms(self) -> u64 {
        self.0
    }

    /// Returns the milliseconds since the epoch, signed, for the server's interface.
    #[must_use]
    pub const fn signed_ms(self) -> i64 {
        self.0.cast_signed() // at most 2^53 - 1
    }

    /// Returns the instant `span` later, at most 2^53 - 1 ms.
    #[must_use]
    pub const fn plus(self, span: Span) -> Self {
        let sum = self.0.saturating_add(span.0);
        if sum > FUTURE_MAX { Self(FUTURE_MAX) } else { Self(sum) }
    }

    /// Returns the millisecond before.
    #[must_use]
    pub(crate) const fn before(self) -> Self {
        Self(self.0.saturating_sub(1))
    }

    /// Returns the time since `earlier`, or zero if that is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }

    /// Returns the last instant that a window of `span` ending now no longer contains, if there is one.
    ///
    /// An event at `t` counts while `now < t + span`.
    #[must_use]
    pub const fn cutoff(self, span: Span) -> Option<Self> {
        match self.0.checked_sub(span.0) {
            Some(ms) => Some(Self(ms)),
            None => None,
        }
    }
}

impl Span {
    /// The longest window, period or offset that a client may give: 3650 days.
    pub const MAX: Self = Self(3_650 * 24 * 60 * 60 * 1_000);

    /// Makes a span of `ms` milliseconds.
    #[must_use]
    pub const fn from_ms(ms: u64) -> Self {
        Self(ms)
    }

    /// Returns the length in milliseconds.
    #[must_use]
    pub const fn ms(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}ms", self.0)
    }
}
