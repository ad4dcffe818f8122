//! Encodes the policies of a server as bytes and reads them back.
//!
//! Equal policies have equal bytes, and all input is untrusted and checked.

use super::flow_weights::{FlowWeights, POLICY_FLOWS_MAX};
use super::policies::{OVERRIDES_MAX, POLICIES_MAX, Policies};
use super::shape::Shape;
use crate::bounded::Bounded;

/// The bytes of the limits of each policy.
type PolicyImages<'a> = Bounded<&'a [u8], POLICIES_MAX>;
/// The key of each override, and the bytes of its limits.
type OverrideImages<'a> = Bounded<(&'a [u8], &'a [u8]), OVERRIDES_MAX>;
/// The weights of flows, by id.
type WeightImages<'a> = Bounded<(&'a [u8], u16), POLICY_FLOWS_MAX>;
/// The name of each policy that gives weights to flows, and the weights.
type FlowImages<'a> = Bounded<(&'a [u8], WeightImages<'a>), POLICIES_MAX>;

impl Policies {
    /// Encodes all policies, for files: their limits, then the overrides, then the weights of flows. What is empty at the
    /// end is left out, so that the bytes are those of a version that did not know it.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let shapes: PolicyImages<'_> = Bounded(self.iter().map(|(_, shape)| shape.bytes()).collect());
        let bytes = postcard::to_stdvec(&shapes).unwrap_or_default(); // writing to memory cannot fail
        let weights =
            self.iter().filter_map(|(name, _)| Some((name.as_bytes(), self.flows(name.as_bytes())?)));
        let flows = weights.filter(|(_, flows)| !flows.is_empty());
        let flows: FlowImages<'_> =
            Bounded(flows.map(|(name, flows)| (name, Bounded(flows.iter().collect()))).collect());
        if self.overrides_len() == 0 && flows.0.is_empty() {
            return bytes;
        }
        let overrides = self.iter().filter_map(|(name, _)| self.overrides(name.as_bytes())).flatten();
        let overrides: OverrideImages<'_> =
            Bounded(overrides.map(|(key, shape)| (key, shape.bytes())).collect());
        let bytes = postcard::to_extend(&overrides, bytes).unwrap_or_default();
        if flows.0.is_empty() {
            return bytes;
        }
        postcard::to_extend(&flows, bytes).unwrap_or_default()
    }

    /// Decodes policies. Returns `None` if the bytes are not those of policies.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (shapes, mut rest) = postcard::take_from_bytes::<PolicyImages<'_>>(bytes).ok()?;
        let mut policies = Self::new();
        for shape in shapes.0 {
            policies.set(Shape::from_bytes(shape)?).ok()?;
        }
        if !rest.is_empty() {
            let (overrides, end) = postcard::take_from_bytes::<OverrideImages<'_>>(rest).ok()?;
            for (key, shape) in overrides.0 {
                policies.set_override(key, Shape::from_bytes(shape)?).ok()?;
            }
            rest = end;
        }
        if !rest.is_empty() {
            let (flows, end) = postcard::take_from_bytes::<FlowImages<'_>>(rest).ok()?;
            for (name, weights) in flows.0 {
                let mut flows = FlowWeights::new();
                weights.0.into_iter().try_for_each(|(id, weight)| flows.add(id, weight)).ok()?;
                let shape = policies.get(name)?.clone();
                policies.set_with_flows(shape, flows).ok()?;
            }
            rest = end;
        }
        (rest.is_empty() && policies.encode() == bytes).then_some(policies)
    }
}
