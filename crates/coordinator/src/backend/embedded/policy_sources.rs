//! The policies in memory: those of the file, and those that callers have set.
//!
//! A policy of the file is in force whatever callers set under its name: the file is the operator's.

use std::sync::Arc;

use rl_core::fault::Result;
use rl_core::quota::policies::Policies;

/// All policies.
#[derive(Debug, Default)]
pub(super) struct Sources {
    /// Those of the file.
    pub(super) file: Arc<Policies>,
    /// Those that callers have set, also those that the file overrides.
    pub(super) set: Policies,
    /// What requests are asked by.
    pub(super) in_force: Arc<Policies>,
}

impl Sources {
    /// The policies of the file.
    pub(super) fn of(file: Arc<Policies>) -> Self {
        Self { in_force: Arc::clone(&file), file, set: Policies::new() }
    }

    /// What is in force with these policies that callers have set.
    ///
    /// # Errors
    /// [`rl_core::fault::Fault::Policies`]
    pub(super) fn with(&self, set: &Policies) -> Result<Arc<Policies>> {
        let mut all = Policies::new();
        for (_, shape) in set.iter().chain(self.file.iter()) {
            all.set(Arc::clone(shape))?;
        }
        Ok(Arc::new(all))
    }
}

/// The new policies, and those of the old ones whose name is not used again.
pub(super) fn both(old: &Policies, new: &Policies) -> Arc<Policies> {
    let mut both = Policies::new();
    let goes = old.iter().filter(|(name, _)| new.get(name.as_bytes()).is_none());
    for (_, shape) in new.iter().chain(goes) {
        let _ = both.set(Arc::clone(shape)); // beyond the largest number of policies, old ones go at once
    }
    Arc::new(both)
}
