//! Room for keys: expired keys are removed when there is none, and operators delete keys and change the bounds.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, PoisonError};

use rl_core::fault::Fault;
use rl_core::time::At;
use rl_core::value::Value;

use super::Embedded;
use crate::backend::key_bounds::KeyBounds;
use crate::backend::shard::Come;
use crate::clock::Now;
use crate::command::Command;
use crate::reply::{self, Failure};

/// The least time between two removals of expired keys from all shards, in ms: requests that find no room ask for them.
const SWEEP_PAUSE: u64 = 20;

impl Embedded {
    /// If there was no room for a new key, removes expired keys from all shards and asks once more.
    pub(super) fn make_room(&self, result: reply::Result, command: &Arc<Command>) -> reply::Result {
        let is_about_room =
            |result: &reply::Result| result.as_ref().is_err_and(|failure| failure.is_about_room());
        if !is_about_room(&result) {
            return result;
        }
        self.remove_expired();
        let busy = || Err(Fault::Busy); // the second time it may not wait
        match self.come(command, busy)?.1 {
            Come::Answer(result) => result.map_err(|failure| self.with_retry(failure)),
            Come::Waits { .. } => Err(Failure::Full { retry_after_ms: None }),
        }
    }

    /// Removes expired keys from all shards, unless that was done just now.
    fn remove_expired(&self) {
        let (now, last) = (Now::read().steady.ms(), self.swept.load(Relaxed));
        let is_due = last == 0 || now.saturating_sub(last) >= SWEEP_PAUSE;
        if is_due && self.swept.compare_exchange(last, now.max(1), Relaxed, Relaxed).is_ok() {
            for part in &self.shards {
                part.lock().remove_expired(Now::read().wall, usize::MAX);
            }
            self.joint.wake.notify_one(); // keys may go back
        }
    }

    /// Adds when a key may expire and make room.
    fn with_retry(&self, failure: Failure) -> Failure {
        match failure {
            Failure::Full { .. } => {
                let next = self.shards.iter().filter_map(|part| part.lock().next_expiry()).min();
                Failure::Full { retry_after_ms: next.map(|at| at.since(Now::read().wall).ms()) }
            }
            Failure::Fault(_)
            | Failure::TokenFull
            | Failure::Down
            | Failure::NotAuthenticated
            | Failure::NoModule
            | Failure::ReadOnly
            | Failure::OtherSlots
            | Failure::Strange => failure,
        }
    }

    /// Whether there is room for new keys.
    ///
    /// # Errors
    /// [`Failure::Full`]
    pub(crate) fn is_ready(&self) -> core::result::Result<(), Failure> {
        let bounds = Arc::clone(&self.key_bounds.lock().unwrap_or_else(PoisonError::into_inner));
        if bounds.is_full(self.room.taken()) {
            self.remove_expired();
        }
        let failure = Failure::Full { retry_after_ms: None };
        if bounds.is_full(self.room.taken()) { Err(self.with_retry(failure)) } else { Ok(()) }
    }

    /// Deletes a key. Returns whether there was one.
    ///
    /// # Errors
    /// [`Failure::Down`] if nothing is decided any more.
    pub(crate) fn delete(&self, key: &[u8]) -> core::result::Result<bool, Failure> {
        let (part, mut shard) = self.lock(key)?;
        if shard.is_sealed() {
            return Err(Failure::Down);
        }
        let is_deleted = shard.delete(key, Now::read());
        part.wake.notify_one(); // for its waiters
        Ok(is_deleted)
    }

    /// Replaces the bounds of keys.
    pub(crate) fn set_key_bounds(&self, bounds: KeyBounds) {
        let bounds = Arc::new(bounds);
        for part in &self.shards {
            part.lock().set_bounds(Arc::clone(&bounds));
        }
        *self.key_bounds.lock().unwrap_or_else(PoisonError::into_inner) = bounds;
    }

    /// Adds a key from a snapshot, even beyond the bounds.
    pub(crate) fn put(&self, key: &[u8], value: Value, expires: At) {
        if let Ok((_, mut shard)) = self.lock(key) {
            shard.put(key, value, expires);
        }
    }
}
