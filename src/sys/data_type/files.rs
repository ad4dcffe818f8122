//! How the server saves and loads values: RDB files, `DUMP` and `RESTORE`, rewritten AOF files, digests.

use std::ffi::{c_int, c_void};
use std::ptr::{NonNull, null_mut};

use redis_module::raw;

use super::value::{Value, borrow};
use crate::sys::aof_rewrite;
use crate::sys::api::api;
use crate::sys::guard::guarded;
use crate::sys::main_thread::MainThread;

pub(super) unsafe extern "C" fn save<T: Value>(io: *mut raw::RedisModuleIO, value: *mut c_void) {
    // SAFETY: the server passes a value of this type. Nothing changes it meanwhile: the server runs nothing else, or this is a
    // forked child with a copy of its own.
    let bytes = guarded(|| unsafe { borrow::<T>(value) }.encode(), Vec::new);
    // SAFETY: `io` is live until this returns.
    unsafe { write(io, &bytes) }
}

/// Writes the next string of a file.
///
/// # Safety
/// `io` is live.
unsafe fn write(io: *mut raw::RedisModuleIO, bytes: &[u8]) {
    // SAFETY: as the caller promises. The bytes are copied.
    unsafe { api!(RedisModule_SaveStringBuffer(io, bytes.as_ptr().cast(), bytes.len())) }
}

pub(super) unsafe extern "C" fn load<T: Value>(io: *mut raw::RedisModuleIO, version: c_int) -> *mut c_void {
    // SAFETY: `io` is live until this returns.
    let value = unsafe { read(io, |bytes| T::decode(bytes, version)) };
    value.map_or(null_mut(), |value| Box::into_raw(Box::new(value)).cast())
}

/// Reads the next string of a file and decodes it. Returns `None` if there is none to read.
///
/// # Safety
/// `io` is live.
unsafe fn read<R>(io: *mut raw::RedisModuleIO, decode: impl FnOnce(&[u8]) -> Option<R>) -> Option<R> {
    let mut len = 0;
    // SAFETY: as the caller promises. On a short read the call returns null, since the module has said that it handles I/O
    // errors. Otherwise it returns a buffer of `len` bytes that is now the module's.
    let buffer = NonNull::new(unsafe { api!(RedisModule_LoadStringBuffer(io, &raw mut len)) })?;
    // SAFETY: as above. The buffer is freed only after it has been read.
    let bytes = unsafe { std::slice::from_raw_parts(buffer.as_ptr().cast::<u8>(), len) };
    let value = guarded(|| decode(bytes), || None);
    // SAFETY: the buffer came from the server's allocator and is used no more.
    unsafe { api!(RedisModule_Free(buffer.as_ptr().cast())) }
    value
}

/// The auxiliary data of the file that is being written.
fn aux<T: Value>() -> Option<Vec<u8>> {
    // SAFETY: the server saves on its main thread, or in a forked child.
    let main_thread = unsafe { MainThread::assume() };
    aof_rewrite::remove_carrier(main_thread);
    guarded(|| T::encode_aux(main_thread), || None)
}

/// Saves the auxiliary data on a server before 7.2, whose file always has a place for it.
pub(super) unsafe extern "C" fn save_aux<T: Value>(io: *mut raw::RedisModuleIO, _when: c_int) {
    // SAFETY: `io` is live until this returns.
    unsafe { write(io, &aux::<T>().unwrap_or_default()) }
}

/// Saves it on a later server, whose file has a place for it only if something is written. So a file that holds nothing of
/// the module's can be loaded without the module.
pub(super) unsafe extern "C" fn save_aux_if_any<T: Value>(io: *mut raw::RedisModuleIO, _when: c_int) {
    if let Some(bytes) = aux::<T>() {
        // SAFETY: as above.
        unsafe { write(io, &bytes) }
    }
}

pub(super) unsafe extern "C" fn load_aux<T: Value>(
    io: *mut raw::RedisModuleIO,
    version: c_int,
    _when: c_int,
) -> c_int {
    // SAFETY: the server loads files on its main thread.
    let main_thread = unsafe { MainThread::assume() };
    let take = |bytes: &[u8]| Some(bytes.is_empty() || T::decode_aux(main_thread, bytes, version));
    // SAFETY: `io` is live until this returns.
    let valid = unsafe { read(io, take) }.unwrap_or(false);
    c_int::from(!valid)
}

pub(super) unsafe extern "C" fn rewrite<T: Value>(
    io: *mut raw::RedisModuleIO,
    key: *mut raw::RedisModuleString,
    value: *mut c_void,
) {
    // SAFETY: as in `save`.
    let bytes = guarded(|| unsafe { borrow::<T>(value) }.encode(), Vec::new);
    // SAFETY: `io` and `key` are live until this returns. The format promises a string object, a C string, then a pointer and
    // its length, which follow.
    unsafe {
        api!(RedisModule_EmitAOF(
            io,
            T::REBUILD.as_ptr(),
            c"scb".as_ptr(),
            key,
            T::REBUILD_AS.as_ptr(),
            bytes.as_ptr(),
            bytes.len(),
        ));
    }
}

pub(super) unsafe extern "C" fn digest<T: Value>(digest: *mut raw::RedisModuleDigest, value: *mut c_void) {
    // SAFETY: as in `save`.
    let bytes = guarded(|| unsafe { borrow::<T>(value) }.encode(), Vec::new);
    // SAFETY: `digest` is live until this returns. The bytes are only read.
    unsafe {
        api!(RedisModule_DigestAddStringBuffer(digest, bytes.as_ptr().cast(), bytes.len()));
        api!(RedisModule_DigestEndSequence(digest));
    }
}
