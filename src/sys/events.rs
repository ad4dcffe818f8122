//! Events of the server that modules hear of.

use std::ffi::c_void;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use redis_module::raw;

use super::api::api;
use super::context::{Context, with_context};
use super::guard::guarded;
use super::product::is_valkey;
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
    /// It is about to load its primary's copy beside what it holds. [`Self::LoadStarted`] and [`Self::LoadEnded`] follow, and
    /// one of the next two comes between them or after them.
    StagedLoadStarted,
    /// What it has loaded beside is discarded.
    StagedLoadAborted,
    /// What it has loaded beside has just replaced all that it held.
    StagedLoadCompleted,
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
    /// Slots of the cluster are moving to or from this node, or have moved.
    SlotsMoved,
}

impl ServerEvent {
    /// Whether values go, or become those of other keys, without a word about each of them.
    const fn replaces_keys(self) -> bool {
        match self {
            Self::Flushed(_)
            | Self::Swapped(..)
            | Self::LoadStarted
            | Self::LoadEnded
            | Self::StagedLoadCompleted
            | Self::SlotsMoved => true,
            Self::RoleChanged
            | Self::ReplicaChanged
            | Self::StagedLoadStarted
            | Self::StagedLoadAborted
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

/// `VALKEYMODULE_EVENT_ATOMIC_SLOT_MIGRATION` of `valkeymodule.h`, from Valkey 9.0 on.
const VALKEY_SLOT_MIGRATION: &[u64] = &[19];
/// Redis has these from 8.4 on. To Valkey, the first is another event.
const REDIS_SLOT_MIGRATION: &[u64] =
    &[raw::REDISMODULE_EVENT_CLUSTER_SLOT_MIGRATION, raw::REDISMODULE_EVENT_CLUSTER_SLOT_MIGRATION_TRIM];

/// Whether the server may move slots by a stream of what changes in them. Others move one key after the other.
static STREAMS_SLOTS: AtomicBool = AtomicBool::new(true);

/// Whether a node of a cluster may move slots by a stream of what changes in them.
pub(super) fn may_stream_slots() -> bool {
    STREAMS_SLOTS.load(Relaxed)
}

/// Subscribes `H` to all of them.
pub(crate) fn subscribe<H: EventHandler>(context: &Context<'_>) -> bool {
    let subscribe = |id| {
        let event = raw::RedisModuleEvent { id, dataver: 1 };
        // SAFETY: the context is live (rule 2 of `sys`), and the callback has the type asked for.
        unsafe { api!(RedisModule_SubscribeToServerEvent(context.as_ptr(), event, Some(handle::<H>))) == 0 }
    };
    // An earlier server refuses these, and never moves slots in this way.
    let of_slots = if is_valkey() { VALKEY_SLOT_MIGRATION } else { REDIS_SLOT_MIGRATION };
    let known = of_slots.iter().filter(|id| subscribe(**id)).count();
    STREAMS_SLOTS.store(known > 0, Relaxed);
    [
        raw::REDISMODULE_EVENT_REPLICATION_ROLE_CHANGED,
        raw::REDISMODULE_EVENT_REPLICA_CHANGE,
        raw::REDISMODULE_EVENT_LOADING,
        raw::REDISMODULE_EVENT_REPL_ASYNC_LOAD,
        raw::REDISMODULE_EVENT_FORK_CHILD,
        raw::REDISMODULE_EVENT_PERSISTENCE,
        raw::REDISMODULE_EVENT_CONFIG,
        raw::REDISMODULE_EVENT_FLUSHDB,
        raw::REDISMODULE_EVENT_SWAPDB,
        raw::REDISMODULE_EVENT_MODULE_CHANGE,
    ]
    .into_iter()
    .all(subscribe)
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
        raw::REDISMODULE_EVENT_REPL_ASYNC_LOAD => match phase {
            raw::REDISMODULE_SUBEVENT_REPL_ASYNC_LOAD_STARTED => ServerEvent::StagedLoadStarted,
            raw::REDISMODULE_SUBEVENT_REPL_ASYNC_LOAD_COMPLETED => ServerEvent::StagedLoadCompleted,
            _ => ServerEvent::StagedLoadAborted,
        },
        raw::REDISMODULE_EVENT_CLUSTER_SLOT_MIGRATION
        | raw::REDISMODULE_EVENT_CLUSTER_SLOT_MIGRATION_TRIM => ServerEvent::SlotsMoved, // Valkey's is one of the two
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
