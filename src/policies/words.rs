//! The command that sets a policy or an override, as replicas and files get it.

use std::ffi::CStr;

use rl_core::quota::policy_entry::PolicyEntry;

/// The name of the command.
pub(crate) const COMMAND: &CStr = c"RL.POLICY";

/// All words of the command that sets a policy, or the limits of one key under it.
pub(crate) fn command(entry: &PolicyEntry) -> Vec<Vec<u8>> {
    std::iter::once(COMMAND.to_bytes().to_vec()).chain(entry.words()).collect()
}
