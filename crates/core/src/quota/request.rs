//! The grammar of the quota commands.
//!
//! ```text
//! RL.QUOTA  key LIMIT… | POLICY name    [COST unit n]… [RESERVE ttl [ID id]] [WAIT duration [PRIORITY lane]]
//! RL.MQUOTA numkeys key… POLICY name…   [COST unit n]… [RESERVE ttl [ID id]] [WAIT duration [PRIORITY lane]]
//! RL.SETTLE key id [COST unit n]…
//! RL.CANCEL key id
//! RL.RENEW  key id ttl
//! RL.POLICY SET name LIMIT… | GET name | DEL name | LIST | HELP
//! RL.PEEK   key [COST n] [COST unit n]…
//!
//! LIMIT  :=  LIMIT name limit window [UNIT unit] [SLIDE | WINDOW [OFFSET duration] | BUCKET capacity]
//!         |  LIMIT name limit INFLIGHT
//! ```
//! What begins with a keyword may stand in any order, each at most once where there is no `…`.

use core::ops::Range;
use std::sync::Arc;

use super::limit::{Draft, LIMITS_MAX, Measure, PerLimit, REQUESTS};
use super::name::Name;
use super::shape::Shape;
use super::spelling::Spelling;
pub use super::terms::{Costs, Reserve, Terms, Wanted};
use crate::bucket::BucketRule;
use crate::fault::{Fault, Result};
use crate::number::{self, Decimal};
use crate::request::{Words, length};
use crate::rule::Rule;
use crate::slide::SlideRule;
use crate::time::Span;
use crate::window::WindowRule;

/// A request names so many units at most.
pub const UNITS_MAX: usize = 16;

/// A reservation's id has so many bytes at most.
pub const ID_MAX: usize = 128;

/// Where the limits of `RL.QUOTA` begin, behind its key.
pub(super) const LIMITS_AT: usize = 2;

/// A request is about so many keys at most.
pub const KEYS_MAX: usize = 16;

/// What `RL.QUOTA` asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct QuotaRequest<'a> {
    /// By which limits.
    pub limits: Limits<'a>,
    /// For what.
    pub terms: Terms<'a>,
}

/// The limits of one key.
#[allow(
    clippy::large_enum_variant,
    reason = "it lives for one request, and the larger one is the common one"
)]
#[derive(Clone, Debug, PartialEq)]
pub enum Limits<'a> {
    /// Spelled out.
    Spelled(PerLimit<Draft<'a>>),
    /// Those that the server keeps under a name.
    Policy(&'a [u8]),
}

/// What `RL.MQUOTA` asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct ManyRequest<'a> {
    /// Which words are its keys.
    pub keys: Range<usize>,
    /// The policy of each.
    pub policies: Vec<&'a [u8]>,
    /// For what.
    pub terms: Terms<'a>,
}

/// Reads `RL.QUOTA`.
///
/// # Errors
/// The fault of the first argument that is wrong.
pub fn quota<W: Words + ?Sized>(words: &W) -> Result<QuotaRequest<'_>> {
    let syntax = Fault::QuotaSyntax;
    let (mut drafts, mut policy) = (PerLimit::new(), None);
    let mut terms = Terms::default();
    let mut at = LIMITS_AT;
    while let Some(keyword) = words.word(at) {
        at = at.saturating_add(1);
        if keyword.eq_ignore_ascii_case(b"LIMIT") && policy.is_none() {
            draft(words, &mut at, syntax, &mut drafts)?;
        } else if keyword.eq_ignore_ascii_case(b"POLICY") && policy.is_none() && drafts.is_empty() {
            policy = Some(next(words, &mut at, syntax)?);
        } else {
            terms.read(words, keyword, &mut at, syntax)?;
        }
    }
    let limits = match policy {
        Some(name) => Limits::Policy(name),
        None if drafts.is_empty() => return Err(syntax),
        None => Limits::Spelled(drafts),
    };
    Ok(QuotaRequest { limits, terms })
}

/// Reads `RL.QUOTA` where it is spelled as a request by the limits of `shape` was before, as it nearly
/// always is. `None` where it is not, or something is wrong, which [`quota`] then tells.
#[must_use]
pub fn again<'a, W: Words + ?Sized>(words: &'a W, shape: &Shape) -> Option<Wanted<'a>> {
    shape.spellings().find_map(|spelling| spelling.read(words))
}

/// How a request by the limits of `shape` is spelled, which [`quota`] has read; `None` where the limits
/// do not come before all else.
#[must_use]
pub fn spelling<W: Words + ?Sized>(words: &W, shape: &Shape) -> Option<Spelling> {
    let mut at = LIMITS_AT;
    if shape.policy().is_some() {
        at = at.saturating_add(2);
    } else {
        let mut drafts = PerLimit::new();
        while words.word(at).is_some_and(|word| word.eq_ignore_ascii_case(b"LIMIT")) {
            at = at.saturating_add(1);
            draft(words, &mut at, Fault::QuotaSyntax, &mut drafts).ok()?;
        }
    }
    let (mut rest, mut terms) = (at, Terms::default());
    while let Some(keyword) = words.word(rest) {
        rest = rest.saturating_add(1);
        terms.read(words, keyword, &mut rest, Fault::QuotaSyntax).ok()?; // neither is a limit
    }
    Spelling::new(words, at, shape, &terms)
}

