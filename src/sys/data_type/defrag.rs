//! How active defragmentation moves values in memory.

use std::ffi::{c_int, c_void};

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
    // has a reference to the value: other code runs, so no callback is borrowing one. `DefragAlloc` returns the same bytes at
    // another place and has freed the old one, or it returns null.
    let value = unsafe {
        open_keys::moved(MainThread::assume(), *value);
        let moved = api!(RedisModule_DefragAlloc(context, *value));
        if !moved.is_null() {
            *value = moved;
        }
        &mut *(*value).cast::<T>()
    };
    guarded(|| value.relocate(&mut mover), || ());
    0 // done with this value
}

/// Moves allocations to where the server wants them.
struct Mover(*mut raw::RedisModuleDefragCtx);

impl Relocate for Mover {
    fn boxed<T>(&mut self, value: &mut Box<T>) {
        if size_of::<T>() == 0 {
            return; // no allocation
        }
        let old: *mut T = &raw mut **value;
        // SAFETY: `old` is an allocation of the server's allocator. If it is moved, its memory has been freed, so the old box
        // must not be dropped: the new one is written over it.
        unsafe {
            let moved = api!(RedisModule_DefragAlloc(self.0, old.cast()));
            if !moved.is_null() {
                std::ptr::write(value, Box::from_raw(moved.cast::<T>()));
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
            let moved = api!(RedisModule_DefragAlloc(self.0, old.cast()));
            if !moved.is_null() {
                let moved = std::ptr::slice_from_raw_parts_mut(moved.cast::<T>(), len);
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
            let moved = api!(RedisModule_DefragAlloc(self.0, old.cast()));
            if !moved.is_null() {
                std::ptr::write(value, Vec::from_raw_parts(moved.cast::<u8>(), len, capacity));
            }
        }
    }
}
