//! The grammar of `RL.TOP [RESET | [DENIED | ADMITTED] [COUNT n]]`.

use super::words::Words;
use crate::fault::{Fault, Result};
use crate::number;
use crate::top::PLACES;

/// Whether a request was admitted or denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The request was admitted.
    Admitted,
    /// The request was denied.
    Denied,
}

/// A parsed `RL.TOP` request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Top {
    /// Lists the keys with the most requests of one verdict, at most this many.
    Of(Verdict, usize),
    /// Clears all counts.
    Reset,
}

/// Parses `RL.TOP`.
///
/// # Errors
/// The fault of the first invalid argument.
pub fn top<W: Words + ?Sized>(words: &W) -> Result<Top> {
    let mut rest = (1..words.count()).filter_map(|at| words.word(at));
    let (mut verdict, mut most) = (None, None);
    while let Some(word) = rest.next() {
        let is = |keyword: &[u8]| word.eq_ignore_ascii_case(keyword);
        if is(b"RESET") && words.count() == 2 {
            return Ok(Top::Reset);
        } else if is(b"DENIED") && verdict.is_none() {
            verdict = Some(Verdict::Denied);
        } else if is(b"ADMITTED") && verdict.is_none() {
            verdict = Some(Verdict::Admitted);
        } else if is(b"COUNT") && most.is_none() {
            let count = number::count(rest.next().ok_or(Fault::TopSyntax)?);
            let count = count.and_then(|count| usize::try_from(count).ok());
            most = Some(count.filter(|count| (1..=PLACES).contains(count)).ok_or(Fault::TopCount)?);
        } else {
            return Err(Fault::TopSyntax);
        }
    }
    Ok(Top::Of(verdict.unwrap_or(Verdict::Denied), most.unwrap_or(10)))
}
