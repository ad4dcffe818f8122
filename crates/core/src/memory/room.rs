//! How many keys there may be.

use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// The number of keys that several memories may have together.
#[derive(Debug)]
pub struct Room {
    most: usize,
    taken: AtomicUsize,
}

impl Room {
    /// Room for `most` keys.
    #[must_use]
    pub const fn new(most: usize) -> Self {
        Self { most, taken: AtomicUsize::new(0) }
    }

    /// How many keys there are.
    #[must_use]
    pub fn taken(&self) -> usize {
        self.taken.load(Relaxed)
    }

    /// Whether there is no room for another key.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.taken() >= self.most
    }

    pub(super) fn take(&self) -> bool {
        let more = |taken: usize| (taken < self.most).then(|| taken.saturating_add(1));
        self.taken.fetch_update(Relaxed, Relaxed, more).is_ok()
    }

    pub(super) fn leave(&self) {
        let _ = self.taken.fetch_update(Relaxed, Relaxed, |taken| taken.checked_sub(1)); // at most what was taken
    }
}
