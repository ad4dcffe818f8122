//! The keys of a shard within their bounds: which are made, removed and counted.

use std::sync::Arc;

use rl_core::engine::run::run;
use rl_core::engine::{Standing, Turn};
use rl_core::memory::{DB, Error, Memory, Room};
use rl_core::time::{At, Span};
use rl_core::value::Value;

use super::Shard;
use crate::backend::key_bounds::KeyBounds;
use crate::clock::Now;
use crate::command::Command;
use crate::reply::{self, Failure};

/// After so many deletions, the keys are put into a new order: each deletion leaves an entry in the old one.
const DELETIONS: usize = 256;

impl Shard {
    /// Whether there is an entry of this key, even if it has expired.
    pub(super) fn has(&self, key: &[u8]) -> bool {
        self.memory.keys.get(key, At::MIN).is_some()
    }

    /// If the request may need a key that cannot be made: its answer without one, or why it has none.
    pub(super) fn without_room(&self, command: &Command, now: Now) -> Option<reply::Result> {
        let taken = self.room.taken();
        if !(self.bounds.counts() || self.bounds.is_full(taken)) || self.has(command.key()) {
            return None;
        }
        let failure = self.bounds.refuses(command.key(), taken)?;
        // The request is decided in a memory of its own. If that makes no key, none is needed here.
        let (room, policies) = (Arc::new(Room::new(1)), Arc::clone(&self.memory.policies));
        let mut alone = Memory::<()>::new(room, policies, || None);
        let lane = command.wait().unwrap_or_default().lane;
        let turn = command.with_request(|request| {
            run(&mut alone.at(now.into()), &[command.key()], request, Standing::Newcomer(lane))
        });
        Some(match turn {
            Ok(Turn::Answer { reply, .. }) if alone.keys.next().is_none() => Ok(reply.into()),
            Err(Error::Fault(fault)) => Err(fault.into()),
            Ok(Turn::Answer { .. } | Turn::Wait { .. }) | Err(Error::Full | Error::NoId) => Err(failure),
        })
    }

    /// Adds a key from a snapshot, even beyond the bounds: what was counted must not be lost.
    pub(in crate::backend) fn put(&mut self, key: &[u8], value: Value, expires: At) {
        let is_new = !self.has(key);
        if self.memory.keys.insert(key.into(), value, expires) && is_new {
            self.bounds.made(key);
        }
    }

    /// Removes up to `most` keys that have expired.
    pub(in crate::backend) fn remove_expired(&mut self, clock: At, most: usize) {
        let Memory { keys, lines, .. } = &mut self.memory;
        keys.sweep(clock, most, |key| {
            lines.mark(DB, key);
            self.bounds.gone(key);
        });
    }

    /// Deletes a key; `false` if there is none. Its waiters are looked at again.
    pub(in crate::backend) fn delete(&mut self, key: &[u8], now: Now) -> bool {
        let Some(value) = self.memory.keys.get(key, now.wall).cloned() else { return false };
        self.memory.keys.insert(key.into(), value, At::MIN);
        self.remove_expired(At::MIN.plus(Span::from_ms(1)), usize::MAX); // no other key expired so early
        self.deletions = self.deletions.saturating_add(1);
        if self.deletions >= DELETIONS {
            self.deletions = 0;
            let own =
                |(key, value, expires): (&[u8], &Value, At)| (Box::<[u8]>::from(key), value.clone(), expires);
            let all: Vec<_> = self.memory.keys.iter(now.wall).map(own).collect();
            self.remove_expired(At::MAX, usize::MAX);
            for (key, value, expires) in all {
                self.put(&key, value, expires);
            }
        }
        true
    }

    /// Replaces the bounds, and counts the keys anew.
    pub(in crate::backend) fn set_bounds(&mut self, bounds: Arc<KeyBounds>) {
        if bounds.counts() {
            self.memory.keys.iter(At::MIN).for_each(|(key, _, _)| bounds.made(key));
        }
        self.bounds = bounds;
    }

    /// When the next key may expire, on the clock of limits.
    pub(in crate::backend) fn next_expiry(&self) -> Option<At> {
        self.memory.keys.next()
    }
}

impl Failure {
    /// Whether the removal of expired keys may help.
    pub(in crate::backend) const fn is_about_room(self) -> bool {
        matches!(self, Self::Full { .. } | Self::TokenFull)
    }
}
