//! Limits that the server keeps under a name, so that operators change them without changing a client.
//!
//! The server's functions are the model: policies are replicated and kept in files, but are not keys.
//!
//! | file | what it has |
//! |---|---|
//! | `store.rs` | the policies that the server holds, with their overrides |
//! | `words.rs` | the command that sets one, or an override |
//! | `file.rs` | reads the operator's file of policies |
//! | `load.rs` | reads that file again |
//! | `start.rs` | takes the file's policies over when the server starts |
//! | `rewrite.rs` | writes policies into a rewritten AOF |

mod file;
mod load;
mod rewrite;
mod start;
mod store;
mod words;

pub(crate) use file::{ARGUMENT, read_file};
pub(crate) use load::load;
pub(crate) use start::start;
pub(crate) use store::{
    Kept, PoliciesChanged, encode, in_force, remove, remove_override, restore, set, version, with,
};
pub(crate) use words::{COMMAND, command};

use crate::sys::context::Context;
use crate::sys::events::ServerEvent;

/// Registers what files need, while the module loads. `changed` is called after a policy or an override was set or removed.
pub(crate) fn register(context: &Context<'_>, changed: PoliciesChanged) -> bool {
    store::on_change(changed);
    rewrite::register(context)
}

/// Handles an event of the server.
pub(crate) fn handle(context: &mut Context<'_>, event: ServerEvent) {
    match event {
        // What it loads replaces everything, also if the file has no policies.
        ServerEvent::LoadStarted => store::clear(context.main_thread()),
        ServerEvent::LoadEnded => start::overlay(context),
        ServerEvent::StagedLoadStarted => store::stage(context.main_thread()),
        ServerEvent::StagedLoadAborted => store::discard_staged(context.main_thread()),
        ServerEvent::StagedLoadCompleted => store::take_staged(context.main_thread()),
        ServerEvent::RewriteStarted => rewrite::started(context),
        ServerEvent::RoleChanged
        | ServerEvent::ReplicaChanged
        | ServerEvent::Forked
        | ServerEvent::ForkEnded
        | ServerEvent::Saved
        | ServerEvent::Configured
        | ServerEvent::Flushed(_)
        | ServerEvent::Swapped(..)
        | ServerEvent::SlotsMoved => {}
    }
}
