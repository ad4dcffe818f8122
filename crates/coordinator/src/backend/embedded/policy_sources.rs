//! The policies in memory: those of the file, and those that callers have set.
//!
//! A policy of the file is in force, with its overrides, whatever callers set under its name: the file is the operator's.

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
    /// [`rl_core::fault::Fault::Policies`], [`rl_core::fault::Fault::Overrides`]
    pub(super) fn with(&self, set: &Policies) -> Result<Arc<Policies>> {
        let mut all = set.clone();
        all.take_over(&self.file)?;
        Ok(Arc::new(all))
    }
}

/// The new policies, and those of the old ones whose name is not used again.
pub(super) fn both(old: &Policies, new: &Policies) -> Arc<Policies> {
    let mut both = old.clone();
    let fits = both.take_over(new).is_ok();
    Arc::new(if fits { both } else { new.clone() }) // if they are too many, the old ones go at once
}
