//! What the server is and may do right now.

use std::ptr::{NonNull, null_mut};

use redis_module::raw;

use super::api::api;
use super::context::Context;
use super::events::may_stream_slots;

impl Context<'_> {
    /// Whether the command is part of a transaction or a script.
    pub(super) fn in_transaction(&self) -> bool {
        self.has_flags(raw::REDISMODULE_CTX_FLAGS_MULTI | raw::REDISMODULE_CTX_FLAGS_LUA)
    }

    /// Whether commands are written to an AOF, or may be streamed to another node of a cluster without an event before it.
    pub(crate) fn has_aof_or_streams_slots(&self) -> bool {
        self.has_flags(raw::REDISMODULE_CTX_FLAGS_AOF) || self.has_cluster() && may_stream_slots()
    }

    /// Whether the server is part of a cluster.
    pub(super) fn has_cluster(&self) -> bool {
        self.has_flags(raw::REDISMODULE_CTX_FLAGS_CLUSTER)
    }

    /// Whether the server is a replica.
    ///
    /// A replica in a cluster that has just started knows its primary only from the cluster's own file. It starts to
    /// follow the primary a moment later.
    pub(crate) fn is_replica(&self) -> bool {
        self.has_flags(raw::REDISMODULE_CTX_FLAGS_SLAVE) || self.is_replica_in_cluster()
    }

    fn is_replica_in_cluster(&self) -> bool {
        const LEN: usize = raw::REDISMODULE_NODE_ID_LEN as usize;
        let (mut id, mut flags) = ([0_u8; LEN + 1], 0);
        // SAFETY: the context is live (rule 2 of `sys`). Outside a cluster the first call returns null. In one it returns
        // the node's name, LEN characters without a NUL. They are copied in front of a NUL, since the second call reads a
        // C string. It writes nothing but the flags: null stands for each part that is not wanted.
        unsafe {
            let Some(name) = NonNull::new(api!(RedisModule_GetMyClusterID()).cast_mut()) else {
                return false;
            };
            name.cast::<u8>().copy_to_nonoverlapping(NonNull::from(&mut id).cast(), LEN);
            let (id, none) = (id.as_ptr().cast(), null_mut());
            api!(RedisModule_GetClusterNodeInfo(self.as_ptr(), id, none, none, null_mut(), &raw mut flags));
        }
        flags.cast_unsigned() & raw::REDISMODULE_NODE_SLAVE != 0
    }

    /// Whether the command comes from a file or from this replica's primary, where it was allowed.
    pub(crate) fn is_repeating(&self) -> bool {
        self.has_flags(raw::REDISMODULE_CTX_FLAGS_LOADING | raw::REDISMODULE_CTX_FLAGS_REPLICATED)
    }

    /// Whether the command comes from the AOF that the server loads.
    pub(crate) fn is_loading_aof(&self) -> bool {
        const CLIENT_ID_AOF: u64 = u64::MAX; // of the server: the id of the client that runs the commands of an AOF
        // SAFETY: the context is live (rule 2 of `sys`).
        let id = unsafe { api!(RedisModule_GetClientId(self.as_ptr())) };
        id == CLIENT_ID_AOF && self.has_flags(raw::REDISMODULE_CTX_FLAGS_LOADING)
    }

    /// Whether the command comes from this replica's primary, or from the AOF that the server loads.
    pub(crate) fn is_obeying(&self) -> bool {
        self.has_flags(raw::REDISMODULE_CTX_FLAGS_REPLICATED) || self.is_loading_aof()
    }

    /// Ends the server at once, as the server itself does if it cannot load its data. The reason should be in the log.
    #[expect(clippy::unused_self, reason = "the context proves the main thread")]
    pub(crate) fn end_server(&self) -> ! {
        std::process::exit(1)
    }

    /// Whether this process is a child that the server forked, with a copy of all its memory.
    pub(super) fn is_forked(&self) -> bool {
        self.has_flags(raw::REDISMODULE_CTX_FLAGS_IS_CHILD)
    }

    /// Whether the caller of the command does not wait for a blocked client: a transaction, a script, or a client that
    /// the server marks so.
    pub(super) fn denies_blocking(&self) -> bool {
        self.in_transaction() || self.has_flags(raw::REDISMODULE_CTX_FLAGS_DENY_BLOCKING)
    }

    /// Whether something may be written to replicas and the AOF outside of a command. While clients are paused it must
    /// not be: the server would end itself.
    #[expect(clippy::unused_self, reason = "the context proves the main thread")]
    pub(crate) fn may_replicate(&self) -> bool {
        // SAFETY: the call takes nothing and reads the server's state, on the main thread.
        unsafe { api!(RedisModule_AvoidReplicaTraffic()) == 0 }
    }

    /// Whether memory is used up, and the server evicts nothing to free some.
    pub(crate) fn is_out_of_memory(&self) -> bool {
        self.has_flags(raw::REDISMODULE_CTX_FLAGS_OOM) && !self.has_flags(raw::REDISMODULE_CTX_FLAGS_EVICT)
    }
}
