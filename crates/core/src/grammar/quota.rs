//! The grammar of the quota commands.
//!
//! ```text
//! RL.QUOTA  key LIMIT… | POLICY name    [COST unit n]… [RESERVE ttl [ID id] | [UPTO] LEASE ttl [ID id]] [WAIT duration [PRIORITY lane] [FLOW id [WEIGHT w]]] [REPLY SHORT]
//! RL.MQUOTA numkeys key… POLICY name…   [COST unit n]… [RESERVE ttl [ID id] | LEASE ttl [ID id]] [WAIT duration [PRIORITY lane] [FLOW id [WEIGHT w]]] [REPLY SHORT]
//! RL.FIRST  numkeys key… POLICY name…   [COST unit n]… [RESERVE ttl [ID id] | LEASE ttl [ID id]] [WAIT duration [PRIORITY lane] [FLOW id [WEIGHT w]]] [REPLY SHORT]
//! RL.SETTLE key id [COST unit n]…
//! RL.CANCEL key id
//! RL.RENEW  key id ttl
//! RL.PEEK   key [COST n] [COST unit n]…
//!
//! LIMIT  :=  LIMIT name limit window [UNIT unit] [SLIDE | WINDOW [OFFSET duration] | BUCKET capacity] [SHADOW]
//!         |  LIMIT name limit INFLIGHT [SHADOW]
//! ```
//! Parts that begin with a keyword may come in any order. Parts without `…` may come once only.

use core::ops::Range;

use smallvec::SmallVec;

use super::limit_clause::draft;
use super::template::LIMITS_AT;
use super::terms::{self, Terms};
use super::words::{self, Words, next};
use crate::fault::{Fault, Result};
use crate::number;
use crate::quota::costs::Costs;
use crate::quota::limit::{Draft, PerLimit, REQUESTS};
use crate::time::Span;

/// The largest number of keys of a request.
pub const KEYS_MAX: usize = 16;

/// A parsed `RL.QUOTA` request.
#[derive(Clone, Debug, PartialEq)]
pub struct QuotaRequest<'a> {
    /// The limits.
    pub limits: Limits<'a>,
    /// The costs, the reservation and the wait.
    pub terms: Terms<'a>,
}

/// The limits that a request asks of one key.
#[allow(
    clippy::large_enum_variant,
    reason = "it lives for one request, and the larger one is the common one"
)]
#[derive(Clone, Debug, PartialEq)]
pub enum Limits<'a> {
    /// Limits that the request spells out.
    Spelled(PerLimit<Draft<'a>>),
    /// The name of a policy.
    Policy(&'a [u8]),
}

/// A parsed `RL.MQUOTA` or `RL.FIRST` request.
#[derive(Clone, Debug, PartialEq)]
pub struct ManyRequest<'a> {
    /// The range of the words that are its keys.
    pub keys: Range<usize>,
    /// The policy of each key.
    pub policies: Vec<&'a [u8]>,
    /// The costs, the reservation and the wait.
    pub terms: Terms<'a>,
}

/// The names of the keys of a request.
type Names<'a> = SmallVec<[&'a [u8]; KEYS_MAX]>;

/// Parses `RL.QUOTA`.
///
/// # Errors
/// The fault of the first invalid argument.
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
    terms.end(true)?;
    let limits = match policy {
        Some(name) => Limits::Policy(name),
        None if drafts.is_empty() => return Err(syntax),
        None => Limits::Spelled(drafts),
    };
    Ok(QuotaRequest { limits, terms })
}

/// Parses `RL.MQUOTA`.
///
/// # Errors
/// The fault of the first invalid argument.
pub fn many<W: Words + ?Sized>(words: &W) -> Result<ManyRequest<'_>> {
    read_many(words, Fault::ManySyntax)
}

/// Parses `RL.FIRST`.
///
/// # Errors
/// The fault of the first invalid argument.
pub fn first<W: Words + ?Sized>(words: &W) -> Result<ManyRequest<'_>> {
    read_many(words, Fault::FirstSyntax)
}

fn read_many<W: Words + ?Sized>(words: &W, syntax: Fault) -> Result<ManyRequest<'_>> {
    let keys = keys(words)?;
    let mut at = keys.end;
    let mut policies = Vec::new();
    let mut terms = Terms::default();
    let mut names = keys.clone().map(|at| words.word(at)).collect::<Option<Names<'_>>>().ok_or(syntax)?;
    names.sort_unstable();
    if names.windows(2).any(|pair| matches!(pair, [one, other] if one == other)) {
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
    terms.end(false)?;
    Ok(ManyRequest { keys, policies, terms })
}

/// Returns the range of the words of `RL.MQUOTA` or `RL.FIRST` that are its keys. There may be fewer words than that.
///
/// # Errors
/// [`Fault::Numkeys`] if the number of keys is not from 1 to [`KEYS_MAX`].
pub fn keys<W: Words + ?Sized>(words: &W) -> Result<Range<usize>> {
    let count = words.word(1).and_then(number::count).and_then(|count| usize::try_from(count).ok());
    let count = count.filter(|count| (1..=KEYS_MAX).contains(count)).ok_or(Fault::Numkeys)?;
    Ok(2..count.saturating_add(2))
}

/// Parses `RL.SETTLE`: the id of the reservation, and what was used of each named unit.
///
/// # Errors
/// The fault of the first invalid argument.
pub fn settle<W: Words + ?Sized>(words: &W) -> Result<(&[u8], Costs<'_>)> {
    let id = reservation(words)?;
    let mut costs = Costs::default();
    let mut at = 3;
    while let Some(keyword) = words.word(at) {
        at = at.saturating_add(1);
        if !keyword.eq_ignore_ascii_case(b"COST") {
            return Err(Fault::SettleSyntax);
        }
        terms::cost(&mut costs, words, &mut at, Fault::SettleSyntax)?;
    }
    Ok((id, costs))
}

/// Parses the reservation id of `RL.SETTLE`, `RL.CANCEL` or `RL.RENEW`.
///
/// # Errors
/// [`Fault::Id`] if it is empty or too long.
pub fn reservation<W: Words + ?Sized>(words: &W) -> Result<&[u8]> {
    words::id(words.word(2).unwrap_or_default()) // the arity guarantees this word
}

/// Parses `RL.RENEW`: the id of the reservation, and its time to live from now.
///
/// # Errors
/// [`Fault::Id`] or [`Fault::Ttl`] for an invalid argument.
pub fn renew<W: Words + ?Sized>(words: &W) -> Result<(&[u8], Span)> {
    Ok((reservation(words)?, number::duration(words.word(3).unwrap_or_default(), Fault::Ttl)?))
}

/// Parses `RL.PEEK`: the costs that it asks about. `COST n` is the cost of the unit `requests`.
///
/// # Errors
/// The fault of the first invalid argument.
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
            terms::cost(&mut costs, words, &mut at, syntax)?;
        }
    }
    Ok(costs)
}
