//! How the server copies, measures, removes and frees values.

use std::ffi::c_void;
use std::ptr::null_mut;

use redis_module::raw;

use super::value::{Value, borrow};
use crate::sys::api::api;
use crate::sys::args::bytes;
use crate::sys::guard::guarded;
use crate::sys::main_thread::MainThread;
use crate::sys::open_keys;

pub(super) unsafe extern "C" fn memory<T: Value>(value: *const c_void) -> usize {
    // SAFETY: the server passes a value of this type and runs nothing else meanwhile.
    guarded(|| size_of::<T>().saturating_add(unsafe { borrow::<T>(value) }.heap_bytes()), || size_of::<T>())
}

pub(super) unsafe extern "C" fn free_effort<T: Value>(
    _: *mut raw::RedisModuleString,
    value: *const c_void,
) -> usize {
    // SAFETY: as in `memory`.
    guarded(|| unsafe { borrow::<T>(value) }.allocations(), || 1)
}

pub(super) unsafe extern "C" fn free<T: Value>(value: *mut c_void) {
    // SAFETY: the server gives up a value of this type that `Box::into_raw` made, once. It may do so on a background thread,
    // which a `Send` value allows. No key that is open has it: those were told when it was removed.
    guarded(|| drop(unsafe { Box::from_raw(value.cast::<T>()) }), || ());
}

/// Comes before the value is freed, always on the main thread.
pub(super) unsafe extern "C" fn unlink<T: Value>(
    context: *mut raw::RedisModuleKeyOptCtx,
    value: *const c_void,
) {
    // SAFETY: the server calls this on its main thread. The context, and so the key's name, live until this returns.
    let (main_thread, db, key) = unsafe {
        let key = bytes(api!(RedisModule_GetKeyNameFromOptCtx(context)));
        (MainThread::assume(), api!(RedisModule_GetDbIdFromOptCtx(context)), key)
    };
    open_keys::removed(main_thread, value);
    guarded(|| T::unlinked(main_thread, db, key), || ());
}

pub(super) unsafe extern "C" fn copy<T: Value>(
    _: *mut raw::RedisModuleString,
    _: *mut raw::RedisModuleString,
    value: *const c_void,
) -> *mut c_void {
    // SAFETY: as in `memory`.
    let copy = guarded(|| Some(unsafe { borrow::<T>(value) }.clone()), || None);
    copy.map_or(null_mut(), |copy| Box::into_raw(Box::new(copy)).cast())
}
