//! The words that a request was spelled with, to know it again without reading it.
//!
//! A caller sends the same words with every request, but for what it costs and what its reservation
//! is called. To compare the others costs a third of reading them, and what each limit takes is known
//! without looking for its unit.

use super::limit::{Measure, PerLimit};
use super::request::{LIMITS_AT, id};
use super::shape::Shape;
use super::terms::{Reserve, Terms, Wanted};
use crate::lanes::Wait;
use crate::number;
use crate::request::Words;
use crate::time::Span;

/// Stands for a cost among the words, where a length would be: no word is empty.
const COST: u8 = 0;
/// Stands for an id.
const ID: u8 = u8::MAX;

/// See the head of this file.
#[derive(Debug)]
pub struct Spelling {
    /// How many words the request has, its command and key among them.
    count: usize,
    /// Those that stay, each behind its length, and a sign in place of each of the others.
    words: Box<[u8]>,
    /// What each limit takes unless the request says.
    costs: Box<[u64]>,
    /// The limits that each cost in the request is for, a bit each.
    said: Box<[u16]>,
    ttl: Option<Span>,
    wait: Option<Wait>,
}

impl Spelling {
    /// Reads a request that is spelled like this; `None` for any other, and for one that is refused.
    #[inline(never)] // its loop wants all registers for itself
    pub(super) fn read<'a, W: Words + ?Sized>(&self, words: &'a W) -> Option<Wanted<'a>> {
        if words.count() != self.count {
            return None;
        }
        let (mut rest, mut said, mut given) = (&*self.words, self.said.iter(), None);
        let mut costs = PerLimit::from_slice(&self.costs);
        for at in LIMITS_AT..self.count {
            let word = words.word(at)?;
            let (&sign, behind) = rest.split_first()?;
            rest = behind;
            match sign {
                COST => {
                    let (cost, limits) = (number::count(word)?, *said.next()?);
                    for (index, place) in costs.iter_mut().enumerate() {
                        *place = if limits >> index & 1 == 1 { cost } else { *place };
                    }
                }
                ID => given = Some(id(word).ok()?),
                len => {
                    let (known, behind) = rest.split_at_checked(usize::from(len))?;
                    if word != known {
                        return None;
                    }
                    rest = behind;
                }
            }
        }
        let reserve = self.ttl.map(|ttl| Reserve { ttl, id: given });
        Some(Wanted { costs, reserve, wait: self.wait })
    }

    /// The spelling of a request by the limits of `shape`, which end before the word `terms_at`. It
    /// has been read, and gave `terms`. `None` where a word is too long to be kept, as few are.
    pub(super) fn new<W: Words + ?Sized>(
        words: &W,
        terms_at: usize,
        shape: &Shape,
        terms: &Terms<'_>,
    ) -> Option<Self> {
        let mut spelling = Draft::default();
        for at in LIMITS_AT..terms_at {
            spelling.keep(words.word(at)?)?;
        }
        let mut at = terms_at;
        while let Some(keyword) = words.word(at) {
            let second = words.word(at.saturating_add(1))?;
            spelling.keep(keyword)?;
            spelling.keep(second)?;
            at = at.saturating_add(2);
            if keyword.eq_ignore_ascii_case(b"COST") {
                spelling.words.push(COST);
                spelling.said.push(limits_of(shape, second));
                at = at.saturating_add(1);
            } else if keyword.eq_ignore_ascii_case(b"WAIT") {
                if words.word(at).is_some_and(|word| word.eq_ignore_ascii_case(b"PRIORITY")) {
                    spelling.keep(words.word(at)?)?;
                    spelling.keep(words.word(at.saturating_add(1))?)?;
                    at = at.saturating_add(2);
                }
            } else if terms.reserve?.id.is_some() {
                spelling.keep(words.word(at)?)?; // the keyword ID
                spelling.words.push(ID);
                at = at.saturating_add(2);
            }
        }
        Some(Self {
            count: words.count(),
            words: spelling.words.into(),
            costs: Terms::default().costs.by_limit(shape).into_vec().into(),
            said: spelling.said.into(),
            ttl: terms.reserve.map(|reserve| reserve.ttl),
            wait: terms.wait,
        })
    }
}

/// A spelling as far as it has been put down.
#[derive(Default)]
struct Draft {
    words: Vec<u8>,
    said: Vec<u16>,
}

impl Draft {
    /// Puts down a word that stays.
    fn keep(&mut self, word: &[u8]) -> Option<()> {
        let len = u8::try_from(word.len()).ok().filter(|len| *len != COST && *len != ID)?;
        self.words.push(len);
        self.words.extend_from_slice(word);
        Some(())
    }
}

/// Those limits of a shape that a cost of `unit` is for, a bit each.
fn limits_of(shape: &Shape, unit: &[u8]) -> u16 {
    let limits = shape.limits().iter().rev(); // there are sixteen at most
    limits.fold(0, |bits, limit| {
        let counted = matches!(limit.measure, Measure::Rate(_)) && limit.unit.as_bytes() == unit;
        bits << 1 | u16::from(counted)
    })
}
