//! What is beside the keys, in an AOF that is rewritten as commands.
//!
//! Such a file has a place for keys only. So in the forked process that writes it, and in no other, a
//! key is added whose type is written as whatever commands belong into the file: they are in it from
//! its first moment, whether or not the server has another key, or may write anywhere else. That
//! process has a copy of the keys to itself and ends with the file, so nobody ever sees this one.
//!
//! Where the file begins as an RDB instead, what is beside the keys is written before them, and the
//! key is taken out again then.

use std::ffi::{CStr, c_int, c_void};
use std::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicPtr, Ordering::Relaxed};

use redis_module::raw;

use super::api::api;
use super::context::{Context, strings};
use super::data_type::Registration;
use super::guard::guarded;
use super::random;

/// What rides along.
pub(crate) trait Rider: 'static {
    /// The name of its type: nine characters, as the server wants them.
    const NAME: &'static CStr;
    /// The command that each of its lines is.
    const COMMAND: &'static CStr;

    /// Where the server's handle for the type is kept.
    fn registration() -> &'static Registration;
    /// Gives the words behind the command's name, line by line.
    fn lines(line: impl FnMut(&[Vec<u8>]));
}

/// The key, while it is there.
static KEY: AtomicPtr<raw::RedisModuleKey> = AtomicPtr::new(null_mut());

/// Makes the type of `T`'s key known to the server.
pub(crate) fn register<T: Rider>(context: Context<'_>) -> bool {
    let mut methods = raw::RedisModuleTypeMethods {
        version: 1, // the first that has all of these
        rdb_load: Some(load),
        rdb_save: Some(save),
        aof_rewrite: Some(rewrite::<T>),
        free: Some(free),
        ..NO_METHODS
    };
    // SAFETY: the context is live (rule 2 of `sys`) and this runs while the module loads. The server
    // copies the methods, which match the version they name.
    let kind =
        unsafe { api!(RedisModule_CreateDataType(context.as_ptr(), T::NAME.as_ptr(), 0, &raw mut methods)) };
    T::registration().set(kind);
    !kind.is_null()
}

/// Adds the key, in the process that has just begun to rewrite the AOF.
pub(crate) fn board<T: Rider>(context: Context<'_>) {
    if !context.is_forked() || !KEY.load(Relaxed).is_null() {
        return;
    }
    let name = random::hex::<32>(); // no other key's
    let mode = (raw::REDISMODULE_READ | raw::REDISMODULE_WRITE).cast_signed();
    // SAFETY: the context is live (rule 2). The key belongs to a context of its own, since it outlives
    // this one; neither is ever closed, for the process ends before. The type is known to the server,
    // and its callbacks do not look at the value, which points to nothing.
    unsafe {
        let own = api!(RedisModule_GetDetachedThreadSafeContext(context.as_ptr()));
        let name = api!(RedisModule_CreateString(null_mut(), name.as_ptr().cast(), name.len()));
        let key = api!(RedisModule_OpenKey(own, name, mode)).cast::<raw::RedisModuleKey>();
        let nothing = NonNull::<c_void>::dangling().as_ptr();
        if !key.is_null() {
            api!(RedisModule_ModuleTypeSetValue(key, T::registration().as_ptr(), nothing));
            KEY.store(key, Relaxed);
        }
    }
}

/// Takes the key out again, if it is there.
pub(super) fn leave() {
    let key = KEY.swap(null_mut(), Relaxed);
    if !key.is_null() {
        // SAFETY: the key was opened for writing in this process, and not closed.
        unsafe { api!(RedisModule_DeleteKey(key)) };
    }
}

unsafe extern "C" fn rewrite<T: Rider>(
    io: *mut raw::RedisModuleIO,
    _: *mut raw::RedisModuleString,
    _: *mut c_void,
) {
    let line = |words: &[Vec<u8>]| {
        // SAFETY: `io` is live until this returns; the format promises an array of strings and its
        // length, and that is what follows.
        strings(words, |first, len| unsafe {
            api!(RedisModule_EmitAOF(io, T::COMMAND.as_ptr(), c"v".as_ptr(), first, len));
        });
    };
    guarded(|| T::lines(line), || ());
}

/// No file has such a key, so one that says it does is refused.
unsafe extern "C" fn load(_: *mut raw::RedisModuleIO, _: c_int) -> *mut c_void {
    null_mut()
}

unsafe extern "C" fn save(_: *mut raw::RedisModuleIO, _: *mut c_void) {}

unsafe extern "C" fn free(_: *mut c_void) {}

const NO_METHODS: raw::RedisModuleTypeMethods = raw::RedisModuleTypeMethods {
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
