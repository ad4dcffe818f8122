//! Commands that belong into a rewritten AOF beside its keys.
//!
//! An AOF that is rewritten as commands has a place for keys only. So the forked child that writes it, and no other process,
//! gets one key more: the carrier. Its type is written as whatever commands belong into the file. They are in it from its
//! first moment, whether or not the server holds another key, and nothing else may be written at that point. The child has
//! its own copy of the keys and ends with the file, so nobody ever sees the carrier.
//!
//! If the file begins as an RDB instead, it has auxiliary data for that, and the carrier is removed again.

use std::ffi::{CStr, c_int, c_void};
use std::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicPtr, Ordering::Relaxed};

use redis_module::raw;

use super::api::api;
use super::context::Context;
use super::guard::guarded;
use super::main_thread::MainThread;
use super::strings::with_strings;
use super::type_handle::{NO_METHODS, TypeHandle};
use super::{open_keys, random};

/// Commands for a rewritten AOF.
pub(crate) trait Commands: Sized + 'static {
    /// The name of the carrier's type: nine characters, as the server wants them.
    const TYPE_NAME: &'static CStr;
    /// The name of each command.
    const COMMAND: &'static CStr;

    /// The server's handle for the carrier's type.
    fn handle() -> &'static TypeHandle<Self>;
    /// Passes the words after the name of each command to `command`.
    fn each(main_thread: MainThread<'_>, command: impl FnMut(&[Vec<u8>]));
}

/// The carrier, while it is there.
static CARRIER: AtomicPtr<raw::RedisModuleKey> = AtomicPtr::new(null_mut());

/// Makes the type of the carrier known to the server.
pub(crate) fn register<C: Commands>(context: &Context<'_>) -> bool {
    let mut methods = raw::RedisModuleTypeMethods {
        version: 1, // the first that has all of these
        rdb_load: Some(load),
        rdb_save: Some(save),
        aof_rewrite: Some(rewrite::<C>),
        free: Some(free),
        ..NO_METHODS
    };
    // SAFETY: the context is live (rule 2 of `sys`) and this runs while the module loads. The server copies the methods, which
    // match the version they name.
    let handle = unsafe {
        api!(RedisModule_CreateDataType(context.as_ptr(), C::TYPE_NAME.as_ptr(), 0, &raw mut methods))
    };
    C::handle().set(handle);
    !handle.is_null()
}

/// Adds the carrier, if this process is the child that has just begun to rewrite the AOF.
pub(crate) fn add_carrier<C: Commands>(context: &mut Context<'_>) {
    let handle = C::handle().as_ptr();
    if !context.is_forked() || handle.is_null() || !CARRIER.load(Relaxed).is_null() {
        return;
    }
    let name = random::hex::<32>(context.main_thread()); // no other key has it
    let mode = (raw::REDISMODULE_READ | raw::REDISMODULE_WRITE).cast_signed();
    open_keys::other_code_runs(context.main_thread());
    // SAFETY: the context is live (rule 2). The key outlives it, so it belongs to a context of its own. Neither is ever closed,
    // as the process ends before. The type is known to the server, and its callbacks do not follow the value, which points to
    // nothing.
    unsafe {
        let own = api!(RedisModule_GetDetachedThreadSafeContext(context.as_ptr()));
        let name = api!(RedisModule_CreateString(null_mut(), name.as_ptr().cast(), name.len()));
        let key = api!(RedisModule_OpenKey(own, name, mode)).cast::<raw::RedisModuleKey>();
        let nothing = NonNull::<c_void>::dangling().as_ptr();
        if !key.is_null() {
            api!(RedisModule_ModuleTypeSetValue(key, handle, nothing));
            CARRIER.store(key, Relaxed);
        }
    }
}

/// Removes the carrier, if it is there.
pub(super) fn remove_carrier(_: MainThread<'_>) {
    let key = CARRIER.swap(null_mut(), Relaxed);
    if !key.is_null() {
        // SAFETY: the key was opened for writing in this process, and never closed. Nothing else knows its name.
        unsafe { api!(RedisModule_DeleteKey(key)) };
    }
}

unsafe extern "C" fn rewrite<C: Commands>(
    io: *mut raw::RedisModuleIO,
    _: *mut raw::RedisModuleString,
    _: *mut c_void,
) {
    let emit = |words: &[Vec<u8>]| {
        // SAFETY: `io` is live until this returns. The format promises an array of strings and its length, which follow.
        with_strings(words, |first, len| unsafe {
            api!(RedisModule_EmitAOF(io, C::COMMAND.as_ptr(), c"v".as_ptr(), first, len));
        });
    };
    // SAFETY: this is the only thread of a forked child.
    let main_thread = unsafe { MainThread::assume() };
    guarded(|| C::each(main_thread, emit), || ());
}

/// Refuses a file that has such a key, since none is ever written.
unsafe extern "C" fn load(_: *mut raw::RedisModuleIO, _: c_int) -> *mut c_void {
    null_mut()
}

unsafe extern "C" fn save(_: *mut raw::RedisModuleIO, _: *mut c_void) {}

unsafe extern "C" fn free(_: *mut c_void) {}
