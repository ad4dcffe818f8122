//! `CL.THROTTLE`: a bucket as redis-cell's clients ask for it and are answered.
//!
//! ```text
//! CL.THROTTLE key max_burst count_per_period period [quantity]
//! ```
//! redis-cell keeps the theoretical arrival time of GCRA (ITU-T I.371): after a request of n it lies n
//! times `period / count` further on, and a request is limited if it would come to lie more than
//! `max_burst + 1` of these intervals ahead of now. How far it lies ahead is the time in which a bucket of
//! `max_burst + 1` tokens fills that gains `count` of them in each `period`. Both admit the same requests,
//! so there is nothing here but words: the first argument is one less than the capacity, and a reply
//! counts in seconds.

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

/// Reads `CL.THROTTLE`.
///
/// # Errors
/// The fault of the first argument that is wrong.
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
    Ok(Request { rule: Rule::Bucket(rule), cost, wait: None })
}

/// An integer as redis-cell reads one: a sign and leading zeros are no mistake.
fn integer(word: &[u8]) -> Option<u64> {
    let number: i64 = str::from_utf8(word).ok()?.parse().ok()?;
    u64::try_from(number).ok()
}

/// What a request of quantity 0 is told, which takes nothing: limited as long as more than the burst is
/// used, as it may be once the burst has been made smaller.
///
/// # Errors
/// [`Fault::WrongType`] where the key holds another algorithm.
pub fn probe(held: Option<&State>, rule: &Rule, clock: At) -> Result<Decision> {
    let Some(state) = held else { return Ok(State::decide_new(rule, 0, clock)) };
    let decision = state.decide(rule, 0, clock)?;
    Ok(match state.excess_ms(rule, clock) {
        0 => decision,
        ms => Decision { allowed: false, retry: Retry::After(ms), ..decision },
    })
}

/// The five integers of a reply: 1 if limited, `max_burst + 1`, remaining, retry_after and reset_after.
///
/// Both times are in seconds, rounded up, so that who comes back after so many is not early.
/// retry_after is -1 for what is admitted, and for what never can be.
#[must_use]
pub fn reply(decision: &Decision) -> [i64; 5] {
    let seconds = |ms: u64| ms.div_ceil(1_000).cast_signed(); // all of them at most 2^53 - 1
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
