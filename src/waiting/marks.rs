//! What marks a line, so that it is served.

use rl_core::time::Span;

use super::room::{any, with};
use crate::sys::args::Arg;
use crate::sys::context::Context;
use crate::sys::events::ServerEvent;
use crate::sys::main_thread::MainThread;

/// Marks the line of a key: something has happened that may admit a waiter.
pub(crate) fn changed(context: &Context<'_>, key: Arg<'_>) {
    if any() {
        with(context.main_thread(), |room| room.lines.mark(context.db(), key.bytes()));
    }
}

/// Marks the line of a key that no longer has a value of this module.
pub(crate) fn unlinked(main_thread: MainThread<'_>, db: i32, key: &[u8]) {
    if any() {
        with(main_thread, |room| room.lines.mark(db, key));
    }
}

/// Marks all lines: a policy has changed.
pub(crate) fn policies_changed(main_thread: MainThread<'_>) {
    if any() {
        with(main_thread, |room| room.lines.mark_all(None));
    }
}

/// Sets the time in which a waiter rises one lane, if it does.
pub(crate) fn set_aging(main_thread: MainThread<'_>, aging: Option<Span>) {
    with(main_thread, |room| room.lines.set_aging(aging));
}

/// Marks the lines that an event of the server is about.
pub(crate) fn hear(main_thread: MainThread<'_>, event: ServerEvent) {
    if !any() {
        return;
    }
    match event {
        ServerEvent::Flushed(db) => with(main_thread, |room| room.lines.mark_all(db)),
        ServerEvent::Swapped(first, second) => with(main_thread, |room| {
            room.lines.mark_all(Some(first));
            room.lines.mark_all(Some(second));
        }),
        ServerEvent::LoadEnded
        | ServerEvent::RoleChanged
        | ServerEvent::StagedLoadCompleted
        | ServerEvent::SlotsMoved => with(main_thread, |room| room.lines.mark_all(None)),
        ServerEvent::ReplicaChanged
        | ServerEvent::LoadStarted
        | ServerEvent::StagedLoadStarted
        | ServerEvent::StagedLoadAborted
        | ServerEvent::Forked
        | ServerEvent::ForkEnded
        | ServerEvent::RewriteStarted
        | ServerEvent::Saved
        | ServerEvent::Configured => {}
    }
}
