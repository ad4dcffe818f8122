//! Which keys stay in the joint shard of `embedded/joint.rs`: those for which requests wait.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::command::Command;

/// The keys of the joint shard for which requests wait, and those that may go back.
#[derive(Debug, Default)]
pub(super) struct Pins(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    /// The number of requests that wait for each key, even if they take nothing of it.
    waiting: HashMap<Box<[u8]>, usize>,
    /// Keys of which something has ended.
    ended: Vec<Box<[u8]>>,
}

/// Keeps the keys of a waiting request in the joint shard until it is dropped.
pub(super) struct Pinned {
    pins: Arc<Pins>,
    command: Arc<Command>,
}

impl Pins {
    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner) // no panic can leave a count half changed
    }

    /// Keeps the keys of a request.
    pub(super) fn pin(self: &Arc<Self>, command: &Arc<Command>) -> Pinned {
        let mut counts = self.lock();
        for key in command.keys() {
            let count = counts.waiting.entry(key.into()).or_default();
            *count = count.saturating_add(1);
        }
        Pinned { pins: Arc::clone(self), command: Arc::clone(command) }
    }

    /// Notes a key that has been removed.
    pub(super) fn note(&self, key: &[u8]) {
        self.lock().ended.push(key.into());
    }

    /// Whether a request waits for this key.
    pub(super) fn is_waiting(&self, key: &[u8]) -> bool {
        self.lock().waiting.contains_key(key)
    }

    /// Takes the keys that may go back.
    pub(super) fn take(&self) -> Vec<Box<[u8]>> {
        std::mem::take(&mut self.lock().ended)
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        let mut counts = self.pins.lock();
        for key in self.command.keys() {
            let Some(count) = counts.waiting.get_mut(key) else { continue };
            *count = count.saturating_sub(1);
            if *count == 0 {
                counts.waiting.remove(key);
                counts.ended.push(key.into());
            }
        }
    }
}
