//! Whether another module is loaded, whose code the server may run in the midst of this one's.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use redis_module::raw;

use super::api::api;
use super::context::Context;
use super::open_keys;

/// Whether one is, or has been since this module was loaded.
static LOADED: AtomicBool = AtomicBool::new(true);

/// Asks the server, while the module loads.
pub(super) fn load(context: &mut Context<'_>) {
    open_keys::other_code_runs(context.main_thread());
    // SAFETY: the context is live (rule 2 of `sys`). The format promises one C string, which follows. The reply may be null
    // and is freed once.
    let others = unsafe {
        let list =
            api!(RedisModule_Call(context.as_ptr(), c"MODULE".as_ptr(), c"c".as_ptr(), c"LIST".as_ptr()));
        if list.is_null() {
            return;
        }
        let is_list = raw::REDISMODULE_REPLY_ARRAY == api!(RedisModule_CallReplyType(list)) as isize;
        let others = !is_list || api!(RedisModule_CallReplyLength(list)) > 0; // this one is not in it yet
        api!(RedisModule_FreeCallReply(list));
        others
    };
    LOADED.store(others, Relaxed);
}

/// Notes that another module was loaded or unloaded.
pub(super) fn changed() {
    LOADED.store(true, Relaxed);
}

#[inline]
pub(super) fn are_loaded() -> bool {
    LOADED.load(Relaxed)
}
