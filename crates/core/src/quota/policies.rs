//! Policies: limits that the server keeps under a name, and the keys that have limits of their own under them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::flow_weights::FlowWeights;
use super::name::Name;
use super::policy_entry::PolicyEntry;
use super::shape::Shape;
use crate::fault::{Fault, Result};

/// The largest number of policies of a server.
pub const POLICIES_MAX: usize = 10_000;

/// The largest number of overrides of a server, under all of its policies.
pub const OVERRIDES_MAX: usize = 100_000;

/// All policies of a server, by name.
///
/// An override gives one key limits of its own under a policy. It belongs to the key's name, not to what the
/// key holds, and it is removed with its policy.
///
/// ```
/// use rl_core::grammar::policy::setting;
/// use rl_core::quota::policies::Policies;
///
/// let words: [&[u8]; 7] = [b"RL.POLICY", b"SET", b"gpt", b"LIMIT", b"rpm", b"500", b"60"];
/// let mut policies = Policies::new();
/// policies.set_entry(&setting(words.as_slice())?)?;
/// let shape = policies.get(b"gpt").unwrap();
/// assert_eq!(shape.limits()[0].name.as_bytes(), b"rpm");
///
/// let words: [&[u8]; 7] = [b"RL.POLICY", b"SET", b"gpt", b"LIMIT", b"rpm", b"9000", b"60"];
/// policies.set_override(b"user:42", setting(words.as_slice())?.shape)?;
/// assert_ne!(policies.in_force(b"gpt", b"user:42"), policies.get(b"gpt"));
/// assert_eq!(policies.in_force(b"gpt", b"user:43"), policies.get(b"gpt"));
/// assert_eq!(Policies::decode(&policies.encode()), Some(policies));
/// # Ok::<(), rl_core::fault::Fault>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Policies {
    by_name: BTreeMap<Name, Policy>,
    /// The number of overrides of all policies.
    overrides: usize,
}

/// A policy.
#[derive(Clone, Debug, PartialEq)]
struct Policy {
    shape: Arc<Shape>,
    flows: FlowWeights,
    /// The limits of the keys that have limits of their own.
    overrides: BTreeMap<Box<[u8]>, Arc<Shape>>,
}

impl Policy {
    fn entry(&self) -> PolicyEntry {
        PolicyEntry { key: None, shape: Arc::clone(&self.shape), flows: self.flows.clone() }
    }
}

impl Policies {
    /// Makes an empty set of policies.
    #[must_use]
    pub const fn new() -> Self {
        Self { by_name: BTreeMap::new(), overrides: 0 }
    }

    /// Returns the limits of a policy.
    #[must_use]
    pub fn get(&self, name: &[u8]) -> Option<&Arc<Shape>> {
        self.by_name.get(name).map(|policy| &policy.shape)
    }

    /// Returns the entry of a policy.
    #[must_use]
    pub fn entry(&self, name: &[u8]) -> Option<PolicyEntry> {
        self.by_name.get(name).map(Policy::entry)
    }

    /// Returns the weights that a policy gives to flows.
    #[must_use]
    pub fn flows(&self, name: &[u8]) -> Option<&FlowWeights> {
        self.by_name.get(name).map(|policy| &policy.flows)
    }

    /// Returns the limits that a policy sets for a key: the key's own, or the policy's.
    #[must_use]
    pub fn in_force(&self, name: &[u8], key: &[u8]) -> Option<&Arc<Shape>> {
        let policy = self.by_name.get(name)?;
        policy.overrides.get(key).or(Some(&policy.shape))
    }

    /// Returns the limits that a key has of its own under a policy.
    #[must_use]
    pub fn get_override(&self, name: &[u8], key: &[u8]) -> Option<&Arc<Shape>> {
        self.by_name.get(name)?.overrides.get(key)
    }

    /// Returns whether any key has limits of its own under a policy.
    #[must_use]
    pub fn has_overrides(&self, name: &[u8]) -> bool {
        self.overrides > 0 && self.by_name.get(name).is_some_and(|policy| !policy.overrides.is_empty())
    }

