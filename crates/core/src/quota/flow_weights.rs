//! The weights that a policy gives to flows, so that a caller need only name its flow.
//!
//! They are of the policy, not of its limits: a key does not store them, and they change nothing that a key has used.

use std::collections::BTreeMap;

use super::bounds::ID_MAX;
use crate::fault::{Fault, Result};
use crate::queue::flow::WEIGHTS;

/// The largest number of flows that a policy names.
pub const POLICY_FLOWS_MAX: usize = 64;

/// The weights of flows, by id.
///
/// ```
/// use rl_core::quota::flow_weights::FlowWeights;
///
/// let mut flows = FlowWeights::new();
/// flows.add(b"paid", 10)?;
/// assert_eq!((flows.get(b"paid"), flows.get(b"free")), (Some(10), None));
/// # Ok::<(), rl_core::fault::Fault>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlowWeights(BTreeMap<Box<[u8]>, u16>);

impl FlowWeights {
    /// Makes an empty set.
    #[must_use]
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Adds the weight of a flow.
    ///
    /// # Errors
    /// - [`Fault::Flow`]: the id is empty or too long
    /// - [`Fault::Weight`]: the weight is out of bounds
    /// - [`Fault::FlowTwice`]: the flow has a weight already
    /// - [`Fault::PolicyFlows`]: there are too many
    pub fn add(&mut self, id: &[u8], weight: u16) -> Result<()> {
        if !(1..=ID_MAX).contains(&id.len()) {
            return Err(Fault::Flow);
        }
        if !WEIGHTS.contains(&weight.into()) {
            return Err(Fault::Weight);
        }
        if self.0.contains_key(id) {
            return Err(Fault::FlowTwice);
        }
        if self.0.len() >= POLICY_FLOWS_MAX {
            return Err(Fault::PolicyFlows);
        }
        self.0.insert(id.into(), weight);
        Ok(())
    }

    /// Returns the weight of a flow.
    #[must_use]
    pub fn get(&self, id: &[u8]) -> Option<u16> {
        self.0.get(id).copied()
    }

    /// Iterates over all flows and their weights, sorted by id.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&[u8], u16)> {
        self.0.iter().map(|(id, weight)| (&**id, *weight))
    }

    /// Returns the number of flows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether no flow has a weight.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the words of a command: `FLOW paid WEIGHT 10 …`.
    #[must_use]
    pub fn words(&self) -> Vec<Vec<u8>> {
        let words = |(id, weight): (&[u8], u16)| {
            [b"FLOW".to_vec(), id.to_vec(), b"WEIGHT".to_vec(), weight.to_string().into_bytes()]
        };
        self.iter().flat_map(words).collect()
    }
}
