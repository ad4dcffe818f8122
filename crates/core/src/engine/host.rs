//! What the engine needs from the server that it runs in.

use std::sync::Arc;

use crate::effect::Effect;
use crate::fault::{Fault, Result};
use crate::limit::Kind;
use crate::limit::state::State;
use crate::queue::{Ahead, Lane};
use crate::quota::Quota;
use crate::quota::shape::Shape;
use crate::time::{At, Span};
use crate::value::Value;

/// The id that a host makes for a reservation: characters that nobody can guess.
pub type MadeId = [u8; 32];

/// The waiters that may be served before a request.
pub type Line<'l, 'w> = &'l mut dyn Iterator<Item = Ahead<'w>>;

/// A server that keeps values under keys.
///
/// The module is one host and [`crate::memory`] is the other.
pub trait Host {
    /// The name of a key.
    type Name: Copy;
    /// A key that is open for writing.
    type Key;
    /// Why a request has no answer.
    type Error: From<Fault>;

    /// The clock that decides. It stands still during a command, a transaction and a script.
    fn clock(&self) -> At;

    /// The longest window or period that a request may spell out.
    fn max_window(&self) -> Span;

    /// Opens a key for writing. It need not exist.
    fn open(&mut self, name: Self::Name) -> Self::Key;

    /// Looks an open key up again, if anything may have happened to it since it was opened. It is called for each key of a
    /// request after the last of them was opened.
    fn refresh(&mut self, _: &mut Self::Key) {}

    /// The value of an open key; `None` if the key does not exist.
    ///
    /// # Errors
    /// [`Fault::WrongType`] if it holds a value of the server's own.
    fn value<'k>(&'k self, key: &'k Self::Key) -> Result<Option<&'k Value>>;

    /// Lends the value of a key without opening it for writing, also on a replica.
    ///
    /// # Errors
    /// [`Fault::WrongType`] if it holds a value of the server's own.
    fn read<T>(&mut self, name: Self::Name, look: impl FnOnce(&Self, Option<&Value>) -> T) -> Result<T>;

    /// Makes sure that each of these keys can be made if it does not exist.
    ///
    /// The engine asks before it commits to the first of several keys, and then commits to all of them. A host that
    /// never lacks room need not look.
    ///
    /// # Errors
    /// Whatever keeps the server from it. Nothing has changed then.
    fn prepare(
        &mut self,
        names: impl Iterator<Item = Self::Name> + Clone,
    ) -> core::result::Result<(), Self::Error> {
        let _ = names;
        Ok(())
    }

    /// Applies an effect to an open key, moves its expiry, and tells replicas and the AOF.
    ///
    /// # Errors
    /// Whatever keeps the server from it. Nothing has changed then.
    fn commit(
        &mut self,
        name: Self::Name,
        key: &mut Self::Key,
        effect: &Effect<'_>,
    ) -> core::result::Result<(), Self::Error>;

    /// The limits that a policy sets for a key: the key's own under that policy, or the policy's.
    fn policy(&self, policy: &[u8], name: Self::Name) -> Option<Arc<Shape>>;

    /// Makes an id for a reservation.
    ///
    /// # Errors
    /// Whatever keeps the server from it.
    fn make_id(&mut self) -> core::result::Result<MadeId, Self::Error>;

    /// Whether anybody waits for anything. It is asked for each request, so it must cost little.
    fn has_waiters(&self) -> bool;

    /// Whether the request that runs may wait. It is asked only if the request wants to.
    fn may_wait(&self) -> bool;

    /// Lends the waiters that may be served before a request of `lane` in the line of a key: those that it has to
    /// stand behind, then those of lower lanes, in order; `None` if there is none.
    fn line<T>(&self, name: Self::Name, lane: Lane, look: impl FnOnce(Line<'_, '_>) -> T) -> Option<T>;

    /// Marks the line of a key: something has happened that may admit a waiter.
    fn mark(&mut self, name: Self::Name);
}

/// Whether a request has to stand behind the first of these waiters.
pub(super) fn must_queue(line: Line<'_, '_>) -> bool {
    line.next().is_some_and(|first| !first.is_lower)
}

/// The limit that a request of an algorithm finds; `None` if the key holds nothing any more of another one.
#[inline]
pub(super) fn limit(value: Option<&Value>, kind: Kind, clock: At) -> Result<Option<&State>> {
    let Some(value) = value else { return Ok(None) };
    match value.limit() {
        Ok(state) if state.takes(kind) => Ok(Some(state)),
        other => if_counts(other, value, clock),
    }
}

/// The limit that a key holds.
pub(super) fn any_limit(value: Option<&Value>, clock: At) -> Result<Option<&State>> {
    value.map_or(Ok(None), |value| {
        value.limit().map(Some).or_else(|fault| if_counts(Err(fault), value, clock))
    })
}

/// The quota that a request finds; `None` if the key holds nothing any more of a limit.
#[inline]
pub(super) fn quota(value: Option<&Value>, clock: At) -> Result<Option<&Quota>> {
    let Some(value) = value else { return Ok(None) };
    match value.quota() {
        Ok(quota) => Ok(Some(quota)),
        Err(fault) => if_counts(Err(fault), value, clock),
    }
}

/// What a key of another kind holds, or why it cannot be used; `None` if it only lives on, so that it answers as a new key.
#[cold]
fn if_counts<'v, T>(held: Result<&'v T>, value: &Value, clock: At) -> Result<Option<&'v T>> {
    if value.is_over(clock) { Ok(None) } else { held.map(Some) }
}
