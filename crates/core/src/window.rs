//! Fixed windows, aligned to the clock: `[k*length + offset, (k+1)*length + offset)`, or UTC months.
//!
//! What was used counts until the window it was used in ends. A request is judged by its own
//! window: when parameters change, what is held counts if the latest of it lies inside.

use crate::calendar;
use crate::intern::{Intern, ParamWords};
use crate::meter::{Held, Meter};
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

impl WindowRule {
    /// The window that contains `now`: its first millisecond and the next one's. The first may lie
    /// before 1970.
    fn bounds(&self, now: At) -> (i64, i64) {
        let shifted = now.signed_ms().saturating_sub(self.offset);
        let (begin, end) = match self.length {
            Length::Month => calendar::month(shifted),
            Length::Span(span) => {
                let length = span.ms().max(1).cast_signed(); // at most 3650 d
                let into = shifted.rem_euclid(length);
                let begin = shifted.saturating_sub(into);
                (begin, begin.saturating_add(length))
            }
        };
        (begin.saturating_add(self.offset), end.saturating_add(self.offset))
    }
}

impl Meter for WindowRule {
    fn limit(&self) -> u64 {
        self.limit
    }

    fn unit(&self) -> u64 {
        1
    }

    fn aged(&self, held: Held, now: At) -> u128 {
        if held.at.signed_ms() >= self.bounds(now).0 { held.amount } else { 0 }
    }

    fn gone(&self, now: At, _: u128) -> At {
        now.plus(Span::from_ms(self.bounds(now).1.saturating_sub(now.signed_ms()).max(0).unsigned_abs()))
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
