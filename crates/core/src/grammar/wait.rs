//! The grammar of `WAIT duration [PRIORITY lane] [FLOW id [WEIGHT w]]`: how long a request waits, in which lane, and in
//! which flow.

use super::words::{Words, id, is, next};
use crate::fault::{Fault, Result};
use crate::number;
use crate::queue::flow::WEIGHTS;
use crate::queue::lane::Lane;
use crate::queue::wait::{FlowWords, Wait};

/// Parses what follows the word `WAIT`, and moves `at` past it.
pub(super) fn read<W: Words + ?Sized>(words: &W, at: &mut usize, syntax: Fault) -> Result<Wait> {
    let time = number::duration(next(words, at, syntax)?, Fault::Wait)?;
    let mut lane = Lane::default();
    if is(words, *at, b"PRIORITY") {
        *at = at.saturating_add(1);
        lane = Lane::parse(next(words, at, syntax)?).ok_or(Fault::Priority)?;
    }
    let flow = if is(words, *at, b"FLOW") { Some(flow(words, at, syntax)?) } else { None };
    Ok(Wait { time, lane, flow })
}

/// Parses `FLOW id [WEIGHT w]`, and moves `at` past it.
#[cold]
fn flow<W: Words + ?Sized>(words: &W, at: &mut usize, syntax: Fault) -> Result<FlowWords> {
    let of_id = at.saturating_add(1);
    *at = of_id;
    id(next(words, at, syntax)?).map_err(|_| Fault::Flow)?;
    let mut given = None;
    if is(words, *at, b"WEIGHT") {
        *at = at.saturating_add(1);
        given = Some(weight(next(words, at, syntax)?)?);
    }
    Ok(FlowWords { at: of_id, weight: given })
}

/// Parses the weight of a flow.
///
/// # Errors
/// [`Fault::Weight`]
pub(crate) fn weight(word: &[u8]) -> Result<u16> {
    let weight = number::count(word).filter(|weight| WEIGHTS.contains(weight));
    weight.and_then(|weight| u16::try_from(weight).ok()).ok_or(Fault::Weight)
}
