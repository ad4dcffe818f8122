//! Bounds the memory of all request bodies that are being read at one time, over HTTP and gRPC together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// The bytes that all bodies may take together.
#[derive(Clone, Debug)]
pub(crate) struct BodyBudget(Arc<AtomicUsize>);

/// The bytes that one body has taken; dropping it returns them.
#[derive(Debug)]
pub(crate) struct BodyShare {
    budget: BodyBudget,
    taken: usize,
}

impl BodyBudget {
    /// A budget of this many bytes.
    pub(crate) fn new(bytes: usize) -> Self {
        Self(Arc::new(AtomicUsize::new(bytes)))
    }

    /// The share of a new body: no bytes yet.
    pub(crate) fn share(&self) -> BodyShare {
        BodyShare { budget: self.clone(), taken: 0 }
    }

    /// Whether a body of so many bytes has room now. A body that is read without a pause takes none.
    pub(crate) fn has(&self, bytes: usize) -> bool {
        bytes <= self.0.load(Relaxed)
    }
}

impl BodyShare {
    /// Takes more bytes; `false`, and no change, if the budget is used up.
    #[must_use]
    pub(crate) fn grow(&mut self, bytes: usize) -> bool {
        let take = |left: usize| left.checked_sub(bytes);
        if self.budget.0.fetch_update(Relaxed, Relaxed, take).is_err() {
            return false;
        }
        self.taken = self.taken.saturating_add(bytes);
        true
    }
}

impl Drop for BodyShare {
    fn drop(&mut self) {
        if self.taken > 0 {
            self.budget.0.fetch_add(self.taken, Relaxed);
        }
    }
}