    /// Returns whether the policies have exactly this entry.
    #[must_use]
    pub fn has(&self, entry: &PolicyEntry) -> bool {
        let name = entry.shape.policy().map_or(&b""[..], Name::as_bytes);
        let known = match &entry.key {
            Some(key) => self.get_override(name, key),
            None => self.get(name).filter(|_| self.flows(name) == Some(&entry.flows)),
        };
        known.is_some_and(|known| **known == *entry.shape)
    }

    /// Sets a policy under the name in `shape`, and replaces an earlier one of that name. It gives no weight to any flow.
    /// Overrides stay.
    ///
    /// # Errors
    /// [`Fault::Policies`] if there are too many, [`Fault::PolicyName`] if the shape has no policy name.
    pub fn set(&mut self, shape: Arc<Shape>) -> Result<()> {
        self.set_with_flows(shape, FlowWeights::new())
    }

    /// Does what [`Self::set`] does, for a policy that gives weights to flows.
    pub(super) fn set_with_flows(&mut self, shape: Arc<Shape>, flows: FlowWeights) -> Result<()> {
        let name = shape.policy().ok_or(Fault::PolicyName)?;
        if let Some(policy) = self.by_name.get_mut(name) {
            (policy.shape, policy.flows) = (shape, flows);
            return Ok(());
        }
        if self.by_name.len() >= POLICIES_MAX {
            return Err(Fault::Policies);
        }
        self.by_name.insert(name.clone(), Policy { shape, flows, overrides: BTreeMap::new() });
        Ok(())
    }

    /// Gives a key limits of its own under the policy that is named in `shape`, and replaces earlier ones.
    ///
    /// # Errors
    /// [`Fault::NoPolicy`] if there is no such policy, [`Fault::Overrides`] if there are too many overrides.
    pub fn set_override(&mut self, key: &[u8], shape: Arc<Shape>) -> Result<()> {
        let name = shape.policy().ok_or(Fault::PolicyName)?;
        let policy = self.by_name.get_mut(name).ok_or(Fault::NoPolicy)?;
        if let Some(known) = policy.overrides.get_mut(key) {
            *known = shape;
            return Ok(());
        }
        if self.overrides >= OVERRIDES_MAX {
            return Err(Fault::Overrides);
        }
        policy.overrides.insert(key.into(), shape);
        self.overrides = self.overrides.saturating_add(1);
        Ok(())
    }

    /// Sets all these entries in their order, or none.
    ///
    /// # Errors
    /// Those of [`Self::set`] and [`Self::set_override`].
    ///
    /// ```
    /// use rl_core::grammar::policy::setting;
    /// use rl_core::quota::policies::Policies;
    ///
    /// let words: [&[u8]; 7] = [b"RL.POLICY", b"SET", b"gpt", b"LIMIT", b"rpm", b"500", b"60"];
    /// let mut policies = Policies::new();
    /// policies.set_all(&[setting(words.as_slice())?])?;
    /// assert_eq!(policies.len(), 1);
    /// # Ok::<(), rl_core::fault::Fault>(())
    /// ```
    pub fn set_all(&mut self, entries: &[PolicyEntry]) -> Result<()> {
        let (mut policies, mut overrides) = (BTreeSet::new(), BTreeSet::new());
        for PolicyEntry { key, shape, .. } in entries {
            let name = shape.policy().ok_or(Fault::PolicyName)?;
            let is_known = self.by_name.contains_key(name);
            match key {
                None if is_known => {}
                None => drop(policies.insert(name.as_bytes())),
                Some(_) if !is_known && !policies.contains(name.as_bytes()) => return Err(Fault::NoPolicy),
                Some(key) if self.get_override(name.as_bytes(), key).is_some() => {}
                Some(key) => drop(overrides.insert((name.as_bytes(), key))),
            }
        }
        if self.by_name.len().saturating_add(policies.len()) > POLICIES_MAX {
            return Err(Fault::Policies);
        }
        if self.overrides.saturating_add(overrides.len()) > OVERRIDES_MAX {
            return Err(Fault::Overrides);
        }
        entries.iter().try_for_each(|entry| self.set_entry(entry))
    }

