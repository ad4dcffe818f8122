//! The grammar of `RL.HOLD` and `RL.SYNC`, which tell a key what is known from outside.
//!
//! ```text
//! RL.HOLD key duration [LIMIT name …]
//! RL.SYNC key REMAINING n [OF limit] [RESET duration] [AGE duration]
//! RL.SYNC key LIMIT name REMAINING n [OF limit] [RESET duration] [LIMIT name …] [AGE duration]
//! ```

use super::words::{Words, is, next};
use crate::fault::{Fault, Result};
use crate::number;
use crate::quota::limit::{LIMITS_MAX, PerLimit};
use crate::quota::name::Name;
use crate::quota::outsides::Names;
use crate::time::Span;

/// `RL.HOLD`.
#[derive(Clone, Debug, PartialEq)]
pub struct Hold<'w> {
    /// How long nobody is admitted from now on. 0 lifts the hold.
    pub time: Span,
    /// The limits that are held; none for the whole key.
    pub limits: Names<'w>,
}

/// `RL.SYNC`.
#[derive(Clone, Debug, PartialEq)]
pub struct Sync<'w> {
    /// What is left.
    pub left: Lefts<'w>,
    /// How long ago the request was sent whose response said so, if that was told.
    pub age: Option<Span>,
}

/// What is left of the limits of a key.
#[derive(Clone, Debug, PartialEq)]
pub enum Lefts<'w> {
    /// What is left of the one limit of a key.
    One(Left),
    /// What is left of limits of a quota, by name.
    Named(PerLimit<(&'w [u8], Left)>),
}

/// What is left of a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// How much. Below 0 is what was used too much.
    pub remaining: i64,
    /// What the limit is there, if that was told.
    pub limit: Option<u64>,
    /// In which time it starts anew, if that was told.
    pub reset: Option<Span>,
}

/// Reads `RL.HOLD`.
///
/// ```
/// use rl_core::grammar::outside::hold;
///
/// let words: [&[u8]; 5] = [b"RL.HOLD", b"key", b"5m", b"LIMIT", b"rpm"];
/// let hold = hold(words.as_slice())?;
/// assert_eq!(hold.time.ms(), 300_000);
/// assert_eq!(hold.limits[..], [b"rpm"]);
/// # Ok::<(), rl_core::fault::Fault>(())
/// ```
///
/// # Errors
/// The fault of the first argument that is wrong.
pub fn hold<W: Words + ?Sized>(words: &W) -> Result<Hold<'_>> {
    let mut at = 2;
    let time = number::span(next(words, &mut at, Fault::HoldSyntax)?).ok_or(Fault::Hold)?;
    let mut limits = Names::new();
    if at < words.count() && !is(words, at, b"LIMIT") {
        return Err(Fault::HoldSyntax);
    }
    while at < words.count() {
        if is(words, at, b"LIMIT") {
            at = at.saturating_add(1); // it may stand before each name, or once
        }
        let name = named(next(words, &mut at, Fault::HoldSyntax)?, limits.iter().copied())?;
        limits.push(name);
    }
    Ok(Hold { time, limits })
}

/// Reads `RL.SYNC`.
///
/// ```
/// use rl_core::grammar::outside::{Lefts, sync};
///
/// let words: [&[u8]; 8] = [b"RL.SYNC", b"key", b"REMAINING", b"17", b"OF", b"60", b"RESET", b"0.5"];
/// let Lefts::One(left) = sync(words.as_slice())?.left else { panic!("no limit is named") };
/// assert_eq!((left.remaining, left.limit, left.reset.map(|reset| reset.ms())), (17, Some(60), Some(500)));
/// # Ok::<(), rl_core::fault::Fault>(())
/// ```
///
/// # Errors
/// The fault of the first argument that is wrong.
pub fn sync<W: Words + ?Sized>(words: &W) -> Result<Sync<'_>> {
    let mut at = 2;
    if !is(words, at, b"LIMIT") {
        let left = Lefts::One(left(words, &mut at)?);
        return Ok(Sync { left, age: age(words, at)? });
    }
    let mut limits: PerLimit<(&[u8], Left)> = PerLimit::new();
    while is(words, at, b"LIMIT") {
        at = at.saturating_add(1);
        let name = named(next(words, &mut at, Fault::SyncSyntax)?, limits.iter().map(|(name, _)| *name))?;
        limits.push((name, left(words, &mut at)?));
    }
    Ok(Sync { left: Lefts::Named(limits), age: age(words, at)? })
}

/// Reads `[AGE duration]`, the last words.
fn age<W: Words + ?Sized>(words: &W, mut at: usize) -> Result<Option<Span>> {
    if at >= words.count() {
        return Ok(None);
    }
    if !next(words, &mut at, Fault::SyncSyntax)?.eq_ignore_ascii_case(b"AGE") {
        return Err(Fault::SyncSyntax);
    }
    let age = number::span(next(words, &mut at, Fault::SyncSyntax)?).ok_or(Fault::Age)?;
    if at < words.count() { Err(Fault::SyncSyntax) } else { Ok(Some(age)) }
}

/// Reads `REMAINING n [OF limit] [RESET duration]`, and moves `at` past it.
fn left<W: Words + ?Sized>(words: &W, at: &mut usize) -> Result<Left> {
    let syntax = Fault::SyncSyntax;
    if !next(words, at, syntax)?.eq_ignore_ascii_case(b"REMAINING") {
        return Err(syntax);
    }
    let remaining = signed(next(words, at, syntax)?).ok_or(Fault::Remaining)?;
    let (mut limit, mut reset) = (None, None);
    if is(words, *at, b"OF") {
        *at = at.saturating_add(1);
        limit = Some(number::limit(next(words, at, syntax)?, Fault::Limit)?);
    }
    if is(words, *at, b"RESET") {
        *at = at.saturating_add(1);
        reset = Some(number::span(next(words, at, syntax)?).ok_or(Fault::Reset)?);
    }
    Ok(Left { remaining, limit, reset })
}

/// Reads an integer from -(2^53 - 1) to 2^53 - 1, as Redis writes it.
fn signed(text: &[u8]) -> Option<i64> {
    match text.strip_prefix(b"-") {
        Some(text) => {
            number::count(text).filter(|count| *count > 0).map(|count| count.cast_signed().wrapping_neg())
        }
        None => number::count(text).map(u64::cast_signed),
    }
}

/// Checks the name of a limit that comes after `others`.
fn named<'w>(name: &'w [u8], mut others: impl ExactSizeIterator<Item = &'w [u8]>) -> Result<&'w [u8]> {
    if !Name::is(name) {
        return Err(Fault::LimitName);
    }
    if others.len() == LIMITS_MAX {
        return Err(Fault::NamedLimits);
    }
    if others.any(|other| other == name) { Err(Fault::NamedTwice) } else { Ok(name) }
}

#[cfg(test)]
mod tests {
    use super::signed;

    #[test]
    fn an_amount_may_be_negative() {
        for (text, number) in [("0", 0), ("-1", -1), ("9007199254740991", 9_007_199_254_740_991)] {
            assert_eq!(signed(text.as_bytes()), Some(number));
        }
        assert_eq!(signed(b"-9007199254740991"), Some(-9_007_199_254_740_991));
        for text in ["", "-", "-0", "--1", "-01", "+1", "-9007199254740992", "9007199254740992", "-1.0"] {
            assert_eq!(signed(text.as_bytes()), None, "{text:?}");
        }
    }
}
