//! The keys of a shard within their bounds: which are made, removed and counted.

use std::sync::Arc;

use rl_core::engine::run::run;
use rl_core::engine::{Standing, Turn};
use rl_core::memory::{DB, Error, Memory, Room};
use rl_core::queue::Lane;
use rl_core::time::At;
use rl_core::value::Value;
use smallvec::SmallVec;

use super::Shard;
use crate::backend::key_bounds::KeyBounds;
use crate::clock::Now;
use crate::command::Command;
use crate::reply::{self, Failure, Reply};

/// After so many deletions, the keys are put into a new order: each deletion leaves an entry in the old one.
const DELETIONS: usize = 256;

impl Shard {
    /// Whether there is an entry of this key, even if it has expired.
    pub(in crate::backend) fn has(&self, key: &[u8]) -> bool {
        self.memory.keys.get(key, At::MIN).is_some()
    }

    /// If the request may need keys that cannot be made: its answer without them, or why it has none.
    pub(super) fn without_room(&self, command: &Command, now: Now) -> Option<reply::Result> {
        let (taken, count) = (self.room.taken(), command.keys().count());
        if !(self.bounds.counts() || self.bounds.is_full(taken.saturating_add(count.saturating_sub(1)))) {
            return None;
        }
        let keys: SmallVec<[&[u8]; 1]> = command.keys().collect();
        let new: SmallVec<[&[u8]; 1]> = keys.iter().copied().filter(|key| !self.has(key)).collect();
        let failure = self.bounds.refuses(&new, taken)?;
        // The request is decided in a memory of its own. If that makes no key, none is needed here.
        let (room, policies) = (Arc::new(Room::new(count)), Arc::clone(&self.memory.policies));
        let mut alone = Memory::<()>::new(room, policies, || None);
        for key in &keys {
            if let Some(value) = self.memory.keys.get(key, now.wall) {
                alone.keys.insert((*key).into(), value.clone(), At::MAX);
            }
        }
        let lane = command.wait().unwrap_or_default().lane;
        let turn = command
            .with_request(|request| run(&mut alone.at(now.into()), &keys, request, Standing::Newcomer(lane)));
        let makes_none = || new.iter().all(|key| alone.keys.get(key, At::MIN).is_none());
        Some(match turn {
            Ok(Turn::Answer { reply, .. }) if makes_none() => Ok(Reply::of(command.verb(), reply)),
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
            if let Some(pins) = &self.pins {
                pins.note(key);
            }
        });
    }

    /// Deletes a key; `false` if there is none. Its waiters are looked at again.
    pub(in crate::backend) fn delete(&mut self, key: &[u8], now: Now) -> bool {
        let is_deleted = self.take(key, now).is_some();
        self.memory.lines.mark(DB, key);
        if let Some(pins) = self.pins.as_ref().filter(|_| is_deleted) {
            pins.note(key);
        }
        is_deleted
    }

    /// Removes a key, and returns what it holds and when it expires.
    fn take(&mut self, key: &[u8], now: Now) -> Option<(Value, At)> {
        let taken = self.memory.keys.take(key, now.wall)?;
        self.bounds.gone(key);
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
        Some(taken)
    }

    /// Whether a key of this shard is in the joint one.
    pub(in crate::backend) fn is_away(&self, key: &[u8]) -> bool {
        !self.away.is_empty() && self.away.contains(key)
    }

    /// Sends a key to the joint shard, with what it holds and with who waits for it, unless it is there.
    pub(in crate::backend) fn send_away(&mut self, key: &[u8], joint: &mut Self, now: Now) {
        if !self.away.insert(key.into()) {
            return;
        }
        if let Some((value, expires)) = self.take(key, now) {
            joint.put(key, value, expires);
        }
        let line = self.memory.lines.line(DB, key);
        let stands = line.map(|line| line.ahead(Lane::Low, now.steady, None, usize::MAX)).unwrap_or_default();
        for stand in stands {
            let Some(mut waiter) = self.memory.lines.leave(stand.ticket) else { continue };
            let moved = Arc::clone(&waiter.what.moved);
            waiter.what.pinned = joint.pins.as_ref().map(|pins| pins.pin(&waiter.what.command));
            let _ = moved.set(joint.memory.lines.take_over(waiter)); // a waiter moves once
        }
    }

    /// Notes that nothing is left of a key in the joint shard.
    pub(in crate::backend) fn come_back(&mut self, key: &[u8]) {
        self.away.remove(key);
        if self.away.is_empty() {
            self.away.shrink_to_fit();
        }
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
