//! `LIMIT name limit window …`: one limit of a quota, spelled out.

use super::limit::length;
use super::words::{Words, next};
use crate::fault::{Fault, Result};
use crate::limit::bucket::BucketRule;
use crate::limit::rule::Rule;
use crate::limit::slide::SlideRule;
use crate::limit::window::WindowRule;
use crate::number::{self, Decimal};
use crate::quota::limit::{Draft, LIMITS_MAX, Measure, PerLimit, REQUESTS};

/// Reads what follows the word `LIMIT`.
pub(super) fn draft<'a, W: Words + ?Sized>(
    words: &'a W,
    at: &mut usize,
    syntax: Fault,
    drafts: &mut PerLimit<Draft<'a>>,
) -> Result<()> {
    if drafts.len() == LIMITS_MAX {
        return Err(Fault::QuotaLimits);
    }
    let name = next(words, at, syntax)?;
    let limit = number::limit(next(words, at, syntax)?, Fault::Limit)?;
    let window = next(words, at, syntax)?;
    if window.eq_ignore_ascii_case(b"INFLIGHT") {
        drafts.push(Draft { name, unit: REQUESTS, measure: Measure::InFlight(limit) });
        return Ok(());
    }
    let (mut unit, mut algorithm) = (None, None);
    while let Some(keyword) = words.word(*at) {
        if keyword.eq_ignore_ascii_case(b"UNIT") && unit.is_none() {
            *at = at.saturating_add(1);
            unit = Some(next(words, at, syntax)?);
        } else if keyword.eq_ignore_ascii_case(b"SLIDE") && algorithm.is_none() {
            *at = at.saturating_add(1);
            algorithm = Some(Algorithm::Slide);
        } else if keyword.eq_ignore_ascii_case(b"WINDOW") && algorithm.is_none() {
            *at = at.saturating_add(1);
            algorithm = Some(Algorithm::Window(None));
        } else if keyword.eq_ignore_ascii_case(b"OFFSET")
            && matches!(algorithm, Some(Algorithm::Window(None)))
        {
            *at = at.saturating_add(1);
            algorithm = Some(Algorithm::Window(Some(number::offset(next(words, at, syntax)?)?)));
        } else if keyword.eq_ignore_ascii_case(b"BUCKET") && algorithm.is_none() {
            *at = at.saturating_add(1);
            algorithm = Some(Algorithm::Bucket(number::limit(next(words, at, syntax)?, Fault::Capacity)?));
        } else {
            break;
        }
    }
    let rule = algorithm.unwrap_or(Algorithm::Slide).rule(limit, window)?;
    drafts.push(Draft { name, unit: unit.unwrap_or(REQUESTS), measure: Measure::Rate(rule) });
    Ok(())
}

/// The algorithm of a limit, with what it takes besides limit and window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    /// A sliding window.
    Slide,
    /// A fixed window, and its offset.
    Window(Option<i64>),
    /// A bucket, and its capacity.
    Bucket(u64),
}

impl Algorithm {
    /// The rule of `limit` per `window`.
    ///
    /// # Errors
    /// The fault of the window.
    pub(super) fn rule(self, limit: u64, window: &[u8]) -> Result<Rule> {
        Ok(match self {
            Self::Slide => Rule::Slide(SlideRule { limit, window: number::duration(window, Fault::Window)? }),
            Self::Window(offset) => {
                let length = length(window)?;
                Rule::Window(WindowRule { limit, length, offset: offset.unwrap_or(0) })
            }
            Self::Bucket(capacity) => {
                let period = number::duration(window, Fault::Window)?;
                let refill = Decimal { mantissa: limit, scale: 0 };
                Rule::Bucket(BucketRule::new(capacity, refill, period).ok_or(Fault::Window)?)
            }
        })
    }
}
