//! Counts waiters by key and lane, and enforces the limits on their number. Both back ends use it.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rl_core::fault::{Fault, Result};
use rl_core::queue::Lane;
use smallvec::SmallVec;

/// The number of waiters in each lane of one key.
type ByLane = [usize; 4];

/// The waiters of all keys, and how many there may be.
#[derive(Debug)]
pub(crate) struct WaiterLimits {
    max: usize,
    max_per_key: usize,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    total: usize,
    keys: HashMap<Box<[u8]>, ByLane>,
}

/// Counts one waiter until it is dropped.
#[derive(Debug)]
pub(crate) struct CountedWaiter {
    limits: Arc<WaiterLimits>,
    keys: SmallVec<[Box<[u8]>; 1]>,
    lane: Lane,
}

impl WaiterLimits {
    /// At most `max` waiters, and at most `max_per_key` for one key.
    pub(crate) fn new(max: usize, max_per_key: usize) -> Arc<Self> {
        Arc::new(Self { max, max_per_key, counts: Mutex::default() })
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner) // no panic can leave a count half changed
    }

    /// Counts one more waiter, which is in the line of each of these keys.
    ///
    /// # Errors
    /// [`Fault::Busy`] if a limit is reached.
    pub(crate) fn enter<'k>(
        self: &Arc<Self>,
        keys: impl Iterator<Item = &'k [u8]> + Clone,
        lane: Lane,
    ) -> Result<CountedWaiter> {
        let mut counts = self.lock();
        let of_key = |key| counts.keys.get(key).map_or(0, |lanes| lanes.iter().sum());
        if counts.total >= self.max || keys.clone().any(|key| of_key(key) >= self.max_per_key) {
            return Err(Fault::Busy);
        }
        counts.total = counts.total.saturating_add(1);
        for key in keys.clone() {
            let lanes = counts.keys.entry(key.into()).or_default();
            if let Some(count) = lanes.get_mut(lane.index()) {
                *count = count.saturating_add(1);
            }
        }
        Ok(CountedWaiter { limits: Arc::clone(self), keys: keys.map(Into::into).collect(), lane })
    }

    /// The number of waiters.
    pub(crate) fn len(&self) -> usize {
        self.lock().total
    }

    /// The keys with the most waiters that `sees` accepts, at most `most` of them.
    pub(crate) fn longest_lines(
        &self,
        most: usize,
        sees: impl Fn(&[u8]) -> bool,
    ) -> Vec<(Box<[u8]>, ByLane)> {
        let counts = self.lock();
        let mut lines: Vec<(&Box<[u8]>, &ByLane)> = counts.keys.iter().filter(|(key, _)| sees(key)).collect();
        lines.sort_unstable_by_key(|(key, lanes)| (Reverse(lanes.iter().sum::<usize>()), *key));
        lines.into_iter().take(most).map(|(key, lanes)| (key.clone(), *lanes)).collect()
    }
}

impl Drop for CountedWaiter {
    fn drop(&mut self) {
        let mut counts = self.limits.lock();
        counts.total = counts.total.saturating_sub(1);
        for key in &self.keys {
            let Some(lanes) = counts.keys.get_mut(key) else { continue };
            if let Some(count) = lanes.get_mut(self.lane.index()) {
                *count = count.saturating_sub(1);
            }
            if lanes.iter().all(|count| *count == 0) {
                counts.keys.remove(key);
            }
        }
        if counts.keys.is_empty() {
            counts.keys.shrink_to_fit();
        }
    }
}
