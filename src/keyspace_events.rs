//! Keyspace events: `rl.admit`, `rl.deny`, `rl.near`, `rl.settle`, `rl.hold` and `rl.sync`.
//!
//! They tell what this server decided. So each decision has one, also that of a waiter, and a replica, a file that is loaded and
//! `RL.PEEK` have none. Nothing is written for them: a denied request still changes and replicates nothing.
//!
//! Nobody listens on most servers. A request then pays for reading one flag. The flag is what `notify-keyspace-events` says. It
//! is asked for when the module loads, and after each `CONFIG SET`.

use std::ffi::CStr;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use rl_core::grammar::top::Verdict;

use crate::settings;
use crate::sys::args::Arg;
use crate::sys::context::Context;
use crate::sys::events::ServerEvent;

const ADMIT: &CStr = c"rl.admit";
const DENY: &CStr = c"rl.deny";
/// An admission brought what is used of a limit from below `rl.near-percent` to it, or beyond.
const NEAR: &CStr = c"rl.near";
/// A reservation was settled or cancelled.
const SETTLE: &CStr = c"rl.settle";
/// A key was held, or its hold was lifted.
const HOLD: &CStr = c"rl.hold";
/// A key was told how much is left elsewhere.
const SYNC: &CStr = c"rl.sync";

/// Whether clients may get these events.
static WANTED: AtomicBool = AtomicBool::new(false);

/// Whether clients may get events.
#[inline]
pub(crate) fn any() -> bool {
    WANTED.load(Relaxed)
}

/// Asks the server, while the module loads.
pub(crate) fn load(context: &Context<'_>) {
    WANTED.store(context.sends_module_events(), Relaxed);
}

/// Asks again after settings have changed.
pub(crate) fn handle(context: &Context<'_>, event: ServerEvent) {
    match event {
        ServerEvent::Configured => load(context),
        ServerEvent::RoleChanged
        | ServerEvent::ReplicaChanged
        | ServerEvent::LoadStarted
        | ServerEvent::LoadEnded
        | ServerEvent::Forked
        | ServerEvent::ForkEnded
        | ServerEvent::RewriteStarted
        | ServerEvent::Saved
        | ServerEvent::Flushed(_)
        | ServerEvent::Swapped(..)
        | ServerEvent::StagedLoadStarted
        | ServerEvent::StagedLoadAborted
        | ServerEvent::StagedLoadCompleted
        | ServerEvent::SlotsMoved => {}
    }
}

/// Sends the events of a decision for a key. `near` says whether [`reaches_near`] holds for one of its limits.
#[cold]
pub(crate) fn decided(context: &mut Context<'_>, key: Arg<'_>, verdict: Verdict, near: bool) {
    match verdict {
        Verdict::Admitted => {
            context.notify(ADMIT, key);
            if near {
                context.notify(NEAR, key);
            }
        }
        Verdict::Denied => context.notify(DENY, key),
    }
}

/// Sends the event of `RL.HOLD`.
pub(crate) fn held(context: &mut Context<'_>, key: Arg<'_>) {
    send(context, HOLD, key);
}

/// Sends the event of `RL.SYNC`.
pub(crate) fn synced(context: &mut Context<'_>, key: Arg<'_>) {
    send(context, SYNC, key);
}

/// Sends the event of a reservation that has ended by a command.
pub(crate) fn settled(context: &mut Context<'_>, key: Arg<'_>) {
    send(context, SETTLE, key);
}

/// Sends an event, if anybody may get it.
fn send(context: &mut Context<'_>, event: &CStr, key: Arg<'_>) {
    if any() {
        context.notify(event, key);
    }
}

/// Whether an admission that took `taken`, and left `remaining` of `limit`, brought what is used from below `rl.near-percent`
/// to it, or beyond.
pub(crate) fn reaches_near(limit: u64, remaining: u64, taken: u64) -> bool {
    let is_near = |remaining: u64| {
        let used = limit.saturating_sub(remaining);
        used.saturating_mul(100) >= limit.saturating_mul(settings::near_percent())
    };
    is_near(remaining) && !is_near(remaining.saturating_add(taken))
}
