//! The keys of one shard: their values, when each expires, and how many there may be of all shards together.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use foldhash::quality::RandomState;
use rl_core::fault::Result;
use rl_core::limit::decision::Expiry;
use rl_core::limit::effect::Effect;
use rl_core::quota::effect::QuotaEffect as QuotaChange;
use rl_core::time::At;
use rl_core::value::Value;

/// How many keys there may be, and are, in all shards.
#[derive(Debug)]
pub(crate) struct Room {
    most: usize,
    taken: AtomicUsize,
}

impl Room {
    /// Room for so many.
    pub(crate) const fn new(most: usize) -> Self {
        Self { most, taken: AtomicUsize::new(0) }
    }

    /// How many there are.
    pub(crate) fn taken(&self) -> usize {
        self.taken.load(Relaxed)
    }

    /// Whether there is none.
    pub(crate) fn is_full(&self) -> bool {
        self.taken() >= self.most
    }

    fn take(&self) -> bool {
        let more = |taken: usize| (taken < self.most).then(|| taken.saturating_add(1));
        self.taken.fetch_update(Relaxed, Relaxed, more).is_ok()
    }

    fn leave(&self) {
        let _ = self.taken.fetch_update(Relaxed, Relaxed, |taken| taken.checked_sub(1)); // at most what was taken
    }
}

/// What was decided about a key.
pub(super) trait Change {
    /// Changes a key that exists.
    fn apply(&self, value: &mut Value) -> Result<Expiry>;
    /// The value of a key that did not; none where there is nothing to change.
    fn create(&self) -> Option<(Value, Expiry)>;
}

impl Change for Effect {
    fn apply(&self, value: &mut Value) -> Result<Expiry> {
        Self::apply(self, value.limit_mut()?)
    }

    fn create(&self) -> Option<(Value, Expiry)> {
        Self::create(self).map(|(state, expiry)| (Value::Limit(state), expiry))
    }
}

impl Change for QuotaChange<'_> {
    fn apply(&self, value: &mut Value) -> Result<Expiry> {
        Ok(Self::apply(self, value.quota_mut()?))
    }

    fn create(&self) -> Option<(Value, Expiry)> {
        Self::create(self).map(|(quota, expiry)| (Value::Quota(Box::new(quota)), expiry))
    }
}

/// See the head of this file.
pub(super) struct Keys {
    entries: HashMap<Arc<[u8]>, Entry, RandomState>,
    /// Each key once, at the instant when it is to be looked at: when it expires, or before, as an expiry moves
    /// without a trace here.
    due: BinaryHeap<Reverse<(At, Arc<[u8]>)>>,
    room: Arc<Room>,
}

struct Entry {
    value: Value,
    expires: At,
}

impl Entry {
    /// As the server has it: a key is there until its instant has passed.
    fn is_over(&self, clock: At) -> bool {
        clock > self.expires
    }
}

impl Keys {
    /// No keys.
    pub(super) fn new(room: Arc<Room>) -> Self {
        Self { entries: HashMap::default(), due: BinaryHeap::new(), room }
    }

    /// What a key holds.
    pub(super) fn get(&self, key: &[u8], clock: At) -> Option<&Value> {
        self.entries.get(key).filter(|entry| !entry.is_over(clock)).map(|entry| &entry.value)
    }

    /// Whether a key can be changed that may not exist.
    pub(super) fn has_room(&mut self, key: &[u8], clock: At) -> bool {
        if self.entries.contains_key(key) || !self.room.is_full() {
            return true;
        }
        self.sweep(clock, usize::MAX, |_| ());
        !self.room.is_full()
    }

    /// Applies a change to what a key holds, or makes the key; `false`, and nothing has changed, where there is no
    /// room for it.
    pub(super) fn change(&mut self, key: &[u8], change: &impl Change, clock: At) -> Result<bool> {
        if let Some(entry) = self.entries.get_mut(key) {
            if !entry.is_over(clock) {
                if let Expiry::At(at) = change.apply(&mut entry.value)? {
                    entry.expires = at;
                }
                return Ok(true);
            }
            // What has expired makes room for what is new; it is in `due` already, at no later an instant.
            if let Some((value, expiry)) = change.create() {
                *entry = Entry { value, expires: at(expiry) };
            }
            return Ok(true);
        }
        let Some((value, expiry)) = change.create() else { return Ok(true) };
        Ok(self.insert(key.into(), value, at(expiry)))
    }

    /// Puts a key that is not there; `false` where there is no room for it.
    pub(super) fn insert(&mut self, key: Arc<[u8]>, value: Value, expires: At) -> bool {
        if !self.room.take() {
            return false;
        }
        self.due.push(Reverse((expires, Arc::clone(&key))));
        if self.entries.insert(key, Entry { value, expires }).is_some() {
            self.room.leave();
        }
        true
    }

    /// Removes keys that have expired, after looking at so many at most; tells of each.
    pub(super) fn sweep(&mut self, clock: At, most: usize, mut gone: impl FnMut(&[u8])) {
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
    pub(super) fn next(&self) -> Option<At> {
        self.due.peek().map(|Reverse((at, _))| *at)
    }

    /// All of them that have not expired, with when they do.
    pub(super) fn iter(&self, clock: At) -> impl Iterator<Item = (&[u8], &Value, At)> {
        let entries = self.entries.iter().filter(move |(_, entry)| !entry.is_over(clock));
        entries.map(|(key, entry)| (&**key, &entry.value, entry.expires))
    }
}

/// When a new key expires. One that is made always says so.
fn at(expiry: Expiry) -> At {
    match expiry {
        Expiry::At(at) => at,
        Expiry::Same => At::MIN,
    }
}
