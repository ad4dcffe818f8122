//! One of the parts of the back end in memory.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::backend::shard::Shard;

/// A shard, and the signal for the task that serves it.
pub(super) struct Part {
    shard: Mutex<Shard>,
    pub(super) wake: Notify,
}

impl Part {
    /// A shard that nobody serves yet.
    pub(super) fn new(shard: Shard) -> Self {
        Self { shard: Mutex::new(shard), wake: Notify::new() }
    }

    /// Locks the shard.
    pub(super) fn lock(&self) -> MutexGuard<'_, Shard> {
        // A panic loses at most one decision: a decision is complete before anything changes.
        self.shard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
