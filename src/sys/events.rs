//! What the server tells modules of itself.

use std::ffi::{CStr, c_int, c_void};

use redis_module::raw;

use super::api::api;
use super::context::Context;
use super::guard::guarded;

/// Something that happened to the server.
#[derive(Clone, Copy)]
pub(crate) enum Event {
    /// It became a primary or a replica.
    RoleChanged,
    /// A replica came or went.
    ReplicaChanged,
    /// It is about to load a file, or its primary's copy, in place of all that it holds.
    LoadStarted,
    /// It has loaded it, or as much of it as could be.
    LoadEnded,
    /// It forked: for a snapshot, a replica's first copy, or an AOF rewrite.
    Forked,
    /// What it had forked has ended.
    ForkEnded,
    /// This process was forked from it to rewrite the AOF, and begins to.
    Rewriting,
    /// It started or ended to write a file itself.
    Saved,
    /// Settings were changed.
    Configured,
    /// All keys of a database are gone, or of all databases.
    Flushed(Option<i32>),
    /// Two databases have changed places.
    Swapped(i32, i32),
}

/// What is called when one happens.
pub(crate) trait Listener {
    /// Hears of it.
    fn hear(context: Context<'_>, event: Event);
}

/// Makes `L` hear of all of them.
pub(crate) fn subscribe<L: Listener>(context: Context<'_>) -> bool {
    [
        raw::REDISMODULE_EVENT_REPLICATION_ROLE_CHANGED,
        raw::REDISMODULE_EVENT_REPLICA_CHANGE,
        raw::REDISMODULE_EVENT_LOADING,
        raw::REDISMODULE_EVENT_FORK_CHILD,
        raw::REDISMODULE_EVENT_PERSISTENCE,
        raw::REDISMODULE_EVENT_CONFIG,
        raw::REDISMODULE_EVENT_FLUSHDB,
        raw::REDISMODULE_EVENT_SWAPDB,
    ]
    .into_iter()
    .all(|id| {
        let event = raw::RedisModuleEvent { id, dataver: 1 };
        // SAFETY: the context is live (rule 2 of `sys`), the callback has the type that is asked for.
        unsafe { api!(RedisModule_SubscribeToServerEvent(context.as_ptr(), event, Some(hear::<L>))) == 0 }
    })
}

unsafe extern "C" fn hear<L: Listener>(
    context: *mut raw::RedisModuleCtx,
    event: raw::RedisModuleEvent,
    phase: u64,
    data: *mut c_void,
) {
    // SAFETY: the server passes a context that lives until this returns.
    let context = unsafe { Context::new(context) };
    let event = match event.id {
        raw::REDISMODULE_EVENT_REPLICATION_ROLE_CHANGED => Event::RoleChanged,
        raw::REDISMODULE_EVENT_REPLICA_CHANGE => Event::ReplicaChanged,
        raw::REDISMODULE_EVENT_LOADING => match phase {
            raw::REDISMODULE_SUBEVENT_LOADING_ENDED | raw::REDISMODULE_SUBEVENT_LOADING_FAILED => {
                Event::LoadEnded
            }
            _ => Event::LoadStarted, // there is one for each kind of file
        },
        raw::REDISMODULE_EVENT_FORK_CHILD => match phase {
            raw::REDISMODULE_SUBEVENT_FORK_CHILD_BORN => Event::Forked,
            _ => Event::ForkEnded,
        },
        raw::REDISMODULE_EVENT_CONFIG => Event::Configured,
        raw::REDISMODULE_EVENT_FLUSHDB => {
            // SAFETY: with this event the server passes this, which lives until this returns.
            let db = unsafe { (*data.cast::<raw::RedisModuleFlushInfo>()).dbnum };
            Event::Flushed((db >= 0).then_some(db))
        }
        raw::REDISMODULE_EVENT_SWAPDB => {
            // SAFETY: as above.
            let swapped = unsafe { &*data.cast::<raw::RedisModuleSwapDbInfo>() };
            Event::Swapped(swapped.dbnum_first, swapped.dbnum_second)
        }
        _ => match phase {
            raw::REDISMODULE_SUBEVENT_PERSISTENCE_AOF_START => Event::Rewriting,
            _ => Event::Saved,
        },
    };
    guarded(|| L::hear(context, event), || ());
}

/// Reads integers from sections of `INFO`; `None` for a field that is not there.
pub(crate) fn server_info<const N: usize>(
    context: Context<'_>,
    section: &CStr,
    fields: [&CStr; N],
) -> [Option<i64>; N] {
    // SAFETY: the context is live (rule 2), the names are C strings, and what is got is freed once,
    // after the last field has been read from it.
    unsafe {
        let info = api!(RedisModule_GetServerInfo(context.as_ptr(), section.as_ptr()));
        let values = fields.map(|field| {
            let mut failed: c_int = 0;
            let value = api!(RedisModule_ServerInfoGetFieldSigned(info, field.as_ptr(), &raw mut failed));
            (failed == 0).then_some(value)
        });
        api!(RedisModule_FreeServerInfo(context.as_ptr(), info));
        values
    }
}
