//! The grammar: what stands behind each command's name, read once into a [`Request`].
//!
//! ```text
//! RL.SLIDE  key limit window                    [COST n] [WAIT duration [PRIORITY lane]]
//! RL.WINDOW key limit window [OFFSET duration]  [COST n] [WAIT duration [PRIORITY lane]]
//! RL.BUCKET key capacity refill [period]        [COST n] [WAIT duration [PRIORITY lane]]
//! RL.PEEK   key [COST n]
//! RL.REFUND key n
//! ```
//! Options may stand in any order, each at most once; keywords in upper or lower case.

use super::wait;
use super::words::{Words, required};
use crate::fault::{Fault, Result};
use crate::limit::bucket::BucketRule;
use crate::limit::rule::Rule;
use crate::limit::slide::SlideRule;
use crate::limit::window::{Length, WindowRule};
use crate::number;
use crate::queue::wait::Wait;
use crate::time::Span;

/// A request against one limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// The limit it came with.
    pub rule: Rule,
    /// What it would take.
    pub cost: u64,
    /// Whether it waits where it is not admitted at once.
    pub wait: Option<Wait>,
}

/// Reads `RL.SLIDE`.
///
/// # Errors
/// The fault of the first argument that is wrong.
pub fn slide<W: Words + ?Sized>(words: &W) -> Result<Request> {
    let limit = number::limit(required(words, 2)?, Fault::Limit)?;
    let window = number::duration(required(words, 3)?, Fault::Window)?;
    let options = Options::read(words, 4, Options::WAIT, Fault::SlideSyntax)?;
    Ok(options.request(Rule::Slide(SlideRule { limit, window })))
}

/// Reads `RL.WINDOW`.
///
/// # Errors
/// The fault of the first argument that is wrong.
pub fn window<W: Words + ?Sized>(words: &W) -> Result<Request> {
    let limit = number::limit(required(words, 2)?, Fault::Limit)?;
    let length = length(required(words, 3)?)?;
    let options = Options::read(words, 4, Options::OFFSET | Options::WAIT, Fault::WindowSyntax)?;
    Ok(options.request(Rule::Window(WindowRule { limit, length, offset: options.offset })))
}

/// Reads `RL.BUCKET`.
///
/// # Errors
/// The fault of the first argument that is wrong.
pub fn bucket<W: Words + ?Sized>(words: &W) -> Result<Request> {
    let capacity = number::limit(required(words, 2)?, Fault::Capacity)?;
    let refill = number::refill(required(words, 3)?)?;
    // The period may be left out; what begins like a number is one.
    let given = words.word(4).filter(|word| !word.first().is_some_and(u8::is_ascii_alphabetic));
    let period = given.map_or(Ok(Span::from_ms(1_000)), |word| number::duration(word, Fault::Period))?;
    let rule = BucketRule::new(capacity, refill, period).ok_or(Fault::RefillDecimals)?;
    let first = if given.is_some() { 5 } else { 4 };
    let options = Options::read(words, first, Options::WAIT, Fault::BucketSyntax)?;
    Ok(options.request(Rule::Bucket(rule)))
}

/// Reads `RL.PEEK`: the cost that is asked about.
///
/// # Errors
/// The fault of the first argument that is wrong.
pub fn peek<W: Words + ?Sized>(words: &W) -> Result<u64> {
    Ok(Options::read(words, 2, Options::NONE, Fault::PeekSyntax)?.cost)
}

/// Reads `RL.REFUND`: what is given back.
///
/// # Errors
/// [`Fault::Refund`].
pub fn refund<W: Words + ?Sized>(words: &W) -> Result<u64> {
    number::count(required(words, 2)?).ok_or(Fault::Refund)
}

/// The length of a fixed window.
///
/// # Errors
/// [`Fault::WindowOrMonth`].
pub fn length(word: &[u8]) -> Result<Length> {
    if word == b"1mo" {
        return Ok(Length::Month);
    }
    number::duration(word, Fault::WindowOrMonth).map(Length::Span)
}

struct Options {
    cost: u64,
    offset: i64,
    wait: Option<Wait>,
}

impl Options {
    /// Which may stand beside `COST`.
    const NONE: u8 = 0;
    const OFFSET: u8 = 1;
    const WAIT: u8 = 2;

    #[inline]
    fn read<W: Words + ?Sized>(words: &W, first: usize, allowed: u8, syntax: Fault) -> Result<Self> {
        if words.count() <= first {
            return Ok(Self { cost: 1, offset: 0, wait: None });
        }
        Self::read_some(words, first, allowed, syntax)
    }

    fn read_some<W: Words + ?Sized>(words: &W, first: usize, allowed: u8, syntax: Fault) -> Result<Self> {
        let (mut cost, mut offset, mut wait) = (None, None, None);
        let mut index = first;
        while let Some(keyword) = words.word(index) {
            index = index.saturating_add(1);
            let value = words.word(index).ok_or(syntax)?;
            if keyword.eq_ignore_ascii_case(b"COST") && cost.is_none() {
                cost = Some(number::count(value).ok_or(Fault::Cost)?);
            } else if allowed & Self::OFFSET != 0
                && keyword.eq_ignore_ascii_case(b"OFFSET")
                && offset.is_none()
            {
                offset = Some(number::offset(value)?);
            } else if allowed & Self::WAIT != 0 && keyword.eq_ignore_ascii_case(b"WAIT") && wait.is_none() {
                wait = Some(wait::read(words, &mut index, syntax)?);
                continue;
            } else {
                return Err(syntax);
            }
            index = index.saturating_add(1);
        }
        Ok(Self { cost: cost.unwrap_or(1), offset: offset.unwrap_or(0), wait })
    }

    const fn request(&self, rule: Rule) -> Request {
        Request { rule, cost: self.cost, wait: self.wait }
    }
}
