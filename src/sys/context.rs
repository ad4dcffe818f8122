//! The server's context of one command or callback.
//!
//! A callback gets one [`Context`], by `&mut`, and there is no way to copy it. That is what keeps values sound:
//!
//! * A call in which the server may run other code takes `&mut self`: opening a key, setting its value, running a command.
//!   Other code means another module's handler of a keyspace notification, of a server event or of a command. It may
//!   delete, replace or change any key, also by sending this module's own commands.
//! * So does a call that changes or announces something. None of them runs other code today, but a server might.
//! * A call that takes `&self` runs nothing else.
//! * A value of a key is borrowed from the context, not only from the key (`key.rs`). So the borrow has ended before
//!   other code can run, and no two borrows of one value overlap, however often its key is opened.
//!
//! What a context can do is spread over files by subject: `clock.rs`, `server_state.rs`, `replicate.rs`, `log.rs`,
//! `notify.rs`, `write_refusal.rs`, `user.rs`, `key.rs`, `timer.rs`, `detached_context.rs`.

use std::marker::PhantomData;

use redis_module::raw;

use super::api::api;
use super::main_thread::MainThread;
use super::open_keys;

/// The context of one command or callback.
pub(crate) struct Context<'a> {
    ptr: *mut raw::RedisModuleCtx,
    /// How many keys outer callbacks have open.
    outer_keys: usize,
    life: PhantomData<&'a mut ()>,
}

/// Lends `f` the context of a callback. Keys that `f` forgets instead of dropping them are closed when it returns.
///
/// # Safety
/// `ptr` is the context that the server passed to the callback that runs now, under its global lock. `f` does not unwind.
#[inline(always)]
pub(super) unsafe fn with_context<R>(
    ptr: *mut raw::RedisModuleCtx,
    f: impl FnOnce(&mut Context<'_>) -> R,
) -> R {
    // SAFETY: as the caller promises.
    let main_thread = unsafe { MainThread::assume() };
    let outer_keys = open_keys::count(main_thread);
    let result = f(&mut Context { ptr, outer_keys, life: PhantomData });
    open_keys::close_all_after(main_thread, outer_keys);
    result
}

impl<'a> Context<'a> {
    /// Lends the context for a shorter time, so that keys can be opened whose names do not live as long as the callback.
    #[inline]
    pub(crate) const fn reborrow(&mut self) -> Context<'_> {
        Context { ptr: self.ptr, outer_keys: self.outer_keys, life: PhantomData }
    }

    #[inline]
    pub(super) const fn as_ptr(&self) -> *mut raw::RedisModuleCtx {
        self.ptr
    }

    /// How many keys outer callbacks have open. The callback's own keys come after them.
    #[inline]
    pub(super) const fn outer_keys(&self) -> usize {
        self.outer_keys
    }

    /// Proof that this runs on the main thread.
    #[inline]
    pub(crate) const fn main_thread(&self) -> MainThread<'a> {
        // SAFETY: the context is that of a callback under the server's lock, which lasts for `'a`.
        unsafe { MainThread::assume() }
    }

    /// The number of the selected database.
    pub(crate) fn db(&self) -> i32 {
        // SAFETY: the context is live (rule 2 of `sys`).
        unsafe { api!(RedisModule_GetSelectedDb(self.ptr)) }
    }

    /// Selects another database for the rest of this callback. Returns whether there is one of that number.
    pub(crate) fn select(&mut self, db: i32) -> bool {
        // SAFETY: the context is live (rule 2).
        unsafe { api!(RedisModule_SelectDb(self.ptr, db)) == 0 }
    }

    /// Whether the context has any of `flags`, `REDISMODULE_CTX_FLAGS_*`.
    pub(super) fn has_flags(&self, flags: u32) -> bool {
        // SAFETY: the context is live (rule 2).
        let set = unsafe { api!(RedisModule_GetContextFlags(self.ptr)) };
        set.cast_unsigned() & flags != 0
    }
}
