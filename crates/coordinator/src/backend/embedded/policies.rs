//! Changes of the policies in memory, and how they reach the shards.

use std::sync::{Arc, MutexGuard, PoisonError};

use rl_core::fault::Result;
use rl_core::quota::policies::Policies;
use rl_core::quota::policy_entry::PolicyEntry;
use rl_core::quota::shape::Shape;

use super::Embedded;
use super::policy_sources::{Sources, both};

impl Embedded {
    fn policy_sources(&self) -> MutexGuard<'_, Sources> {
        self.policies.lock().unwrap_or_else(PoisonError::into_inner) // changed by assignments only
    }

    /// All policies in force.
    pub(crate) fn policies(&self) -> Arc<Policies> {
        Arc::clone(&self.policy_sources().in_force)
    }

    /// The policies that callers have set, also those that the file overrides, as bytes.
    pub(crate) fn set_policies_bytes(&self) -> Vec<u8> {
        self.policy_sources().set.encode()
    }

    /// Whether a policy is the file's.
    pub(crate) fn is_policy_of_file(&self, name: &[u8]) -> bool {
        self.policy_sources().file.get(name).is_some()
    }

    /// Sets a policy, unless the file has one of its name. Returns whether it is in force.
    ///
    /// # Errors
    /// [`rl_core::fault::Fault::Policies`]
    pub(crate) fn set_policy(&self, policy: &PolicyEntry) -> Result<bool> {
        self.change(|file, set| match policy.shape.policy().and_then(|name| file.get(name.as_bytes())) {
            Some(_) => Ok(false),
            None => set.set_entry(policy).map(|()| true),
        })
    }

    /// Deletes a policy that callers have set. Returns whether there was one.
    ///
    /// # Errors
    /// None: fewer policies are never too many.
    pub(crate) fn delete_policy(&self, name: &[u8]) -> Result<bool> {
        self.change(|file, set| Ok(file.get(name).is_none() && set.remove(name).is_some()))
    }

    /// Gives a key limits of its own under a policy that is not the file's. Returns whether they are in force.
    ///
    /// # Errors
    /// [`rl_core::fault::Fault::NoPolicy`], [`rl_core::fault::Fault::Overrides`]
    pub(crate) fn set_override(&self, key: &[u8], shape: Arc<Shape>) -> Result<bool> {
        self.change(|file, set| match shape.policy().and_then(|name| file.get(name.as_bytes())) {
            Some(_) => Ok(false),
            None => set.set_override(key, shape).map(|()| true),
        })
    }

    /// Takes a key's own limits away, under a policy that is not the file's. Returns whether it had any.
    ///
    /// # Errors
    /// [`rl_core::fault::Fault::NoPolicy`]
    pub(crate) fn delete_override(&self, name: &[u8], key: &[u8]) -> Result<bool> {
        self.change(|file, set| Ok(file.get(name).is_none() && set.remove_override(name, key)?))
    }

    /// Adds the policies and overrides of a snapshot. Those that are too many are left out.
    pub(crate) fn restore_policies(&self, restored: &Policies) {
        if self.change(|_, set| set.take_over(restored).map(|()| true)).is_ok() {
            return;
        }
        for entry in restored.entries() {
            let _ = self.change(|_, set| set.set_entry(&entry).map(|()| true)); // also below a policy of the file
        }
    }

    /// Changes what callers have set, and puts it in force if `change` returns `true`.
    fn change(&self, change: impl FnOnce(&Policies, &mut Policies) -> Result<bool>) -> Result<bool> {
        let mut sources = self.policy_sources();
        let mut set = sources.set.clone();
        if !change(&sources.file, &mut set)? {
            return Ok(false);
        }
        let in_force = sources.with(&set)?;
        self.put_in_force(&in_force); // while no other change can come between
        (sources.set, sources.in_force) = (set, in_force);
        Ok(true)
    }

    /// Replaces the policies of the file, runs `then`, and forgets the old ones. Requests that came before may still name
    /// a policy that goes, so both are there for a moment.
    ///
    /// Where callers have set so many that all together are too many, those of callers go.
    pub(crate) fn replace_file_policies(&self, file: &Arc<Policies>, then: impl FnOnce()) {
        let mut sources = self.policy_sources();
        let old = Arc::clone(&sources.in_force);
        sources.file = Arc::clone(file);
        let in_force = sources.with(&sources.set).unwrap_or_else(|_| Arc::clone(file));
        self.put_in_force(&both(&old, &in_force));
        then();
        self.put_in_force(&in_force);
        sources.in_force = in_force;
    }

    /// Replaces the policies of all shards. Waiters are looked at again, by the new ones.
    fn put_in_force(&self, policies: &Arc<Policies>) {
        for part in &self.shards {
            part.lock().set_policies(Arc::clone(policies));
            part.wake.notify_one();
        }
    }
}
