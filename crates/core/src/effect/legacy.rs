//! The text in which versions up to 0.1 replicated the effect of one limit. AOFs still hold it.
//!
//! ```text
//! slide  <at> <cost> <limit> <window>                 window: milliseconds
//! window <at> <cost> <limit> <window|1mo> <offset>    offset: milliseconds, may be negative
//! bucket <at> <cost> <capacity> <refill> <period>     refill: decimal, period: milliseconds
//! refund <at> <n>
//! ```
//! `<at>` is the absolute millisecond of the decision.

use super::kinds::Effect;
use crate::fault::{Fault, Result};
use crate::limit::bucket::BucketRule;
use crate::limit::decimal_text::decimal_text;
use crate::limit::effect::LimitEffect;
use crate::limit::rule::Rule;
use crate::limit::slide::SlideRule;
use crate::limit::window::{Length, WindowRule};
use crate::number::{self, Decimal};
use crate::time::{At, Span};

impl Effect<'_> {
    /// Reads the effect of a limit as versions up to 0.1 wrote it: a line of text.
    ///
    /// # Errors
    /// [`Fault::Effect`] for other text.
    pub fn decode_text(text: &[u8]) -> Result<Self> {
        limit(text).map(Self::Limit).ok_or(Fault::Effect)
    }
}

/// Reads the effect of one limit; `None` for any text that was never written.
fn limit(text: &[u8]) -> Option<LimitEffect> {
    let mut words = text.split(|byte| *byte == b' ');
    let verb = words.next()?;
    let at = At::new(number::count(words.next()?)?)?;
    let cost = number::count(words.next()?).filter(|cost| *cost > 0)?;
    if verb == b"refund" {
        return words.next().is_none().then_some(LimitEffect::Refund { at, cost });
    }
    let limit = number::count(words.next()?).filter(|limit| *limit > 0)?;
    let rule = match verb {
        b"slide" => Rule::Slide(SlideRule { limit, window: span(words.next()?)? }),
        b"window" => {
            let length = match words.next()? {
                b"1mo" => Length::Month,
                ms => Length::Span(span(ms)?),
            };
            Rule::Window(WindowRule { limit, length, offset: offset(words.next()?)? })
        }
        b"bucket" => {
            let refill = refill(words.next()?)?;
            Rule::Bucket(BucketRule::new(limit, refill, span(words.next()?)?)?)
        }
        _ => return None,
    };
    words.next().is_none().then_some(LimitEffect::Admit { rule, at, cost })
}

/// A window or period in milliseconds.
fn span(text: &[u8]) -> Option<Span> {
    number::count(text).map(Span::from_ms).filter(|span| span.ms() > 0 && *span <= Span::MAX)
}

fn offset(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        _ => (false, text),
    };
    if negative && digits == b"0" {
        return None;
    }
    let ms = number::count(digits).filter(|ms| *ms <= Span::MAX.ms())?.cast_signed();
    Some(if negative { ms.saturating_neg() } else { ms })
}

/// A refill in its only form.
fn refill(text: &[u8]) -> Option<Decimal> {
    number::refill(text).ok().filter(|refill| decimal_text(*refill).as_bytes() == text)
}
