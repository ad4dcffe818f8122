//! Which limits a quota is held to.

use std::sync::Arc;

use super::host::Host;
use crate::quota::Quota;
use crate::quota::shape::Shape;

/// The limits that the quota of a key is held to now: those that its policy sets for the key by now, or its own if
/// there is no such policy any more.
pub fn in_force<H: Host>(host: &H, name: H::Name, quota: &Quota) -> Arc<Shape> {
    let limits = quota.shape().policy().and_then(|policy| host.policy(policy.as_bytes(), name));
    limits.unwrap_or_else(|| Arc::clone(quota.shape()))
}