/// Reads `RL.MQUOTA`.
///
/// # Errors
/// The fault of the first argument that is wrong.
pub fn many<W: Words + ?Sized>(words: &W) -> Result<ManyRequest<'_>> {
    let syntax = Fault::ManySyntax;
    let keys = keys(words)?;
    let mut at = keys.end;
    let mut policies = Vec::new();
    let mut terms = Terms::default();
    let same = |at: usize| {
        keys.clone().take_while(|other| *other < at).any(|other| words.word(other) == words.word(at))
    };
    if keys.clone().any(|at| words.word(at).is_none()) {
        return Err(syntax);
    }
    if keys.clone().any(same) {
        return Err(Fault::KeyTwice);
    }
    while let Some(keyword) = words.word(at) {
        at = at.saturating_add(1);
        if keyword.eq_ignore_ascii_case(b"POLICY") && policies.is_empty() {
            for _ in keys.clone() {
                policies.push(next(words, &mut at, syntax)?);
            }
        } else {
            terms.read(words, keyword, &mut at, syntax)?;
        }
    }
    if policies.is_empty() {
        return Err(syntax);
    }
    Ok(ManyRequest { keys, policies, terms })
}

/// Reads which words of `RL.MQUOTA` are to be its keys; there may be fewer.
///
/// # Errors
/// [`Fault::Numkeys`].
pub fn keys<W: Words + ?Sized>(words: &W) -> Result<Range<usize>> {
    let count = words.word(1).and_then(number::count).and_then(|count| usize::try_from(count).ok());
    let count = count.filter(|count| (1..=KEYS_MAX).contains(count)).ok_or(Fault::Numkeys)?;
    Ok(2..count.saturating_add(2))
}

/// Reads `RL.SETTLE`: the reservation, and what was used of each unit that is named.
///
/// # Errors
/// The fault of the first argument that is wrong.
pub fn settle<W: Words + ?Sized>(words: &W) -> Result<(&[u8], Costs<'_>)> {
    let id = reservation(words)?;
    let mut costs = Costs::default();
    let mut at = 3;
    while let Some(keyword) = words.word(at) {
        at = at.saturating_add(1);
        if !keyword.eq_ignore_ascii_case(b"COST") {
            return Err(Fault::SettleSyntax);
        }
        costs.read(words, &mut at, Fault::SettleSyntax)?;
    }
    Ok((id, costs))
}

/// Reads the reservation that `RL.SETTLE`, `RL.CANCEL` or `RL.RENEW` is about.
///
/// # Errors
/// [`Fault::Id`].
pub fn reservation<W: Words + ?Sized>(words: &W) -> Result<&[u8]> {
    id(words.word(2).unwrap_or_default()) // the arity has made sure that there is one
}

/// Reads `RL.RENEW`: the reservation, and for how long it is held from now on.
///
/// # Errors
/// [`Fault::Id`], [`Fault::Ttl`].
pub fn renew<W: Words + ?Sized>(words: &W) -> Result<(&[u8], Span)> {
    Ok((reservation(words)?, number::duration(words.word(3).unwrap_or_default(), Fault::Ttl)?))
}

/// Reads `RL.POLICY SET name LIMIT…`: the limits, under that name.
///
/// # Errors
/// The fault of the first argument that is wrong.
pub fn policy<W: Words + ?Sized>(words: &W) -> Result<Arc<Shape>> {
    let syntax = Fault::PolicySyntax;
    let name = Name::new(words.word(2).unwrap_or_default()).ok_or(Fault::PolicyName)?;
    let mut drafts = PerLimit::new();
    let mut at = 3;
    while let Some(keyword) = words.word(at) {
        at = at.saturating_add(1);
        if !keyword.eq_ignore_ascii_case(b"LIMIT") {
            return Err(syntax);
        }
        draft(words, &mut at, syntax, &mut drafts)?;
    }
    Shape::new(Some(&name), &drafts)
}

/// Reads `RL.PEEK`: the costs that are asked about. `COST n` is that of one request's unit.
///
/// # Errors
/// The fault of the first argument that is wrong.
pub fn peek<W: Words + ?Sized>(words: &W) -> Result<Costs<'_>> {
    let syntax = Fault::PeekSyntax;
    let mut costs = Costs::default();
    let mut at = 2;
    while let Some(keyword) = words.word(at) {
        at = at.saturating_add(1);
        if !keyword.eq_ignore_ascii_case(b"COST") {
            return Err(syntax);
        }
        let second = words.word(at.saturating_add(1));
        if second.is_none_or(|word| word.eq_ignore_ascii_case(b"COST")) {
            let cost = number::count(next(words, &mut at, syntax)?).ok_or(Fault::Cost)?;
            costs.add(REQUESTS, cost)?;
        } else {
            costs.read(words, &mut at, syntax)?;
        }
    }
    Ok(costs)
}

/// Reads what follows the word `LIMIT`.
fn draft<'a, W: Words + ?Sized>(
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
pub enum Algorithm {
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
    pub fn rule(self, limit: u64, window: &[u8]) -> Result<Rule> {
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

pub(super) fn id(word: &[u8]) -> Result<&[u8]> {
    if (1..=ID_MAX).contains(&word.len()) { Ok(word) } else { Err(Fault::Id) }
}

/// The word at `at`, which moves behind it.
pub(super) fn next<'a, W: Words + ?Sized>(words: &'a W, at: &mut usize, syntax: Fault) -> Result<&'a [u8]> {
    let word = words.word(*at).ok_or(syntax)?;
    *at = at.saturating_add(1);
    Ok(word)
}