    /// Sets a policy or an override.
    ///
    /// # Errors
    /// Those of [`Self::set`] and [`Self::set_override`].
    pub fn set_entry(&mut self, entry: &PolicyEntry) -> Result<()> {
        let shape = Arc::clone(&entry.shape);
        match &entry.key {
            Some(key) => self.set_override(key, shape),
            None => self.set_with_flows(shape, entry.flows.clone()),
        }
    }

    /// Takes over all policies of `other`, each with its overrides and in place of one of the same name.
    ///
    /// # Errors
    /// [`Fault::Policies`] or [`Fault::Overrides`] if there are too many. Some may have been taken over then.
    pub fn take_over(&mut self, other: &Self) -> Result<()> {
        for (name, policy) in &other.by_name {
            self.remove(name.as_bytes());
            if self.by_name.len() >= POLICIES_MAX {
                return Err(Fault::Policies);
            }
            let overrides = self.overrides.saturating_add(policy.overrides.len());
            if overrides > OVERRIDES_MAX {
                return Err(Fault::Overrides);
            }
            self.overrides = overrides;
            self.by_name.insert(name.clone(), policy.clone());
        }
        Ok(())
    }

    /// Removes a policy with its overrides, and returns its limits.
    pub fn remove(&mut self, name: &[u8]) -> Option<Arc<Shape>> {
        let policy = self.by_name.remove(name)?;
        self.overrides = self.overrides.saturating_sub(policy.overrides.len());
        Some(policy.shape)
    }

    /// Takes a key's own limits under a policy away. Returns whether it had any.
    ///
    /// # Errors
    /// [`Fault::NoPolicy`] if there is no such policy.
    pub fn remove_override(&mut self, name: &[u8], key: &[u8]) -> Result<bool> {
        let policy = self.by_name.get_mut(name).ok_or(Fault::NoPolicy)?;
        let removed = policy.overrides.remove(key).is_some();
        self.overrides = self.overrides.saturating_sub(usize::from(removed));
        Ok(removed)
    }

    /// Iterates over all policies, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&Name, &Arc<Shape>)> {
        self.by_name.iter().map(|(name, policy)| (name, &policy.shape))
    }

    /// Iterates over the keys that have limits of their own under a policy, sorted. Returns `None` if there is no such
    /// policy.
    pub fn overrides(&self, name: &[u8]) -> Option<impl ExactSizeIterator<Item = (&[u8], &Arc<Shape>)>> {
        self.by_name.get(name).map(|policy| policy.overrides.iter().map(|(key, shape)| (&**key, shape)))
    }

    /// Iterates over all policies and overrides, so that each override comes after its policy.
    pub fn entries(&self) -> impl Iterator<Item = PolicyEntry> {
        self.by_name.values().flat_map(|policy| {
            let overrides = policy
                .overrides
                .iter()
                .map(|(key, shape)| PolicyEntry { key: Some(key.clone()), ..Arc::clone(shape).into() });
            core::iter::once(policy.entry()).chain(overrides)
        })
    }

    /// Returns the number of policies.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Returns the number of overrides of all policies.
    #[must_use]
    pub const fn overrides_len(&self) -> usize {
        self.overrides
    }

    /// Returns the approximate memory that all overrides take, in bytes.
    #[must_use]
    pub fn overrides_bytes(&self) -> usize {
        let place = size_of::<(Box<[u8]>, Arc<Shape>)>().saturating_mul(3) / 2; // a map node is about two thirds full
        let overrides = self.by_name.values().flat_map(|policy| &policy.overrides);
        let bytes = overrides.map(|(key, shape)| {
            // A shape is stored once, for all that share it.
            let shape = shape.heap_bytes().checked_div(Arc::strong_count(shape)).unwrap_or(0);
            [place, key.len().max(16), shape].into_iter().fold(0, usize::saturating_add)
        });
        bytes.fold(0, usize::saturating_add)
    }

    /// Returns whether there are no policies.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }
}
