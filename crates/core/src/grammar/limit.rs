//! The grammar of the commands on one limit, read once into a [`Request`].
//!
//! ```text
//! RL.SLIDE  key limit window                    [COST n] [UPTO] [WAIT duration [PRIORITY lane] [FLOW id [WEIGHT w]]]
//! RL.WINDOW key limit window [OFFSET duration]  [COST n] [UPTO] [WAIT duration [PRIORITY lane] [FLOW id [WEIGHT w]]]
//! RL.BUCKET key capacity refill [period]        [COST n] [UPTO] [WAIT duration [PRIORITY lane] [FLOW id [WEIGHT w]]]
//! RL.PEEK   key [COST n]
//! RL.REFUND key n
//! ```
//! Options may stand in any order, each at most once. Keywords may be in upper or lower case. The words
//! between the key and the options are the algorithm's own: see [`Algorithm::read`].

use super::wait;
use super::words::Words;
use crate::fault::{Fault, Result};
use crate::limit::Kind;
use crate::limit::algorithm::{Algorithm, Parameter};
use crate::limit::bucket::BucketRule;
use crate::limit::rule::{Rule, each_kind};
use crate::limit::slide::SlideRule;
use crate::limit::window::WindowRule;
use crate::number;
use crate::queue::wait::Wait;
use crate::words::{next, required};

/// Where the words after the key begin.
const AFTER_KEY: usize = 2;

/// A request against one limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// The rule that it came with.
    pub rule: Rule,
    /// Its cost.
    pub cost: u64,
    /// Whether it takes as much of its cost as there is.
    pub is_up_to: bool,
    /// How it waits if it is not admitted at once, or `None` if it does not.
    pub wait: Option<Wait>,
}

/// Reads a command on one limit of algorithm `A`.
///
/// ```
/// use rl_core::grammar::limit::read;
/// use rl_core::limit::slide::SlideRule;
///
/// let words: [&[u8]; 6] = [b"RL.SLIDE", b"key", b"500", b"60", b"COST", b"3"];
/// assert_eq!(read::<SlideRule, _>(&words[..])?.cost, 3);
/// # Ok::<(), rl_core::fault::Fault>(())
/// ```
///
/// # Errors
/// The fault of the first argument that is wrong.
pub fn read<A: Algorithm + Into<Rule>, W: Words + ?Sized>(words: &W) -> Result<Request> {
    let mut at = AFTER_KEY;
    let rule = A::read(words, &mut at)?;
    if words.count() <= at {
        return Ok(Request { rule: rule.into(), cost: 1, is_up_to: false, wait: None });
    }
    let own = A::OWN.filter(|own| !own.is_required);
    let Options { cost, own, is_up_to, wait } = Options::read(words, at, own, true, A::SYNTAX)?;
    if is_up_to && wait.is_some_and(|wait| wait.flow.is_some()) {
        return Err(Fault::UpToFlow);
    }
    let rule = own.map_or(rule, |value| rule.with_own(value));
    Ok(Request { rule: rule.into(), cost, is_up_to, wait })
}

/// Reads the command on one limit of whichever algorithm.
///
/// # Errors
/// The fault of the first argument that is wrong.
pub fn read_kind<W: Words + ?Sized>(kind: Kind, words: &W) -> Result<Request> {
    each_kind!(kind, A => read::<A, W>(words))
}

/// Reads `RL.SLIDE`.
///
/// # Errors
/// The fault of the first argument that is wrong.
pub fn slide<W: Words + ?Sized>(words: &W) -> Result<Request> {
    read::<SlideRule, W>(words)
}

/// Reads `RL.WINDOW`.
///
/// # Errors
/// The fault of the first argument that is wrong.
pub fn window<W: Words + ?Sized>(words: &W) -> Result<Request> {
    read::<WindowRule, W>(words)
}

/// Reads `RL.BUCKET`.
///
/// # Errors
/// The fault of the first argument that is wrong.
pub fn bucket<W: Words + ?Sized>(words: &W) -> Result<Request> {
    read::<BucketRule, W>(words)
}

/// Reads `RL.PEEK`: the cost that is asked about.
///
/// # Errors
/// The fault of the first argument that is wrong.
pub fn peek<W: Words + ?Sized>(words: &W) -> Result<u64> {
    Ok(Options::read(words, AFTER_KEY, None, false, Fault::PeekSyntax)?.cost)
}

/// Reads `RL.REFUND`: the cost that is given back.
///
/// # Errors
/// [`Fault::Refund`].
pub fn refund<W: Words + ?Sized>(words: &W) -> Result<u64> {
    number::count(required(words, &mut { AFTER_KEY })).ok_or(Fault::Refund)
}

/// The options of a command.
struct Options {
    cost: u64,
    /// The value of the algorithm's own option.
    own: Option<i64>,
    is_up_to: bool,
    wait: Option<Wait>,
}

impl Options {
    /// Reads the options from the word `at` on. Beside `COST` there may be `own`, and `UPTO` and `WAIT` if `waits`.
    fn read<W: Words + ?Sized>(
        words: &W,
        mut at: usize,
        mut own: Option<Parameter>,
        waits: bool,
        syntax: Fault,
    ) -> Result<Self> {
        let (mut cost, mut value, mut is_up_to, mut wait) = (None, None, false, None);
        while let Some(keyword) = words.word(at) {
            at = at.saturating_add(1);
            if waits && keyword.eq_ignore_ascii_case(b"UPTO") && !is_up_to {
                is_up_to = true;
                continue;
            }
            if words.word(at).is_none() {
                return Err(syntax);
            }
            if keyword.eq_ignore_ascii_case(b"COST") && cost.is_none() {
                cost = Some(number::count(next(words, &mut at, syntax)?).ok_or(Fault::Cost)?);
            } else if let Some(option) = own.take_if(|own| own.is(keyword)) {
                value = Some((option.read)(next(words, &mut at, syntax)?)?);
            } else if waits && keyword.eq_ignore_ascii_case(b"WAIT") && wait.is_none() {
                wait = Some(wait::read(words, &mut at, syntax)?);
            } else {
                return Err(syntax);
            }
        }
        Ok(Self { cost: cost.unwrap_or(1), own: value, is_up_to, wait })
    }
}
