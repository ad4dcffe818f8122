//! How the server saves and loads values: RDB files, `DUMP` and `RESTORE`, rewritten AOF files, digests.

use std::ffi::{c_int, c_void};
use std::ptr::{NonNull, null_mut};

use redis_module::raw;

use super::value::{Value, borrow};
use crate::sys::aof_rewrite;
use crate::sys::api::api;
use crate::sys::args::bytes;
use crate::sys::guard::guarded;
use crate::sys::log::printable;
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
    unsafe {
        match read(io, |bytes| T::decode(bytes, version)) {
            Ok(value) => Box::into_raw(Box::new(value)).cast(),
            Err(why) => {
                report::<T>(io, b"the value of a key", version, why);
                null_mut()
            }
        }
    }
}

/// Why something in a file cannot be used.
#[derive(Clone, Copy)]
enum Unreadable {
    /// The file ends too early, or cannot be read.
    CutOff,
    /// The bytes are none that this module writes.
    Invalid,
}

/// Logs why `what` cannot be used: loudly while a file is loaded, else only at the level `verbose`, since any client may
/// send any bytes to `RESTORE`.
///
/// # Safety
/// `io` is live.
unsafe fn report<T: Value>(io: *mut raw::RedisModuleIO, what: &[u8], version: c_int, why: Unreadable) {
    let why: &[u8] = match why {
        Unreadable::CutOff => b"is cut off",
        Unreadable::Invalid if version != T::VERSION => b"has an unknown version, perhaps of a newer module",
        Unreadable::Invalid => b"is damaged",
    };
    // SAFETY: as the caller promises. The name of the key, if there is one, lives as long as `io`. The format takes one C
    // string, which follows.
    unsafe {
        let flags = api!(RedisModule_GetContextFlags(api!(RedisModule_GetContextFromIO(io))));
        let is_loading = flags.cast_unsigned() & raw::REDISMODULE_CTX_FLAGS_LOADING != 0;
        let level = if is_loading { c"warning" } else { c"verbose" };
        let name = api!(RedisModule_GetKeyNameFromIO(io));
        let (of, name): (&[u8], _) = if name.is_null() { (b"", &b""[..]) } else { (b", of ", bytes(name)) };
        let line = printable(&[b"redis-rl: ", what, b" ", why, of, name].concat());
        api!(RedisModule_LogIOError(io, level.as_ptr(), c"%s".as_ptr(), line.as_ptr()));
    }
}

/// Reads the next string of a file and decodes it.
///
/// # Safety
/// `io` is live.
unsafe fn read<R>(
    io: *mut raw::RedisModuleIO,
    decode: impl FnOnce(&[u8]) -> Option<R>,
) -> Result<R, Unreadable> {
    let mut len = 0;
    // SAFETY: as the caller promises. On a short read the call returns null, since the module has said that it handles I/O
    // errors. Otherwise it returns a buffer of `len` bytes that is now the module's.
    let buffer = NonNull::new(unsafe { api!(RedisModule_LoadStringBuffer(io, &raw mut len)) });
    let buffer = buffer.ok_or(Unreadable::CutOff)?;
    // SAFETY: as above. The buffer is freed only after it has been read.
    let bytes = unsafe { std::slice::from_raw_parts(buffer.as_ptr().cast::<u8>(), len) };
    let value = guarded(|| decode(bytes), || None);
    // SAFETY: the buffer came from the server's allocator and is used no more.
    unsafe { api!(RedisModule_Free(buffer.as_ptr().cast())) }
    value.ok_or(Unreadable::Invalid)
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
    let take = |bytes: &[u8]| (bytes.is_empty() || T::decode_aux(main_thread, bytes, version)).then_some(());
    // SAFETY: `io` is live until this returns.
    unsafe {
        let taken = read(io, take);
        if let Err(why) = taken {
            report::<T>(io, T::AUX, version, why);
        }
        c_int::from(taken.is_err())
    }
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
