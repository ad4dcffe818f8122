//! Policies: limits that the server keeps under a name.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::name::Name;
use super::shape::Shape;
use crate::bounded::Bounded;
use crate::fault::{Fault, Result};

/// The largest number of policies of a server.
pub const POLICIES_MAX: usize = 10_000;

/// All policies of a server, by name.
///
/// ```
/// use rl_core::grammar::quota::policy;
/// use rl_core::quota::policies::Policies;
///
/// let words: [&[u8]; 7] = [b"RL.POLICY", b"SET", b"gpt", b"LIMIT", b"rpm", b"500", b"60"];
/// let mut policies = Policies::new();
/// policies.set(policy(words.as_slice())?)?;
/// let shape = policies.get(b"gpt").unwrap();
/// assert_eq!(shape.limits()[0].name.as_bytes(), b"rpm");
/// assert_eq!(Policies::decode(&policies.encode()), Some(policies));
/// # Ok::<(), rl_core::fault::Fault>(())
/// ```
#[derive(Debug, Default, PartialEq)]
pub struct Policies(BTreeMap<Name, Arc<Shape>>);

impl Policies {
    /// Makes an empty set of policies.
    #[must_use]
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Returns the limits of a policy.
    #[must_use]
    pub fn get(&self, name: &[u8]) -> Option<&Arc<Shape>> {
        self.0.get(name)
    }

    /// Sets a policy under the name in `shape`, and replaces an earlier one of that name.
    ///
    /// # Errors
    /// [`Fault::Policies`] if there are too many, [`Fault::PolicyName`] if the shape has no policy name.
    pub fn set(&mut self, shape: Arc<Shape>) -> Result<()> {
        let name = shape.policy().ok_or(Fault::PolicyName)?;
        if self.0.len() >= POLICIES_MAX && !self.0.contains_key(name) {
            return Err(Fault::Policies);
        }
        self.0.insert(name.clone(), shape);
        Ok(())
    }

    /// Sets all these policies, as [`Self::set`] does, or none. Their names must differ.
    ///
    /// # Errors
    /// Those of [`Self::set`].
    ///
    /// ```
    /// use rl_core::grammar::quota::policy;
    /// use rl_core::quota::policies::Policies;
    ///
    /// let words: [&[u8]; 7] = [b"RL.POLICY", b"SET", b"gpt", b"LIMIT", b"rpm", b"500", b"60"];
    /// let mut policies = Policies::new();
    /// policies.set_all(&[policy(words.as_slice())?])?;
    /// assert_eq!(policies.len(), 1);
    /// # Ok::<(), rl_core::fault::Fault>(())
    /// ```
    pub fn set_all(&mut self, shapes: &[Arc<Shape>]) -> Result<()> {
        let mut new = 0_usize;
        for shape in shapes {
            let name = shape.policy().ok_or(Fault::PolicyName)?;
            new = new.saturating_add(usize::from(!self.0.contains_key(name)));
        }
        if self.0.len().saturating_add(new) > POLICIES_MAX {
            return Err(Fault::Policies);
        }
        shapes.iter().try_for_each(|shape| self.set(Arc::clone(shape)))
    }

    /// Removes a policy and returns its limits.
    pub fn remove(&mut self, name: &[u8]) -> Option<Arc<Shape>> {
        self.0.remove(name)
    }

    /// Iterates over all policies, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&Name, &Arc<Shape>)> {
        self.0.iter()
    }

    /// Returns the number of policies.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether there are no policies.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Encodes all policies, for files.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let shapes: Bounded<&[u8], POLICIES_MAX> =
            Bounded(self.0.values().map(|shape| shape.bytes()).collect());
        postcard::to_stdvec(&shapes).unwrap_or_default() // writing to memory cannot fail
    }

    /// Decodes policies. Returns `None` if the bytes are not those of policies.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (shapes, rest) = postcard::take_from_bytes::<Bounded<&[u8], POLICIES_MAX>>(bytes).ok()?;
        let mut policies = Self::new();
        for shape in shapes.0 {
            policies.set(Shape::from_bytes(shape)?).ok()?;
        }
        (rest.is_empty() && policies.encode() == bytes).then_some(policies)
    }
}
