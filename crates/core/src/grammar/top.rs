//! The grammar of `RL.TOP [RESET | [DENIED | ADMITTED | HELD | FLOWS] [COUNT n]]`.

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

/// What `RL.TOP` lists keys by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The number of requests of a verdict.
    Verdict(Verdict),
    /// The number of times that they were held.
    Held,
}

/// A parsed `RL.TOP` request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Top {
    /// Lists the keys that lead by something, at most this many.
    Of(By, usize),
    /// Lists the flows with the most waiters, at most this many.
    Flows(usize),
    /// Clears all counts.
    Reset,
}

/// Parses `RL.TOP`.
///
/// # Errors
/// The fault of the first invalid argument.
pub fn top<W: Words + ?Sized>(words: &W) -> Result<Top> {
    let mut rest = (1..words.count()).filter_map(|at| words.word(at));
    let mut list: Option<fn(usize) -> Top> = None;
    let mut most = None;
    while let Some(word) = rest.next() {
        let is = |keyword: &[u8]| word.eq_ignore_ascii_case(keyword);
        if is(b"RESET") && words.count() == 2 {
            return Ok(Top::Reset);
        } else if is(b"DENIED") && list.is_none() {
            list = Some(denied);
        } else if is(b"ADMITTED") && list.is_none() {
            list = Some(|most| Top::Of(By::Verdict(Verdict::Admitted), most));
        } else if is(b"HELD") && list.is_none() {
            list = Some(|most| Top::Of(By::Held, most));
        } else if is(b"FLOWS") && list.is_none() {
            list = Some(Top::Flows);
        } else if is(b"COUNT") && most.is_none() {
            let count = number::count(rest.next().ok_or(Fault::TopSyntax)?);
            let count = count.and_then(|count| usize::try_from(count).ok());
            most = Some(count.filter(|count| (1..=PLACES).contains(count)).ok_or(Fault::TopCount)?);
        } else {
            return Err(Fault::TopSyntax);
        }
    }
    Ok(list.unwrap_or(denied)(most.unwrap_or(10)))
}

const fn denied(most: usize) -> Top {
    Top::Of(By::Verdict(Verdict::Denied), most)
}
