//! `WAIT duration [PRIORITY lane]`: how long a request waits, and where.

use super::lane::Lane;
use crate::fault::{Fault, Result};
use crate::number;
use crate::request::Words;
use crate::time::Span;

/// See the head of this file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// For how long at most.
    pub time: Span,
    /// In which lane.
    pub lane: Lane,
}

impl Wait {
    /// Reads what stands behind the word `WAIT`, from `at` on.
    pub(crate) fn read<W: Words + ?Sized>(words: &W, at: &mut usize, syntax: Fault) -> Result<Self> {
        let time = number::duration(words.word(*at).ok_or(syntax)?, Fault::Wait)?;
        *at = at.saturating_add(1);
        let mut lane = Lane::default();
        if words.word(*at).is_some_and(|word| word.eq_ignore_ascii_case(b"PRIORITY")) {
            let word = words.word(at.saturating_add(1)).ok_or(syntax)?;
            lane = Lane::parse(word).ok_or(Fault::Priority)?;
            *at = at.saturating_add(2);
        }
        Ok(Self { time, lane })
    }
}
