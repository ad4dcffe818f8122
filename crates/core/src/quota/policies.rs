//! Limits that are kept on the server under a name.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::name::Name;
use super::shape::Shape;
use crate::bounded::Bounded;
use crate::fault::{Fault, Result};

/// A server keeps so many at most.
pub const POLICIES_MAX: usize = 10_000;

/// All policies of a server, by name.
#[derive(Debug, Default, PartialEq)]
pub struct Policies(BTreeMap<Name, Arc<Shape>>);

impl Policies {
    /// None.
    #[must_use]
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// The limits under a name.
    #[must_use]
    pub fn get(&self, name: &[u8]) -> Option<&Arc<Shape>> {
        self.0.get(name)
    }

    /// Puts limits under the name of their policy, in place of what was there.
    ///
    /// # Errors
    /// [`Fault::Policies`] where there are too many; [`Fault::PolicyName`] where the shape has no name.
    pub fn set(&mut self, shape: Arc<Shape>) -> Result<()> {
        let name = shape.policy().ok_or(Fault::PolicyName)?;
        if self.0.len() >= POLICIES_MAX && !self.0.contains_key(name) {
            return Err(Fault::Policies);
        }
        self.0.insert(name.clone(), shape);
        Ok(())
    }

    /// Forgets what is under a name, if anything is.
    pub fn remove(&mut self, name: &[u8]) -> Option<Arc<Shape>> {
        self.0.remove(name)
    }

    /// All of them, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&Name, &Arc<Shape>)> {
        self.0.iter()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them as bytes, for files.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let shapes: Bounded<&[u8], POLICIES_MAX> =
            Bounded(self.0.values().map(|shape| shape.bytes()).collect());
        postcard::to_stdvec(&shapes).unwrap_or_default() // writing to memory cannot fail
    }

    /// The policies of these bytes; `None` if they are not policies'.
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
