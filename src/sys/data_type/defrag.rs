//! How active defragmentation moves values in memory.

use std::ffi::{c_int, c_void};
use std::ptr::NonNull;

use redis_module::raw;
use rl_core::limit::state::Relocate;

use super::value::Value;
use crate::sys::api::api;
use crate::sys::guard::guarded;
use crate::sys::main_thread::MainThread;
use crate::sys::open_keys;

pub(super) unsafe extern "C" fn defrag<T: Value>(
    context: *mut raw::RedisModuleDefragCtx,
    _: *mut raw::RedisModuleString,
    value: *mut *mut c_void,
) -> c_int {
    let mut mover = Mover(context);
    // SAFETY: the server defragments on its main thread. It passes the place where it keeps a value of this type, and nothing
    // has a reference to the value: other code runs, so no callback is borrowing one.
    let value = unsafe {
        open_keys::moved(MainThread::assume(), *value);
        if let Some(moved) = mover.moved(*value) {
            *value = moved.as_ptr();
        }
        &mut *(*value).cast::<T>()
    };
    guarded(|| value.relocate(&mut mover), || ());
    0 // done with this value
}

/// Moves allocations to where the server wants them.
struct Mover(*mut raw::RedisModuleDefragCtx);

impl Mover {
    /// Moves an allocation. Returns where it is now, with the same bytes, or `None` if it has stayed. If it was moved, its old
    /// memory has been freed.
    ///
    /// # Safety
    /// `old` is an allocation of the server's allocator. If it is moved, nobody uses or frees it at its old place.
    unsafe fn moved<T>(&self, old: *mut T) -> Option<NonNull<T>> {
        // SAFETY: as the caller promises. The context is live: it is that of the callback.
        NonNull::new(unsafe { api!(RedisModule_DefragAlloc(self.0, old.cast())) }.cast())
    }
}

impl Relocate for Mover {
    fn boxed<T>(&mut self, value: &mut Box<T>) {
        if size_of::<T>() == 0 {
            return; // no allocation
        }
        // SAFETY: a box is an allocation of the server's allocator. If it is moved, the old box is not dropped: the new one is
        // written over it.
        unsafe {
            if let Some(moved) = self.moved(&raw mut **value) {
                std::ptr::write(value, Box::from_raw(moved.as_ptr()));
            }
        }
    }

    fn slice<T>(&mut self, values: &mut Box<[T]>) {
        if size_of_val(&**values) == 0 {
            return; // no allocation
        }
        let (old, len) = (values.as_mut_ptr(), values.len());
        // SAFETY: as in `boxed`. The length stays the same.
        unsafe {
            if let Some(moved) = self.moved(old) {
                let moved = std::ptr::slice_from_raw_parts_mut(moved.as_ptr(), len);
                std::ptr::write(values, Box::from_raw(moved));
            }
        }
    }

    fn buffer(&mut self, value: &mut Vec<u8>) {
        if value.capacity() == 0 {
            return; // no allocation
        }
        let (old, len, capacity) = (value.as_mut_ptr(), value.len(), value.capacity());
        // SAFETY: as in `boxed`. Length and capacity stay the same.
        unsafe {
            if let Some(moved) = self.moved(old) {
                std::ptr::write(value, Vec::from_raw_parts(moved.as_ptr(), len, capacity));
            }
        }
    }
}
