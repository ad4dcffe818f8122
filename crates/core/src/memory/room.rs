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

    /// Takes room for `count` keys. Returns `false` if there is too little; none is taken then.
    pub(super) fn take(&self, count: usize) -> bool {
        let more = |taken: usize| taken.checked_add(count).filter(|taken| *taken <= self.most);
        self.taken.fetch_update(Relaxed, Relaxed, more).is_ok()
    }

    pub(super) fn leave(&self) {
        let _ = self.taken.fetch_update(Relaxed, Relaxed, |taken| taken.checked_sub(1)); // at most what was taken
    }
}
