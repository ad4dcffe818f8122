//! `CL.THROTTLE`: a token bucket with the words and replies of redis-cell.
//!
//! ```text
//! CL.THROTTLE key max_burst count_per_period period [quantity]
//! ```
//! redis-cell stores the theoretical arrival time (TAT) of GCRA (ITU-T I.371). A request of n moves the TAT
//! forward by n times `period / count`. The request is limited if the TAT would then be more than
//! `max_burst + 1` of these intervals ahead of now. The distance of the TAT from now is the time that a
//! bucket of capacity `max_burst + 1` needs to fill, at `count` tokens per `period`. So both admit the same
//! requests.
//!
//! This file therefore only translates words. The first argument is one less than the capacity, and the
//! durations in a reply are in seconds.

use core::str;

use crate::fault::{Fault, Result};
use crate::grammar::limit::Request;
use crate::grammar::words::Words;
use crate::limit::bucket::BucketRule;
use crate::limit::decision::{Decision, Retry};
use crate::limit::rule::Rule;
use crate::limit::state::State;
use crate::number::{COUNT_MAX, Decimal};
use crate::time::{At, Span};

/// Parses `CL.THROTTLE`.
///
/// # Errors
/// The fault of the first invalid argument.
pub fn read<W: Words + ?Sized>(words: &W) -> Result<Request> {
    let number = |index: usize, range: core::ops::RangeInclusive<u64>, fault: Fault| {
        words.word(index).and_then(integer).filter(|number| range.contains(number)).ok_or(fault)
    };
    let max_burst = number(2, 0..=COUNT_MAX.saturating_sub(1), Fault::MaxBurst)?;
    let count = number(3, 1..=COUNT_MAX, Fault::CountPerPeriod)?;
    let seconds = number(4, 1..=Span::MAX.ms() / 1_000, Fault::PeriodSeconds)?;
    let cost = if words.count() > 5 { number(5, 0..=COUNT_MAX, Fault::Quantity)? } else { 1 };
    let (refill, period) =
        (Decimal { mantissa: count, scale: 0 }, Span::from_ms(seconds.saturating_mul(1_000)));
    let rule = BucketRule::new(max_burst.saturating_add(1), refill, period).ok_or(Fault::PeriodSeconds)?;
    Ok(Request { rule: Rule::Bucket(rule), cost, is_up_to: false, wait: None })
}

/// Parses an integer as redis-cell does: a sign and leading zeros are allowed.
fn integer(word: &[u8]) -> Option<u64> {
    let number: i64 = str::from_utf8(word).ok()?.parse().ok()?;
    u64::try_from(number).ok()
}

/// Decides a request of quantity 0, which takes nothing.
///
/// It is limited while more than the burst is used, which can happen after the burst was made smaller.
///
/// # Errors
/// [`Fault::HoldsSlide`] or [`Fault::HoldsWindow`] if the key holds another algorithm.
pub fn probe(held: Option<&State>, rule: &Rule, clock: At) -> Result<Decision> {
    let Some(state) = held else { return Ok(State::decide_new(rule, 0, clock)) };
    let decision = state.decide(rule, 0, clock)?;
    Ok(match state.excess_ms(rule, clock) {
        0 => decision,
        ms => Decision { allowed: false, retry: Retry::After(ms), ..decision },
    })
}

/// Returns the five integers of a reply: limited (0 or 1), `max_burst + 1`, remaining, retry_after and
/// reset_after.
///
/// Both durations are in seconds, rounded up, so that a caller that waits for that long is not early.
/// retry_after is -1 for a request that is admitted, and for one that never can be.
#[must_use]
pub fn reply(decision: &Decision) -> [i64; 5] {
    let seconds = |ms: u64| ms.div_ceil(1_000).cast_signed(); // at most 2^53 - 1
    let retry_after = match decision.retry {
        Retry::Now | Retry::Never => -1,
        Retry::After(ms) => seconds(ms),
    };
    [
        i64::from(!decision.allowed),
        decision.limit.cast_signed(),
        decision.remaining.cast_signed(),
        retry_after,
        seconds(decision.reset_after_ms),
    ]
}
