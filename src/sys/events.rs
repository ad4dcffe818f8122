//! Events of the server that modules hear of.

use std::ffi::c_void;

use redis_module::raw;

use super::api::api;
use super::context::{Context, with_context};
use super::guard::guarded;
use super::{open_keys, other_modules};

/// Something that happened to the server.
#[derive(Clone, Copy)]
pub(crate) enum ServerEvent {
    /// It became a primary or a replica.
    RoleChanged,
    /// A replica came or went.
    ReplicaChanged,
    /// It is about to load a file, or its primary's copy. That replaces all that it holds.
    LoadStarted,
    /// It has loaded the file, or as much of it as it could.
    LoadEnded,
    /// It forked: for a snapshot, a replica's first copy, or an AOF rewrite.
    Forked,
    /// A child that it forked has ended.
    ForkEnded,
    /// This process is a child that was forked to rewrite the AOF, and begins to.
    RewriteStarted,
    /// It started or ended to write another file.
    Saved,
    /// Settings were changed.
    Configured,
    /// All keys of a database are about to be deleted, or of all databases.
    Flushed(Option<i32>),
    /// Two databases have changed places.
    Swapped(i32, i32),
}

impl ServerEvent {
    /// Whether values go, or become those of other keys, without a word about each of them.
    const fn replaces_keys(self) -> bool {
        match self {
            Self::Flushed(_) | Self::Swapped(..) | Self::LoadStarted | Self::LoadEnded => true,
            Self::RoleChanged
            | Self::ReplicaChanged
            | Self::Forked
            | Self::ForkEnded
            | Self::RewriteStarted
            | Self::Saved
            | Self::Configured => false,
        }
    }
}

/// Handles events of the server.
pub(crate) trait EventHandler {
    fn handle(context: &mut Context<'_>, event: ServerEvent);
}

/// Subscribes `H` to all of them.
pub(crate) fn subscribe<H: EventHandler>(context: &Context<'_>) -> bool {
    [
        raw::REDISMODULE_EVENT_REPLICATION_ROLE_CHANGED,
        raw::REDISMODULE_EVENT_REPLICA_CHANGE,
        raw::REDISMODULE_EVENT_LOADING,
        raw::REDISMODULE_EVENT_FORK_CHILD,
        raw::REDISMODULE_EVENT_PERSISTENCE,
        raw::REDISMODULE_EVENT_CONFIG,
        raw::REDISMODULE_EVENT_FLUSHDB,
        raw::REDISMODULE_EVENT_SWAPDB,
        raw::REDISMODULE_EVENT_MODULE_CHANGE,
    ]
    .into_iter()
    .all(|id| {
        let event = raw::RedisModuleEvent { id, dataver: 1 };
        // SAFETY: the context is live (rule 2 of `sys`), and the callback has the type asked for.
        unsafe { api!(RedisModule_SubscribeToServerEvent(context.as_ptr(), event, Some(handle::<H>))) == 0 }
    })
}

unsafe extern "C" fn handle<H: EventHandler>(
    context: *mut raw::RedisModuleCtx,
    event: raw::RedisModuleEvent,
    phase: u64,
    data: *mut c_void,
) {
    // SAFETY: the server passes the data that belongs to the event.
    let Some(event) = (unsafe { read(event, phase, data) }) else { return other_modules::changed() };
    let handle = |context: &mut Context<'_>| {
        if event.replaces_keys() {
            open_keys::all_removed(context.main_thread());
        }
        H::handle(context, event);
    };
    // SAFETY: the server passes a context that lives until this returns.
    unsafe { with_context(context, |context| guarded(|| handle(context), || ())) }
}

/// The event that the server describes so; `None` if a module was loaded or unloaded.
///
/// # Safety
/// The server passed this to a callback that runs now.
unsafe fn read(event: raw::RedisModuleEvent, phase: u64, data: *const c_void) -> Option<ServerEvent> {
    Some(match event.id {
        raw::REDISMODULE_EVENT_MODULE_CHANGE => return None,
        raw::REDISMODULE_EVENT_REPLICATION_ROLE_CHANGED => ServerEvent::RoleChanged,
        raw::REDISMODULE_EVENT_REPLICA_CHANGE => ServerEvent::ReplicaChanged,
        raw::REDISMODULE_EVENT_LOADING => match phase {
            raw::REDISMODULE_SUBEVENT_LOADING_ENDED | raw::REDISMODULE_SUBEVENT_LOADING_FAILED => {
                ServerEvent::LoadEnded
            }
            _ => ServerEvent::LoadStarted, // there is one for each kind of file
        },
        raw::REDISMODULE_EVENT_FORK_CHILD => match phase {
            raw::REDISMODULE_SUBEVENT_FORK_CHILD_BORN => ServerEvent::Forked,
            _ => ServerEvent::ForkEnded,
        },
        raw::REDISMODULE_EVENT_CONFIG => ServerEvent::Configured,
        raw::REDISMODULE_EVENT_FLUSHDB => {
            // SAFETY: with this event the server passes this structure, which lives until the callback returns.
            let db = unsafe { (*data.cast::<raw::RedisModuleFlushInfo>()).dbnum };
            ServerEvent::Flushed((db >= 0).then_some(db))
        }
        raw::REDISMODULE_EVENT_SWAPDB => {
            // SAFETY: as above.
            let swapped = unsafe { &*data.cast::<raw::RedisModuleSwapDbInfo>() };
            ServerEvent::Swapped(swapped.dbnum_first, swapped.dbnum_second)
        }
        _ => match phase {
            raw::REDISMODULE_SUBEVENT_PERSISTENCE_AOF_START => ServerEvent::RewriteStarted,
            _ => ServerEvent::Saved,
        },
    })
}
