//! Which limits a quota is held to.

use std::sync::Arc;

use super::host::Host;
use crate::quota::Quota;
use crate::quota::shape::Shape;

/// The limits that a quota is held to now: those that its policy has by now, or its own if there is no such
/// policy any more.
pub fn in_force<H: Host>(host: &H, quota: &Quota) -> Arc<Shape> {
    let policy = quota.shape().policy().and_then(|name| host.policy(name.as_bytes()));
    policy.unwrap_or_else(|| Arc::clone(quota.shape()))
}
