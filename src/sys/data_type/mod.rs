//! A data type of the module's own.
//!
//! | file | what it has |
//! |---|---|
//! | here | what a type's values can do, and how the type is registered |
//! | `files.rs` | how the server saves and loads them |
//! | `keyspace.rs` | how the server copies, measures, removes and frees them |
//! | `defrag.rs` | how the server moves them in memory |
//!
//! The callbacks that save run in a forked child, too. See `fork_locks.rs` for why no lock can be held there.

mod defrag;
mod files;
mod keyspace;

use std::ffi::{CStr, c_int, c_void};

use redis_module::raw;
use rl_core::limit::state::Relocate;

use super::api::api;
use super::context::Context;
use super::main_thread::MainThread;
use super::type_handle::{NO_METHODS, TypeHandle};

/// The version of the interface that Redis 7.2 introduced. An earlier server reads as much of it as it knows.
const METHODS_VERSION: u64 = 5;

/// Where a file has its auxiliary data: `REDISMODULE_AUX_BEFORE_RDB`, as the type that takes it.
const BEFORE_KEYS: c_int = 1;

/// A value of the type. It may be dropped on any thread.
pub(crate) trait Value: Clone + Send + 'static {
    /// Nine characters, as the server wants them.
    const NAME: &'static CStr;
    /// The version of the bytes that [`Value::encode`] and [`Value::encode_aux`] write.
    const VERSION: i32;
    /// The command that rebuilds a key in a rewritten AOF: `REBUILD key REBUILD_AS bytes`.
    const REBUILD: &'static CStr;
    /// The word between the key and the bytes of that command.
    const REBUILD_AS: &'static CStr;

    /// The server's handle for the type.
    fn handle() -> &'static TypeHandle<Self>;
    /// The value as bytes. Equal values give equal bytes.
    fn encode(&self) -> Vec<u8>;
    /// The value of such bytes, of any version up to this one. The bytes may be anything.
    fn decode(bytes: &[u8], version: i32) -> Option<Self>;
    /// Memory that the value takes beside itself, in bytes.
    fn heap_bytes(&self) -> usize;
    /// How many allocations a value is, roughly.
    fn allocations(&self) -> usize;
    /// Moves what it has on the heap.
    fn relocate(&mut self, mover: &mut impl Relocate);

    /// The auxiliary data of a file, before its keys; `None` if there is none.
    fn encode_aux(main_thread: MainThread<'_>) -> Option<Vec<u8>>;
    /// Takes over the auxiliary data of a file. Returns `false` if it is invalid. The bytes may be anything.
    fn decode_aux(main_thread: MainThread<'_>, bytes: &[u8], version: i32) -> bool;

    /// A key no longer has a value of this type: it was deleted, overwritten, renamed or evicted, or it has expired. This is
    /// not called for the keys of a database that is flushed as a whole.
    fn unlinked(main_thread: MainThread<'_>, db: i32, key: &[u8]);
}

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

/// The value behind a pointer that the server passes to a callback of its type.
///
/// # Safety
/// `Box::into_raw` made `value` for this type, and nothing changes it during `'a`.
unsafe fn borrow<'a, T>(value: *const c_void) -> &'a T {
    // SAFETY: as the caller promises.
    unsafe { &*value.cast::<T>() }
}
