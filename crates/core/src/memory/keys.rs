//! Values under keys, and when each key expires.

use core::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;

use foldhash::quality::RandomState;

use super::room::Room;
use crate::effect::Effect;
use crate::fault::Result;
use crate::limit::decision::Expiry;
use crate::time::At;
use crate::value::Value;

/// The keys of a memory.
#[derive(Debug)]
pub struct Keys {
    entries: HashMap<Arc<[u8]>, Entry, RandomState>,
    /// Each key once, with the instant at which it is to be looked at: when it expires, or earlier, since
    /// a moved expiry is not noted here.
    due: BinaryHeap<Reverse<(At, Arc<[u8]>)>>,
    room: Arc<Room>,
    /// Room that is taken for keys that are about to be made.
    held: usize,
}

#[derive(Debug)]
struct Entry {
    value: Value,
    expires: At,
}

impl Entry {
    /// Whether the key has expired. As in the server, it lives until its instant has passed.
    fn is_over(&self, clock: At) -> bool {
        clock > self.expires
    }
}

impl Keys {
    /// No keys.
    #[must_use]
    pub fn new(room: Arc<Room>) -> Self {
        Self { entries: HashMap::default(), due: BinaryHeap::new(), room, held: 0 }
    }

    /// What a key holds.
    #[must_use]
    pub fn get(&self, key: &[u8], clock: At) -> Option<&Value> {
        self.entries.get(key).filter(|entry| !entry.is_over(clock)).map(|entry| &entry.value)
    }

    /// Applies an effect to what a key holds, or makes the key. Returns `false` if there is no room for it; nothing
    /// has changed then.
    ///
    /// # Errors
    /// [`crate::fault::Fault::WrongType`]; nothing has changed then.
    pub fn change(&mut self, key: &[u8], effect: &Effect<'_>, clock: At) -> Result<bool> {
        if let Some(entry) = self.entries.get_mut(key) {
            if !entry.is_over(clock) {
                if let Expiry::Moved { to: at, .. } = effect.apply(&mut entry.value)? {
                    entry.expires = at;
                }
                return Ok(true);
            }
            // The new value takes the place of the expired one. It is in `due` already, at an instant that is no later.
            if let Some((value, expiry)) = effect.create() {
                *entry = Entry { value, expires: at(expiry) };
            }
            return Ok(true);
        }
        if self.held == 0 && self.room.is_full() {
            self.sweep(clock, usize::MAX, |_| ()); // expired keys make room
        }
        let Some((value, expiry)) = effect.create() else { return Ok(true) };
        Ok(self.insert(key.into(), value, at(expiry)))
    }

    /// Takes room for those of these keys that do not exist, before the first of them is made. Returns `false`
    /// if there is too little.
    pub(super) fn hold<'k>(&mut self, names: impl Iterator<Item = &'k [u8]> + Clone, clock: At) -> bool {
        let mut count = self.count_missing(names.clone());
        if !self.room.take(count) {
            self.sweep(clock, usize::MAX, |_| ()); // expired keys make room
            count = self.count_missing(names);
            if !self.room.take(count) {
                return false;
            }
        }
        self.held = self.held.saturating_add(count);
        true
    }

    fn count_missing<'k>(&self, names: impl Iterator<Item = &'k [u8]>) -> usize {
        names.filter(|name| !self.entries.contains_key(*name)).count()
    }

    /// Adds a key that does not exist. Returns `false` if there is no room for it.
    pub fn insert(&mut self, key: Arc<[u8]>, value: Value, expires: At) -> bool {
        match self.held.checked_sub(1) {
            Some(left) => self.held = left,
            None if !self.room.take(1) => return false,
            None => {}
        }
        self.due.push(Reverse((expires, Arc::clone(&key))));
        if self.entries.insert(key, Entry { value, expires }).is_some() {
            self.room.leave();
        }
        true
    }

    /// Removes a key, and returns what it holds and when it expires.
    pub fn take(&mut self, key: &[u8], clock: At) -> Option<(Value, At)> {
        if self.entries.get(key)?.is_over(clock) {
            return None;
        }
        let Entry { value, expires } = self.entries.remove(key)?;
        self.room.leave(); // its entry in `due` goes when it is due
        Some((value, expires))
    }

    /// Removes keys that have expired, after looking at `most` at most, and calls `gone` for each.
    pub fn sweep(&mut self, clock: At, most: usize, mut gone: impl FnMut(&[u8])) {
        for _ in 0..most {
            let Some(Reverse((at, _))) = self.due.peek() else { break };
            if clock <= *at {
                break;
            }
            let Some(Reverse((_, key))) = self.due.pop() else { break };
            match self.entries.get(&key).map(|entry| (entry.is_over(clock), entry.expires)) {
                Some((true, _)) => {
                    self.entries.remove(&key);
                    self.room.leave();
                    gone(&key);
                }
                Some((false, expires)) => self.due.push(Reverse((expires, key))),
                None => {}
            }
        }
        if self.entries.is_empty() {
            self.entries.shrink_to_fit();
            self.due.shrink_to_fit();
        }
    }

    /// When the next key is to be looked at.
    #[must_use]
    pub fn next(&self) -> Option<At> {
        self.due.peek().map(|Reverse((at, _))| *at)
    }

    /// All keys that have not expired, with the instant at which they do.
    pub fn iter(&self, clock: At) -> impl Iterator<Item = (&[u8], &Value, At)> {
        let entries = self.entries.iter().filter(move |(_, entry)| !entry.is_over(clock));
        entries.map(|(key, entry)| (&**key, &entry.value, entry.expires))
    }
}

/// When a new key expires. The effect that makes a key always tells.
fn at(expiry: Expiry) -> At {
    match expiry {
        Expiry::Moved { to, .. } => to,
        Expiry::Same => At::MIN,
    }
}
