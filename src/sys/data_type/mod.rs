//! A data type of the module's own.
//!
//! | file | what it has |
//! |---|---|
//! | here | how the type is registered |
//! | `value.rs` | what a type's values can do |
//! | `files.rs` | how the server saves and loads them |
//! | `keyspace.rs` | how the server copies, measures, removes and frees them |
//! | `defrag.rs` | how the server moves them in memory |
//!
//! The callbacks that save run in a forked child, too. See `fork_locks.rs` for why no lock can be held there.

mod defrag;
mod files;
mod keyspace;
mod value;

use std::ffi::c_int;

use redis_module::raw;

pub(crate) use self::value::Value;
use super::api::api;
use super::context::Context;
use super::type_handle::NO_METHODS;

/// The version of the interface that Redis 7.2 introduced. An earlier server reads as much of it as it knows.
const METHODS_VERSION: u64 = 5;

/// Where a file has its auxiliary data: `REDISMODULE_AUX_BEFORE_RDB`, as the type that takes it.
const BEFORE_KEYS: c_int = 1;

/// Makes `T` known to the server.
pub(crate) fn register<T: Value>(context: &Context<'_>) -> bool {
    let mut methods = raw::RedisModuleTypeMethods {
        version: METHODS_VERSION,
        rdb_load: Some(files::load::<T>),
        rdb_save: Some(files::save::<T>),
        aof_rewrite: Some(files::rewrite::<T>),
        digest: Some(files::digest::<T>),
        aux_load: Some(files::load_aux::<T>),
        aux_save: Some(files::save_aux::<T>),
        aux_save2: Some(files::save_aux_if_any::<T>),
        aux_save_triggers: BEFORE_KEYS,
        mem_usage: Some(keyspace::memory::<T>),
        free_effort: Some(keyspace::free_effort::<T>),
        free: Some(keyspace::free::<T>),
        unlink2: Some(keyspace::unlink::<T>), // unlike `unlink`, it is told the database
        copy: Some(keyspace::copy::<T>),
        defrag: Some(defrag::defrag::<T>),
        ..NO_METHODS
    };
    // SAFETY: the context is live (rule 2 of `sys`) and this runs while the module loads. The server copies the methods, which
    // match the version they name.
    let handle = unsafe {
        api!(RedisModule_CreateDataType(context.as_ptr(), T::NAME.as_ptr(), T::VERSION, &raw mut methods))
    };
    T::handle().set(handle);
    !handle.is_null()
}
