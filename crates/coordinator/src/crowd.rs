//! Who waits, as it is counted and bounded: by key and lane, whichever back end they wait for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rl_core::fault::{Fault, Result};
use rl_core::queue::Lane;

/// All who wait.
#[derive(Debug)]
pub(crate) struct Crowd {
    most: usize,
    per_key: usize,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    count: usize,
    keys: HashMap<Box<[u8]>, [usize; 4]>,
}

/// One who waits, for as long as this is there.
#[derive(Debug)]
pub(crate) struct Seat {
    crowd: Arc<Crowd>,
    key: Box<[u8]>,
    lane: Lane,
}

impl Crowd {
    /// Nobody yet; so many at most, and so many for one key.
    pub(crate) fn new(most: usize, per_key: usize) -> Arc<Self> {
        Arc::new(Self { most, per_key, held: Mutex::default() })
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner) // counts are never half changed
    }

    /// One more waits.
    ///
    /// # Errors
    /// [`Fault::Busy`].
    pub(crate) fn enter(self: &Arc<Self>, key: &[u8], lane: Lane) -> Result<Seat> {
        let mut held = self.lock();
        let of_key = held.keys.get(key).map_or(0, |lanes| lanes.iter().sum());
        if held.count >= self.most || of_key >= self.per_key {
            return Err(Fault::Busy);
        }
        held.count = held.count.saturating_add(1);
        let lanes = held.keys.entry(key.into()).or_default();
        if let Some(count) = lanes.get_mut(lane.index()) {
            *count = count.saturating_add(1);
        }
        Ok(Seat { crowd: Arc::clone(self), key: key.into(), lane })
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.lock().count
    }

    /// The keys with most who wait, `most` at most, with how many in each lane.
    pub(crate) fn lines(&self, most: usize, sees: impl Fn(&[u8]) -> bool) -> Vec<(Box<[u8]>, [usize; 4])> {
        let held = self.lock();
        let mut lines: Vec<(&Box<[u8]>, &[usize; 4])> =
            held.keys.iter().filter(|(key, _)| sees(key)).collect();
        lines.sort_unstable_by_key(|(key, lanes)| (std::cmp::Reverse(lanes.iter().sum::<usize>()), *key));
        lines.into_iter().take(most).map(|(key, lanes)| (key.clone(), *lanes)).collect()
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut held = self.crowd.lock();
        held.count = held.count.saturating_sub(1);
        let Some(lanes) = held.keys.get_mut(&self.key) else { return };
        if let Some(count) = lanes.get_mut(self.lane.index()) {
            *count = count.saturating_sub(1);
        }
        if lanes.iter().all(|count| *count == 0) {
            held.keys.remove(&self.key);
        }
        if held.keys.is_empty() {
            held.keys.shrink_to_fit();
        }
    }
}
