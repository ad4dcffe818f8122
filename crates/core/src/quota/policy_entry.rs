//! One entry of a server's policies: the limits of a policy and the weights of flows, or the limits that one key has of its
//! own under it.

use std::sync::Arc;

use super::flow_weights::FlowWeights;
use super::shape::Shape;

/// The limits of a policy, or of one key under a policy. The shape has the policy's name.
///
/// ```
/// use rl_core::grammar::policy::setting;
/// use rl_core::quota::policy_entry::PolicyEntry;
///
/// let words: [&[u8]; 7] = [b"RL.POLICY", b"SET", b"gpt", b"LIMIT", b"rpm", b"500", b"60"];
/// let policy = setting(words.as_slice())?;
/// let entry = PolicyEntry { key: Some(b"user:42".as_slice().into()), ..policy };
/// assert_eq!(entry.words()[..4], [&b"OVERRIDE"[..], b"gpt", b"user:42", b"LIMIT"]);
/// # Ok::<(), rl_core::fault::Fault>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct PolicyEntry {
    /// The key, if the limits are those of one key.
    pub key: Option<Box<[u8]>>,
    /// The limits.
    pub shape: Arc<Shape>,
    /// The weights of flows. They are the policy's: nothing looks at those of one key.
    pub flows: FlowWeights,
}

impl From<Arc<Shape>> for PolicyEntry {
    fn from(shape: Arc<Shape>) -> Self {
        Self { key: None, shape, flows: FlowWeights::new() }
    }
}

impl PolicyEntry {
    /// Returns the words after `RL.POLICY` that set an equal entry.
    #[must_use]
    pub fn words(&self) -> Vec<Vec<u8>> {
        words(self.key.as_deref(), &self.shape, &self.flows)
    }
}

/// Returns the words after `RL.POLICY` that set a policy to these limits and weights of flows, or the limits of one key
/// under it.
#[must_use]
pub fn words(key: Option<&[u8]>, shape: &Shape, flows: &FlowWeights) -> Vec<Vec<u8>> {
    let subcommand = if key.is_some() { b"OVERRIDE".to_vec() } else { b"SET".to_vec() };
    let name = shape.policy().map(|name| name.as_bytes().to_vec());
    let flows = if key.is_some() { Vec::new() } else { flows.words() };
    let name_and_key = name.into_iter().chain(key.map(<[u8]>::to_vec));
    [subcommand].into_iter().chain(name_and_key).chain(shape.words()).chain(flows).collect()
}
