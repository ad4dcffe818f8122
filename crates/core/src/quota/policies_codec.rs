//! Encodes the policies of a server as bytes and reads them back.
//!
//! Equal policies have equal bytes, and all input is untrusted and checked.

use super::policies::{OVERRIDES_MAX, POLICIES_MAX, Policies};
use super::shape::Shape;
use crate::bounded::Bounded;

/// The bytes of the limits of each policy.
type PolicyImages<'a> = Bounded<&'a [u8], POLICIES_MAX>;
/// The key of each override, and the bytes of its limits.
type OverrideImages<'a> = Bounded<(&'a [u8], &'a [u8]), OVERRIDES_MAX>;

impl Policies {
    /// Encodes all policies, for files. Without overrides the bytes are those of a version that knew none.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let shapes: PolicyImages<'_> = Bounded(self.iter().map(|(_, shape)| shape.bytes()).collect());
        let bytes = postcard::to_stdvec(&shapes).unwrap_or_default(); // writing to memory cannot fail
        if self.overrides_len() == 0 {
            return bytes;
        }
        let overrides = self.entries().filter_map(|(key, shape)| Some((key?, shape.bytes())));
        let overrides: OverrideImages<'_> = Bounded(overrides.collect());
        postcard::to_extend(&overrides, bytes).unwrap_or_default()
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
        (rest.is_empty() && policies.encode() == bytes).then_some(policies)
    }
}
