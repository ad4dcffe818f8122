//! The server's handle for a data type of the module's.

use std::marker::PhantomData;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, Ordering::Relaxed};

use redis_module::raw;

/// The handle of the type whose values are `T`. It is null until the module has loaded.
///
/// The parameter keeps one type's handle from being used for another: a value behind it is a `T` in any case.
pub(crate) struct TypeHandle<T>(AtomicPtr<raw::RedisModuleType>, PhantomData<fn() -> T>);

impl<T> TypeHandle<T> {
    pub(crate) const fn new() -> Self {
        Self(AtomicPtr::new(null_mut()), PhantomData)
    }

    pub(super) fn set(&self, handle: *mut raw::RedisModuleType) {
        self.0.store(handle, Relaxed);
    }

    pub(super) fn as_ptr(&self) -> *mut raw::RedisModuleType {
        self.0.load(Relaxed)
    }
}

/// No callback at all, as a base for a type that needs only some.
pub(super) const NO_METHODS: raw::RedisModuleTypeMethods = raw::RedisModuleTypeMethods {
    version: 0,
    rdb_load: None,
    rdb_save: None,
    aof_rewrite: None,
    mem_usage: None,
    digest: None,
    free: None,
    aux_load: None,
    aux_save: None,
    aux_save_triggers: 0,
    free_effort: None,
    unlink: None,
    copy: None,
    defrag: None,
    mem_usage2: None,
    free_effort2: None,
    unlink2: None,
    copy2: None,
    aux_save2: None,
};
