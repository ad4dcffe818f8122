//! The parameters of a sliding window, and how they are read, written and shown.

use crate::fault::{Fault, Result};
use crate::limit::Kind;
use crate::limit::algorithm::{Algorithm, Clause, Field, Fields, Parameter};
use crate::limit::checked;
use crate::limit::interned::{Intern, ParamWords};
use crate::number;
use crate::time::{At, Span};
use crate::words::{Words, required};

/// The parameters of `RL.SLIDE`.
///
/// ```
/// use rl_core::limit::slide::SlideRule;
/// use rl_core::limit::rule::Rule;
/// use rl_core::time::Span;
///
/// let rule = Rule::from(SlideRule { limit: 500, window: Span::from_ms(60_000) });
/// assert_eq!((rule.algorithm(), rule.quota()), ("slide", 500));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SlideRule {
    /// The most cost in any one window, `0..=2^53-1`.
    pub limit: u64,
    /// The length of the window, 1 ms to 3650 d.
    pub window: Span,
}

impl Algorithm for SlideRule {
    type Image = (u64, u64);

    const KIND: Kind = Kind::Slide;
    const SYNTAX: Fault = Fault::SlideSyntax;
    const OWN: Option<Parameter> = None;

    fn quota(&self) -> u64 {
        self.limit
    }

    fn with_quota(self, quota: u64) -> Self {
        Self { limit: quota, ..self }
    }

    fn window(&self) -> Option<Span> {
        Some(self.window)
    }

    fn longest(&self) -> Span {
        self.window
    }

    fn gained(&self, _: Span) -> Option<u64> {
        None
    }

    fn regains(&self, _: u64) -> Option<Span> {
        None
    }

    fn lease_ends(&self, _: At) -> Option<At> {
        None
    }

    fn lease_charged(&self, end: At) -> At {
        end
    }

    fn lease_counts(&self, end: At) -> Option<At> {
        Some(end.plus(self.window))
    }

    fn ages_alike(&self, other: &Self) -> bool {
        self.window == other.window
    }

    fn fields(&self) -> Fields {
        [("limit", Field::Count(self.limit)), ("window_ms", Field::Count(self.window.ms()))]
            .into_iter()
            .collect()
    }

    #[inline]
    fn read<W: Words + ?Sized>(words: &W, at: &mut usize) -> Result<Self> {
        let limit = number::limit(required(words, at), Fault::Limit)?;
        Ok(Self { limit, window: number::duration(required(words, at), Fault::Window)? })
    }

    fn with_own(self, _: i64) -> Self {
        self // it has no parameter of its own
    }

    fn from_clause(limit: u64, window: &[u8], _: Option<i64>) -> Result<Self> {
        Ok(Self { limit, window: number::duration(window, Fault::Window)? })
    }

    fn to_clause(&self) -> Clause {
        Clause { limit: self.limit.to_string(), window: self.window.to_string(), own: None }
    }

    fn has_clause(&self) -> bool {
        true
    }

    fn image(&self) -> Self::Image {
        (self.limit, self.window.ms())
    }

    fn from_image((limit, window): Self::Image) -> Option<Self> {
        Some(Self { limit: checked::count(limit)?, window: checked::span(window)? })
    }
}

impl Intern for SlideRule {
    fn to_words(self) -> ParamWords {
        [Kind::Slide as u64, self.limit, self.window.ms(), 0]
    }

    fn from_words([_, limit, window, _]: ParamWords) -> Self {
        Self { limit, window: Span::from_ms(window) }
    }
}
