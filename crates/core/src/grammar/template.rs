//! Recognises a request whose words were parsed before.
//!
//! A caller sends the same words with every request, apart from the costs and the reservation id.
//! Comparing the words takes a third of the time of parsing them. The first parse tells which limits each
//! cost is for.

use super::limit_clause::draft;
use super::terms::{Reserve, ReserveKind, Terms, Wanted};
use super::words::{Words, id, is};
use crate::fault::Fault;
use crate::number;
use crate::queue::wait::Wait;
use crate::quota::limit::PerLimit;
use crate::quota::shape::Shape;
use crate::time::Span;

/// The index of the word that is the key of `RL.QUOTA`.
pub(super) const KEY_AT: usize = 1;
/// The index of the word at which the limits of `RL.QUOTA` begin, after its key.
pub(super) const LIMITS_AT: usize = 2;

/// Marks a gap for a cost. A fixed word has its length in that place, and no word is empty.
const COST: u8 = 0;
/// Marks a gap for the id of a reservation.
const ID: u8 = u8::MAX;
/// Marks a gap for the id of a flow.
const FLOW: u8 = u8::MAX - 1;

/// The words of one request, with gaps for its costs and its reservation id.
#[derive(Debug)]
pub(super) struct Template {
    /// The number of words, including the command and its key.
    count: usize,
    /// For each fixed word its length and its bytes, and for each gap its mark.
    words: Box<[u8]>,
    /// The cost of each limit if the request names none.
    costs: Box<[u64]>,
    /// For each cost in the request, a bit set of the limits that count its unit.
    limits_of: Box<[u16]>,
    /// The reservation or the lease without its id, if the request makes one.
    reserve: Option<(Span, ReserveKind)>,
    /// How to wait, if the request waits.
    wait: Option<Wait>,
    /// Whether the answer is short.
    is_short: bool,
}

/// Makes a template of a request that asked `shape`, after [`super::quota::quota`] has parsed it.
///
/// Returns `None` if the limits do not come first, or if a word is too long to keep.
#[must_use]
pub(super) fn learn<W: Words + ?Sized>(words: &W, shape: &Shape) -> Option<Template> {
    let mut at = LIMITS_AT;
    if shape.policy().is_some() {
        at = at.saturating_add(2);
    } else {
        let mut drafts = PerLimit::new();
        while is(words, at, b"LIMIT") {
            at = at.saturating_add(1);
            draft(words, &mut at, Fault::QuotaSyntax, &mut drafts).ok()?;
        }
    }
    let (mut rest, mut terms) = (at, Terms::default());
    while let Some(keyword) = words.word(rest) {
        rest = rest.saturating_add(1);
        terms.read(words, keyword, &mut rest, Fault::QuotaSyntax).ok()?; // a limit here is an error
    }
    terms.end(true).ok()?;
    Builder::template(words, at, shape, &terms)
}

/// Parses a request that has the words of `template`. Returns `None` if it has other words.
#[inline(never)] // its loop needs all registers
pub(super) fn fill<'a, W: Words + ?Sized>(template: &Template, words: &'a W) -> Option<Wanted<'a>> {
    if words.count() != template.count {
        return None;
    }
    let (mut rest, mut limits_of, mut given) = (&*template.words, template.limits_of.iter(), None);
    let mut costs = PerLimit::from_slice(&template.costs);
    for at in LIMITS_AT..template.count {
        let word = words.word(at)?;
        let (&mark, behind) = rest.split_first()?;
        rest = behind;
        match mark {
            COST => {
                let (cost, limits) = (number::count(word)?, *limits_of.next()?);
                for (index, place) in costs.iter_mut().enumerate() {
                    *place = if limits >> index & 1 == 1 { cost } else { *place };
                }
            }
            ID => given = Some(id(word).ok()?),
            FLOW => {
                id(word).ok()?; // the request says where it is
            }
            len => {
                let (known, behind) = rest.split_at_checked(usize::from(len))?;
                if word != known {
                    return None;
                }
                rest = behind;
            }
        }
    }
    let reserve = template.reserve.map(|(ttl, kind)| Reserve { ttl, id: given, kind });
    Some(Wanted { costs, reserve, wait: template.wait, is_short: template.is_short })
}

/// A template while its words are collected.
#[derive(Default)]
struct Builder {
    words: Vec<u8>,
    limits_of: Vec<u16>,
}

impl Builder {
    /// Makes the template of a request whose limits end before the word `terms_at`.
    fn template<W: Words + ?Sized>(
        words: &W,
        terms_at: usize,
        shape: &Shape,
        terms: &Terms<'_>,
    ) -> Option<Template> {
        let mut builder = Self::default();
        for at in LIMITS_AT..terms_at {
            builder.keep(words.word(at)?)?;
        }
        let mut at = terms_at;
        while let Some(keyword) = words.word(at) {
            builder.keep(keyword)?;
            if keyword.eq_ignore_ascii_case(b"UPTO") {
                at = at.saturating_add(1);
                continue;
            }
            let second = words.word(at.saturating_add(1))?;
            builder.keep(second)?;
            at = at.saturating_add(2);
            if keyword.eq_ignore_ascii_case(b"COST") {
                builder.words.push(COST);
                builder.limits_of.push(limits_of(shape, second));
                at = at.saturating_add(1);
            } else if keyword.eq_ignore_ascii_case(b"WAIT") {
                if is(words, at, b"PRIORITY") {
                    builder.keep(words.word(at)?)?;
                    builder.keep(words.word(at.saturating_add(1))?)?;
                    at = at.saturating_add(2);
                }
                if is(words, at, b"FLOW") {
                    builder.keep(words.word(at)?)?;
                    builder.words.push(FLOW);
                    at = at.saturating_add(2);
                    if is(words, at, b"WEIGHT") {
                        builder.keep(words.word(at)?)?;
                        builder.keep(words.word(at.saturating_add(1))?)?;
                        at = at.saturating_add(2);
                    }
                }
            } else if terms.reserve.is_some_and(|reserve| reserve.id.is_some())
                && (keyword.eq_ignore_ascii_case(b"RESERVE") || keyword.eq_ignore_ascii_case(b"LEASE"))
            {
                builder.keep(words.word(at)?)?; // the keyword ID
                builder.words.push(ID);
                at = at.saturating_add(2);
            }
        }
        Some(Template {
            count: words.count(),
            words: builder.words.into(),
            costs: Terms::default().costs.by_limit(shape).into_vec().into(),
            limits_of: builder.limits_of.into(),
            reserve: terms.reserve.map(|reserve| (reserve.ttl, reserve.kind)),
            wait: terms.wait,
            is_short: terms.is_short,
        })
    }

    /// Adds a fixed word.
    fn keep(&mut self, word: &[u8]) -> Option<()> {
        let len = u8::try_from(word.len()).ok().filter(|len| ![COST, ID, FLOW].contains(len))?;
        self.words.push(len);
        self.words.extend_from_slice(word);
        Some(())
    }
}

/// Returns a bit set of the limits of a shape that count `unit`.
fn limits_of(shape: &Shape, unit: &[u8]) -> u16 {
    let limits = shape.limits().iter().rev(); // at most sixteen
    limits.fold(0, |bits, limit| bits << 1 | u16::from(limit.counts(unit)))
}
