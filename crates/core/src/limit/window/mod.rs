//! Fixed windows, aligned to the clock: `[k*length + offset, (k+1)*length + offset)`, or UTC months.
//!
//! What was used counts until the end of the window in which it was used. A request is decided by its
//! own window: if the rule changes, what was used counts if the last of it lies inside. If only the offset changes,
//! a request is also held to the window of the other offset in which that was used last, until it ends.
//!
//! ```
//! use rl_core::limit::algorithm::AlgorithmState as _;
//! use rl_core::limit::counter::Counter;
//! use rl_core::limit::window::{Length, WindowRule};
//! use rl_core::time::{At, Span};
//!
//! // 10 a minute, and minutes begin at full ones.
//! let rule = WindowRule { limit: 10, length: Length::Span(Span::from_ms(60_000)), offset: 0 };
//! let mut window = Counter::new(rule);
//! window.charge(&rule, 10, At::from_ms(59_000));
//! assert_eq!(window.decide(&rule, 1, At::from_ms(59_000)).retry.reply(), 1_000);
//! assert!(window.decide(&rule, 10, At::from_ms(60_000)).allowed);
//! ```

mod calendar;
mod rule;

use super::Kind;
use super::interned::{Intern, ParamWords};
use super::meter::{Meter, Usage};
use crate::time::{At, Span};

pub use self::rule::{Length, WindowRule};

/// One window: its first millisecond, which may lie before 1970, and that of the next window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    begin: i64,
    end: i64,
}

impl Meter for WindowRule {
    type Moment = Bounds;

    const REFILLS: bool = false;

    fn unit(&self) -> u64 {
        1
    }

    #[inline(always)]
    fn moment(&self, now: At) -> Bounds {
        // All of these are below 2^53, so nothing wraps.
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

    fn aged(&self, usage: Usage, now: Bounds) -> u128 {
        if self.counts(usage.at, now) { usage.amount } else { 0 }
    }

    fn gone(&self, now: Bounds, _: u128) -> At {
        At::MIN.plus(Span::from_ms(now.end.max(0).unsigned_abs()))
    }

    fn counts(&self, at: At, now: Bounds) -> bool {
        at.signed_ms() >= now.begin
    }

    fn goes_together(&self, usage: Usage, now: Bounds) -> bool {
        self.aged(usage, now) > 0
    }

    fn overlaps(&self, other: &Self, last_use: At) -> Option<At> {
        let moved = self.length == other.length && self.offset != other.offset;
        moved.then(|| self.gone(self.moment(last_use), 0))
    }

    fn memory(&self) -> Span {
        self.length.longest()
    }
}

impl Intern for WindowRule {
    fn to_words(self) -> ParamWords {
        [Kind::Window as u64, self.limit, self.length.to_ms(), self.offset.cast_unsigned()]
    }

    fn from_words([_, limit, length, offset]: ParamWords) -> Self {
        let length = if length == 0 { Length::Month } else { Length::Span(Span::from_ms(length)) };
        Self { limit, length, offset: offset.cast_signed() }
    }
}
