//! The command that sets a policy, as replicas and files get it.

use std::ffi::CStr;

use rl_core::quota::shape::Shape;

/// The name of the command.
pub(crate) const COMMAND: &CStr = c"RL.POLICY";

/// All words of the command that sets a policy to these limits.
pub(crate) fn command(shape: &Shape) -> Vec<Vec<u8>> {
    std::iter::once(COMMAND.to_bytes().to_vec()).chain(set(shape)).collect()
}

/// The words after the name that set a policy to these limits.
pub(super) fn set(shape: &Shape) -> Vec<Vec<u8>> {
    let name = shape.policy().map(|name| name.as_bytes().to_vec());
    [b"SET".to_vec()].into_iter().chain(name).chain(shape.words()).collect()
}
