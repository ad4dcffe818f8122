//! The grammar of the subcommands of `RL.POLICY`.
//!
//! ```text
//! RL.POLICY SET name LIMIT… [FLOW id WEIGHT w]…
//! RL.POLICY OVERRIDE name key LIMIT… | NONE
//! RL.POLICY OVERRIDES name [KEY key [AS COMMAND]]
//! RL.POLICY GET name [AS COMMAND | FLOWS]
//! ```
//! A `LIMIT` is that of `RL.QUOTA`: see [`super::quota`].

use std::sync::Arc;

use super::limit_clause::draft;
use super::wait;
use super::words::{Words, is, next};
use crate::fault::{Fault, Result};
use crate::quota::flow_weights::FlowWeights;
use crate::quota::limit::PerLimit;
use crate::quota::name::Name;
use crate::quota::policy_entry::PolicyEntry;
use crate::quota::shape::Shape;

/// Parses `RL.POLICY SET name LIMIT… [FLOW id WEIGHT w]…`: the entry that it sets.
///
/// # Errors
/// The fault of the first invalid argument.
///
/// ```
/// use rl_core::grammar::policy::setting;
///
/// let words = "RL.POLICY SET chat LIMIT rpm 500 60 FLOW paid WEIGHT 10";
/// let words: Vec<&[u8]> = words.split(' ').map(str::as_bytes).collect();
/// let policy = setting(words.as_slice())?;
/// assert_eq!((policy.shape.limits().len(), policy.flows.get(b"paid")), (1, Some(10)));
/// # Ok::<(), rl_core::fault::Fault>(())
/// ```
pub fn setting<W: Words + ?Sized>(words: &W) -> Result<PolicyEntry> {
    let syntax = Fault::PolicySyntax;
    let name = Name::new(words.word(2).unwrap_or_default()).ok_or(Fault::PolicyName)?;
    let mut flows = FlowWeights::new();
    let shape = limits(words, 3, &name, syntax, Some(&mut flows))?;
    Ok(PolicyEntry { key: None, shape, flows })
}

/// A parsed `RL.POLICY OVERRIDE`.
#[derive(Clone, Debug, PartialEq)]
pub struct Override<'a> {
    /// The name of the policy.
    pub policy: &'a [u8],
    /// The key.
    pub key: &'a [u8],
    /// The limits of the key under that policy. `None` takes them away.
    pub limits: Option<Arc<Shape>>,
}

impl Override<'_> {
    /// Returns the entry that it sets, or `None` if it takes one away.
    #[must_use]
    pub fn entry(&self) -> Option<PolicyEntry> {
        let shape = Arc::clone(self.limits.as_ref()?);
        Some(PolicyEntry { key: Some(self.key.into()), ..shape.into() })
    }
}

/// Parses `RL.POLICY OVERRIDE name key LIMIT… | NONE`.
///
/// # Errors
/// The fault of the first invalid argument.
///
/// ```
/// use rl_core::grammar::policy::overriding;
///
/// let words: [&[u8]; 8] = [b"RL.POLICY", b"OVERRIDE", b"chat", b"user:42", b"LIMIT", b"rpm", b"5000", b"60"];
/// let request = overriding(words.as_slice())?;
/// assert_eq!((request.policy, request.key), (&b"chat"[..], &b"user:42"[..]));
/// assert_eq!(request.limits.unwrap().limits().len(), 1);
/// # Ok::<(), rl_core::fault::Fault>(())
/// ```
pub fn overriding<W: Words + ?Sized>(words: &W) -> Result<Override<'_>> {
    let syntax = Fault::OverrideSyntax;
    let mut at = 2;
    let policy = next(words, &mut at, syntax)?;
    let key = next(words, &mut at, syntax)?;
    let name = Name::new(policy).ok_or(Fault::PolicyName)?;
    let limits = match words.count() {
        5 if is(words, at, b"NONE") => None,
        0..=4 => return Err(syntax),
        _ => Some(limits(words, at, &name, syntax, None)?),
    };
    Ok(Override { policy, key, limits })
}

/// Parses the limits from the word `at` on, and returns their shape under the name of a policy. Weights of flows may stand
/// between them if there is a place for them.
fn limits<W: Words + ?Sized>(
    words: &W,
    mut at: usize,
    name: &Name,
    syntax: Fault,
    mut flows: Option<&mut FlowWeights>,
) -> Result<Arc<Shape>> {
    let mut drafts = PerLimit::new();
    while let Some(keyword) = words.word(at) {
        at = at.saturating_add(1);
        if keyword.eq_ignore_ascii_case(b"LIMIT") {
            draft(words, &mut at, syntax, &mut drafts)?;
            continue;
        }
        let flows = flows.as_deref_mut().filter(|_| keyword.eq_ignore_ascii_case(b"FLOW")).ok_or(syntax)?;
        let id = next(words, &mut at, syntax)?;
        if !next(words, &mut at, syntax)?.eq_ignore_ascii_case(b"WEIGHT") {
            return Err(syntax);
        }
        flows.add(id, wait::weight(next(words, &mut at, syntax)?)?)?;
    }
    Shape::new(Some(name), &drafts)
}

/// How `RL.POLICY GET` and `RL.POLICY OVERRIDES` answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// As maps of parameters.
    Parameters,
    /// As the words of the command that sets these limits.
    Command,
    /// The weights of flows instead of the limits.
    Flows,
}

/// Parses what follows the name in `RL.POLICY GET name [AS COMMAND | FLOWS]`.
///
/// # Errors
/// [`Fault::PolicyGetSyntax`] if it is anything else.
pub fn shown<W: Words + ?Sized>(words: &W) -> Result<Shown> {
    if words.count() == 4 && is(words, 3, b"FLOWS") {
        return Ok(Shown::Flows);
    }
    shown_from(words, 3, Fault::PolicyGetSyntax)
}

/// Parses what follows the name in `RL.POLICY OVERRIDES name [KEY key [AS COMMAND]]`: the key, and how its limits are
/// shown. `None` asks for all keys.
///
/// # Errors
/// [`Fault::OverridesSyntax`] if it is anything else.
pub fn overrides<W: Words + ?Sized>(words: &W) -> Result<Option<(&[u8], Shown)>> {
    let syntax = Fault::OverridesSyntax;
    if words.count() <= 3 {
        return Ok(None);
    }
    let key = words.word(4).filter(|_| is(words, 3, b"KEY")).ok_or(syntax)?;
    Ok(Some((key, shown_from(words, 5, syntax)?)))
}

/// Parses `[AS COMMAND]` from the word `at` on.
fn shown_from<W: Words + ?Sized>(words: &W, at: usize, syntax: Fault) -> Result<Shown> {
    match words.count().saturating_sub(at) {
        0 => Ok(Shown::Parameters),
        2 if is(words, at, b"AS") && is(words, at.saturating_add(1), b"COMMAND") => Ok(Shown::Command),
        _ => Err(syntax),
    }
}
