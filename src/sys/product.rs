//! Which server this is, where Redis and Valkey give the same number different meanings.

use std::ffi::c_void;
use std::ptr::null_mut;

use redis_module::raw;

/// Whether the server is Valkey: it has each call of the module interface under a second name of its own.
pub(super) fn is_valkey() -> bool {
    let mut call: *mut c_void = null_mut();
    let place: *mut *mut c_void = &raw mut call;
    // SAFETY: rule 3 of `sys`: every server has this call, with which the others were looked up. It takes a C string and the
    // place of a pointer, which it sets if it knows the name.
    unsafe {
        raw::RedisModule_GetApi
            .is_some_and(|get| get(c"ValkeyModule_SetModuleOptions".as_ptr(), place.cast()) == 0)
    }
}
