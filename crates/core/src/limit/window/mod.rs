//! Fixed windows, aligned to the clock: `[k*length + offset, (k+1)*length + offset)`, or UTC months.
//!
//! What was used counts until the window it was used in ends. A request is judged by its own
//! window: when parameters change, what is held counts if the latest of it lies inside.

mod calendar;

use crate::limit::interned::{Intern, ParamWords};
use crate::limit::meter::{Held, Meter};
use crate::time::{At, Span};

/// The parameters of `RL.WINDOW`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WindowRule {
    /// The most cost in one window, `1..=2^53-1`.
    pub limit: u64,
    /// How long one is.
    pub length: Length,
    /// How far its beginning is moved, in ms, within ±3650 d.
    pub offset: i64,
}

/// How long a fixed window is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Length {
    /// So many milliseconds, 1 ms to 3650 d.
    Span(Span),
    /// A calendar month in UTC.
    Month,
}

impl Length {
    /// Its length; a month's is that of the longest.
    #[must_use]
    pub const fn longest(self) -> Span {
        match self {
            Self::Span(span) => span,
            Self::Month => Span::from_ms(31 * 24 * 60 * 60 * 1_000),
        }
    }
}

/// A window: its first millisecond, which may lie before 1970, and the next one's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    begin: i64,
    end: i64,
}

impl Meter for WindowRule {
    type Moment = Bounds;

    fn limit(&self) -> u64 {
        self.limit
    }

    fn unit(&self) -> u64 {
        1
    }

    #[inline(always)]
    fn moment(&self, now: At) -> Bounds {
        // Below 2^53 in all, so that nothing wraps.
        let shifted = now.signed_ms().wrapping_sub(self.offset);
        let (begin, end) = match self.length {
            Length::Month => calendar::month(shifted),
            Length::Span(span) => {
                let length = span.ms().max(1).cast_signed(); // at most 3650 d
                let begin = shifted.wrapping_sub(shifted.rem_euclid(length));
                (begin, begin.wrapping_add(length))
            }
        };
        Bounds { begin: begin.wrapping_add(self.offset), end: end.wrapping_add(self.offset) }
    }

    fn aged(&self, held: Held, now: Bounds) -> u128 {
        if self.counts(held.at, now) { held.amount } else { 0 }
    }

    fn gone(&self, now: Bounds, _: u128) -> At {
        At::MIN.plus(Span::from_ms(now.end.max(0).unsigned_abs()))
    }

    fn counts(&self, at: At, now: Bounds) -> bool {
        at.signed_ms() >= now.begin
    }

    fn goes_together(&self, held: Held, now: Bounds) -> bool {
        self.aged(held, now) > 0
    }

    fn memory(&self) -> Span {
        self.length.longest()
    }

    fn same_course(&self, other: &Self) -> bool {
        self.length == other.length && self.offset == other.offset
    }
}

impl Intern for WindowRule {
    fn to_words(self) -> ParamWords {
        let length = match self.length {
            Length::Span(span) => span.ms(),
            Length::Month => 0, // no span is
        };
        [1, self.limit, length, self.offset.cast_unsigned()]
    }

    fn from_words([_, limit, length, offset]: ParamWords) -> Self {
        let length = if length == 0 { Length::Month } else { Length::Span(Span::from_ms(length)) };
        Self { limit, length, offset: offset.cast_signed() }
    }
}
