//! Bounds the memory of all request bodies that are being read at one time, over HTTP and gRPC together.

use std::sync::Arc;

use tokio::sync::Semaphore;

/// The bytes that all bodies may take together.
#[derive(Clone, Debug)]
pub(crate) struct BodyBudget(Arc<Semaphore>);

/// The bytes that one body has taken; dropping it returns them.
#[derive(Debug)]
pub(crate) struct BodyShare {
    budget: BodyBudget,
    taken: usize,
}

impl BodyBudget {
    /// A budget of this many bytes.
    pub(crate) fn new(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(bytes.min(Semaphore::MAX_PERMITS))))
    }

    /// The share of a new body: no bytes yet.
    pub(crate) fn share(&self) -> BodyShare {
        BodyShare { budget: self.clone(), taken: 0 }
    }
}

impl BodyShare {
    /// Takes more bytes; `false`, and no change, if the budget is used up.
    #[must_use]
    pub(crate) fn grow(&mut self, bytes: usize) -> bool {
        let Ok(permits) = u32::try_from(bytes) else { return false };
        let Ok(taken) = self.budget.0.try_acquire_many(permits) else { return false };
        taken.forget(); // `drop` returns it
        self.taken = self.taken.saturating_add(bytes);
        true
    }
}

impl Drop for BodyShare {
    fn drop(&mut self) {
        if self.taken > 0 {
            self.budget.0.add_permits(self.taken);
        }
    }
}
