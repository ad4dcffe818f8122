//! The parameters of a fixed window, and how they are read, written and shown.

use crate::fault::{Fault, Result};
use crate::limit::Kind;
use crate::limit::algorithm::{Algorithm, Clause, Field, Fields, Parameter};
use crate::limit::checked;
use crate::limit::meter::Meter as _;
use crate::number;
use crate::time::{At, Span};
use crate::words::{Words, required};

/// The parameters of `RL.WINDOW`.
///
/// ```
/// use rl_core::limit::rule::Rule;
/// use rl_core::limit::window::{Length, WindowRule};
///
/// let rule = Rule::from(WindowRule { limit: 5_000, length: Length::Month, offset: 0 });
/// assert_eq!((rule.algorithm(), rule.quota()), ("window", 5_000));
/// assert_eq!(rule.window(), None); // months differ in length
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WindowRule {
    /// The most cost in one window, `0..=2^53-1`.
    pub limit: u64,
    /// The length of a window.
    pub length: Length,
    /// By how much windows begin later than aligned to the epoch, in ms, within ±3650 d.
    pub offset: i64,
}

/// The length of a fixed window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Length {
    /// So many milliseconds, 1 ms to 3650 d.
    Span(Span),
    /// A calendar month in UTC.
    Month,
}

/// A month as commands, replies and effects have it.
const MONTH: &str = "1mo";

/// A week that begins on Monday, as commands have it. It is kept as seven days with [`MONDAY`] in the offset.
const WEEK: &str = "1w";

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// When the first Monday begins, in ms since the epoch, which was a Thursday.
const MONDAY: i64 = 4 * DAY_MS;

impl Length {
    /// Returns the length; for a month that of the longest one.
    #[must_use]
    pub const fn longest(self) -> Span {
        match self {
            Self::Span(span) => span,
            Self::Month => Span::from_ms(31 * 24 * 60 * 60 * 1_000),
        }
    }

    /// Reads a length as clients write it. Returns it with the offset of its windows, in ms.
    fn read(word: &[u8]) -> Result<(Self, i64)> {
        if word == MONTH.as_bytes() {
            return Ok((Self::Month, 0));
        }
        let offset = if word == WEEK.as_bytes() { MONDAY } else { 0 };
        Ok((Self::Span(number::duration(word, Fault::WindowOrMonth)?), offset))
    }

    /// Returns its milliseconds, or 0 for a month, since no span is 0.
    pub(super) const fn to_ms(self) -> u64 {
        match self {
            Self::Span(span) => span.ms(),
            Self::Month => 0,
        }
    }
}

impl Algorithm for WindowRule {
    type Image = (u64, u64, i64);

    const KIND: Kind = Kind::Window;
    const SYNTAX: Fault = Fault::WindowSyntax;
    const OWN: Option<Parameter> =
        Some(Parameter { name: "offset", is_required: false, is_duration: true, read: number::offset });

    fn quota(&self) -> u64 {
        self.limit
    }

    fn with_quota(self, quota: u64) -> Self {
        Self { limit: quota, ..self }
    }

    fn window(&self) -> Option<Span> {
        match self.length {
            Length::Span(span) => Some(span),
            Length::Month => None,
        }
    }

    fn longest(&self) -> Span {
        self.length.longest()
    }

    fn gained(&self, _: Span) -> Option<u64> {
        None
    }

    fn regains(&self, _: u64) -> Option<Span> {
        None
    }

    /// It ends with its window.
    fn lease_ends(&self, at: At) -> Option<At> {
        Some(self.gone(self.moment(at), 0))
    }

    /// What is used before the end of a window belongs to that window.
    fn lease_charged(&self, end: At) -> At {
        end.before()
    }

    fn lease_counts(&self, end: At) -> Option<At> {
        self.lease_ends(self.lease_charged(end))
    }

    fn ages_alike(&self, other: &Self) -> bool {
        self.length == other.length && self.offset == other.offset
    }

    fn fields(&self) -> Fields {
        let window = match self.length {
            Length::Span(span) => Field::Count(span.ms()),
            Length::Month => Field::Word(MONTH),
        };
        [
            ("limit", Field::Count(self.limit)),
            ("window_ms", window),
            ("offset_ms", Field::Signed(self.offset)),
        ]
        .into()
    }

    #[inline]
    fn read<W: Words + ?Sized>(words: &W, at: &mut usize) -> Result<Self> {
        let limit = number::limit(required(words, at), Fault::Limit)?;
        let (length, offset) = Length::read(required(words, at))?;
        Ok(Self { limit, length, offset })
    }

    /// Moves the windows by `offset`. Those of a week begin on Monday without one.
    fn with_own(self, offset: i64) -> Self {
        let sum = self.offset.saturating_add(offset);
        // Beyond the largest offset, weeks are the same with an offset that is a week less.
        let is_near = sum <= Span::MAX.ms().cast_signed();
        Self { offset: if is_near { sum } else { sum.saturating_sub(7 * DAY_MS) }, ..self }
    }

    fn from_clause(limit: u64, window: &[u8], offset: Option<i64>) -> Result<Self> {
        let (length, own) = Length::read(window)?;
        Ok(Self { limit, length, offset: own }.with_own(offset.unwrap_or(0)))
    }

    fn to_clause(&self) -> Clause {
        let window = match self.length {
            Length::Span(span) => span.to_string(),
            Length::Month => MONTH.to_owned(),
        };
        Clause { limit: self.limit.to_string(), window, own: Some(format!("{}ms", self.offset)) }
    }

    fn has_clause(&self) -> bool {
        true
    }

    fn image(&self) -> Self::Image {
        (self.limit, self.length.to_ms(), self.offset)
    }

    fn from_image((limit, length, offset): Self::Image) -> Option<Self> {
        let length = if length == 0 { Length::Month } else { Length::Span(checked::span(length)?) };
        let near = offset.unsigned_abs() <= Span::MAX.ms();
        near.then_some(Self { limit: checked::count(limit)?, length, offset })
    }
}
