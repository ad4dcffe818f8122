//! The command that sets a policy or an override, as replicas and files get it.

use std::ffi::CStr;

use rl_core::quota::policy_entry::words;
use rl_core::quota::shape::Shape;

/// The name of the command.
pub(crate) const COMMAND: &CStr = c"RL.POLICY";

/// All words of the command that sets a policy to these limits, or those of one key under it.
pub(crate) fn command(key: Option<&[u8]>, shape: &Shape) -> Vec<Vec<u8>> {
    std::iter::once(COMMAND.to_bytes().to_vec()).chain(words(key, shape)).collect()
}
