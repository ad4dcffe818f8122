//! The grammar of the subcommands of `RL.POLICY` that are about more than a name and its limits.
//!
//! ```text
//! RL.POLICY OVERRIDE name key LIMIT… | NONE
//! RL.POLICY OVERRIDES name [KEY key [AS COMMAND]]
//! RL.POLICY GET name [AS COMMAND]
//! ```
//! `RL.POLICY SET` has the limits of `RL.QUOTA`, so it is in [`super::quota`].

use std::sync::Arc;

use super::quota::named_limits;
use super::words::{Words, is, next};
use crate::fault::{Fault, Result};
use crate::quota::name::Name;
use crate::quota::policy_entry::PolicyEntry;
use crate::quota::shape::Shape;

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
        Some(PolicyEntry { key: Some(self.key.into()), shape })
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
        _ => Some(named_limits(words, at, &name, syntax)?),
    };
    Ok(Override { policy, key, limits })
}

/// How `RL.POLICY GET` and `RL.POLICY OVERRIDES` answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// As maps of parameters.
    Parameters,
    /// As the words of the command that sets these limits.
    Command,
}

/// Parses what follows the name in `RL.POLICY GET name [AS COMMAND]`.
///
/// # Errors
/// [`Fault::PolicyGetSyntax`] if it is anything else.
pub fn shown<W: Words + ?Sized>(words: &W) -> Result<Shown> {
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
