//! The grammar of `WAIT duration [PRIORITY lane]`: how long a request waits, and in which lane.

use super::words::{Words, is, next};
use crate::fault::{Fault, Result};
use crate::number;
use crate::queue::lane::Lane;
use crate::queue::wait::Wait;

/// Parses what follows the word `WAIT`, and moves `at` past it.
pub(super) fn read<W: Words + ?Sized>(words: &W, at: &mut usize, syntax: Fault) -> Result<Wait> {
    let time = number::duration(next(words, at, syntax)?, Fault::Wait)?;
    let mut lane = Lane::default();
    if is(words, *at, b"PRIORITY") {
        *at = at.saturating_add(1);
        lane = Lane::parse(next(words, at, syntax)?).ok_or(Fault::Priority)?;
    }
    Ok(Wait { time, lane })
}
