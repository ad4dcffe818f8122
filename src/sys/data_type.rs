//! A data type of the module's own: how the server saves, loads, copies, measures and frees it.

use std::ffi::{CStr, c_int, c_void};
use std::ptr::{NonNull, null_mut};

use redis_module::raw;
use rl_core::limit::state::Relocate;

use super::aof_rider;
use super::api::api;
use super::context::Context;
use super::guard::guarded;

/// The interface with what Redis 7.2 added; an earlier server reads as much of it as it knows.
const METHODS_VERSION: u64 = 5;

/// Where a file has what is beside the keys: `REDISMODULE_AUX_BEFORE_RDB`, as the type that takes it.
const BEFORE_KEYS: c_int = 1;

/// A value of the type. It may be dropped on any thread.
pub(crate) trait Value: Clone + Send + 'static {
    /// Nine characters, as the server wants them.
    const NAME: &'static CStr;
    /// The version of the bytes below.
    const VERSION: i32;
    /// The command that rebuilds a key in a rewritten AOF: `REBUILD key REBUILD_AS bytes`.
    const REBUILD: &'static CStr;
    /// See [`Value::REBUILD`].
    const REBUILD_AS: &'static CStr;

    /// Where the server's handle for the type is kept.
    fn registration() -> &'static Registration;
    /// All of it as bytes; equal values give equal bytes.
    fn encode(&self) -> Vec<u8>;
    /// A value from such bytes, of any version up to this one. They may be anything.
    fn decode(bytes: &[u8], version: i32) -> Option<Self>;
    /// Memory beside the value itself.
    fn heap_bytes(&self) -> usize;
    /// How many allocations a value is, roughly.
    fn allocations(&self) -> usize;
    /// Moves what it has on the heap.
    fn relocate(&mut self, mover: &mut impl Relocate);

    /// What a file has beside the keys, and before them, as bytes; `None` if there is nothing.
    fn encode_beside() -> Option<Vec<u8>>;
    /// Takes such bytes, in place of what there is; `false` if they are not sound. They may be anything.
    fn decode_beside(bytes: &[u8], version: i32) -> bool;

    /// A key that held such a value holds it no more: it was deleted, has expired, was overwritten,
    /// renamed or evicted. Of a database that is flushed as a whole nothing is told here.
    fn unlinked(db: i32, key: &[u8]);
}

/// The server's handle for a type, there once the module has loaded.
pub(crate) struct Registration(std::sync::atomic::AtomicPtr<raw::RedisModuleType>);

impl Registration {
    pub(crate) const fn new() -> Self {
        Self(std::sync::atomic::AtomicPtr::new(null_mut()))
    }

    pub(super) fn set(&self, kind: *mut raw::RedisModuleType) {
        self.0.store(kind, std::sync::atomic::Ordering::Relaxed);
    }

    pub(crate) fn as_ptr(&self) -> *mut raw::RedisModuleType {
        self.0.load(std::sync::atomic::Ordering::Relaxed)
    }
}

/// Makes `T` known to the server.
pub(crate) fn register<T: Value>(context: Context<'_>) -> bool {
    let mut methods = raw::RedisModuleTypeMethods {
        version: METHODS_VERSION,
        rdb_load: Some(load::<T>),
        rdb_save: Some(save::<T>),
        aof_rewrite: Some(rewrite::<T>),
        mem_usage: Some(memory::<T>),
        digest: Some(digest::<T>),
        free: Some(free::<T>),
        aux_load: Some(load_beside::<T>),
        aux_save: Some(save_beside::<T>),
        aux_save_triggers: BEFORE_KEYS,
        free_effort: Some(free_effort::<T>),
        unlink: None, // the one below knows the database, too
        copy: Some(copy::<T>),
        defrag: Some(defrag::<T>),
        mem_usage2: None,
        free_effort2: None,
        unlink2: Some(unlink::<T>),
        copy2: None,
        aux_save2: Some(save_beside_if_any::<T>),
    };
    // SAFETY: the context is live (rule 2 of `sys`) and this runs while the module loads. The server
    // copies the methods, which match the version they name.
    let kind = unsafe {
        api!(RedisModule_CreateDataType(context.as_ptr(), T::NAME.as_ptr(), T::VERSION, &raw mut methods))
    };
    T::registration().set(kind);
    !kind.is_null()
}

/// The value behind a pointer that the server gives to a callback of its type.
///
/// # Safety
/// `value` was made by `Box::into_raw` for this type, and nothing changes it during `'a`.
unsafe fn borrow<'a, T>(value: *const c_void) -> &'a T {
    // SAFETY: as the caller promises.
    unsafe { &*value.cast::<T>() }
}

unsafe extern "C" fn save<T: Value>(io: *mut raw::RedisModuleIO, value: *mut c_void) {
    // SAFETY: the server gives a value of this type, and runs nothing else, or a forked child's own copy.
    let bytes = guarded(|| unsafe { borrow::<T>(value) }.encode(), Vec::new);
    // SAFETY: `io` is live until this returns.
    unsafe { write(io, &bytes) }
}

/// Writes the next string of a file.
///
/// # Safety
/// `io` is live.
unsafe fn write(io: *mut raw::RedisModuleIO, bytes: &[u8]) {
    // SAFETY: as the caller promises; the bytes are copied.
    unsafe { api!(RedisModule_SaveStringBuffer(io, bytes.as_ptr().cast(), bytes.len())) }
}

unsafe extern "C" fn load<T: Value>(io: *mut raw::RedisModuleIO, version: c_int) -> *mut c_void {
    // SAFETY: `io` is live until this returns.
    let value = unsafe { read(io, |bytes| T::decode(bytes, version)) };
    value.map_or(null_mut(), |value| Box::into_raw(Box::new(value)).cast())
}

/// What `decode` makes of the next string of a file; `None` if there is none to read.
///
/// # Safety
/// `io` is live.
unsafe fn read<R>(io: *mut raw::RedisModuleIO, decode: impl FnOnce(&[u8]) -> Option<R>) -> Option<R> {
    let mut len = 0;
    // SAFETY: as the caller promises. On a short read the call gives null, since the module has said
    // that it handles I/O errors; else a buffer of `len` bytes that is now the module's.
    let buffer = NonNull::new(unsafe { api!(RedisModule_LoadStringBuffer(io, &raw mut len)) })?;
    // SAFETY: as above; it is freed only after it has been read.
    let bytes = unsafe { std::slice::from_raw_parts(buffer.as_ptr().cast::<u8>(), len) };
    let value = guarded(|| decode(bytes), || None);
    // SAFETY: the buffer came from the server's allocator and is used no more.
    unsafe { api!(RedisModule_Free(buffer.as_ptr().cast())) }
    value
}

/// What is beside the keys, as this file has it.
fn beside<T: Value>() -> Option<Vec<u8>> {
    aof_rider::leave();
    guarded(T::encode_beside, || None)
}

/// Saves what is beside the keys on a server before 7.2, whose file has a place for it in any case.
unsafe extern "C" fn save_beside<T: Value>(io: *mut raw::RedisModuleIO, _when: c_int) {
    // SAFETY: `io` is live until this returns.
    unsafe { write(io, &beside::<T>().unwrap_or_default()) }
}

/// The same on a later one, whose file has a place for it only if something is written: so a file
/// with nothing of the module's in it can be loaded without the module.
unsafe extern "C" fn save_beside_if_any<T: Value>(io: *mut raw::RedisModuleIO, _when: c_int) {
    if let Some(bytes) = beside::<T>() {
        // SAFETY: as above.
        unsafe { write(io, &bytes) }
    }
}

unsafe extern "C" fn load_beside<T: Value>(
    io: *mut raw::RedisModuleIO,
    version: c_int,
    _when: c_int,
) -> c_int {
    let sound = |bytes: &[u8]| Some(bytes.is_empty() || T::decode_beside(bytes, version));
    // SAFETY: `io` is live until this returns.
    let sound = unsafe { read(io, sound) }.unwrap_or(false);
    c_int::from(!sound)
}

unsafe extern "C" fn rewrite<T: Value>(
    io: *mut raw::RedisModuleIO,
    key: *mut raw::RedisModuleString,
    value: *mut c_void,
) {
    // SAFETY: as in `save`.
    let bytes = guarded(|| unsafe { borrow::<T>(value) }.encode(), Vec::new);
    // SAFETY: `io` and `key` are live until this returns; the format promises a string object, a C
    // string, then a pointer and its length, and that is what follows.
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

unsafe extern "C" fn memory<T: Value>(value: *const c_void) -> usize {
    // SAFETY: as in `save`.
    guarded(|| size_of::<T>().saturating_add(unsafe { borrow::<T>(value) }.heap_bytes()), || size_of::<T>())
}

unsafe extern "C" fn digest<T: Value>(digest: *mut raw::RedisModuleDigest, value: *mut c_void) {
    // SAFETY: as in `save`.
    let bytes = guarded(|| unsafe { borrow::<T>(value) }.encode(), Vec::new);
    // SAFETY: `digest` is live until this returns; the bytes are only read.
    unsafe {
        api!(RedisModule_DigestAddStringBuffer(digest, bytes.as_ptr().cast(), bytes.len()));
        api!(RedisModule_DigestEndSequence(digest));
    }
}

unsafe extern "C" fn free<T: Value>(value: *mut c_void) {
    // SAFETY: the server gives up a value of this type that `Box::into_raw` made, once; on a background
    // thread maybe, which a `Send` value allows.
    guarded(|| drop(unsafe { Box::from_raw(value.cast::<T>()) }), || ());
}

unsafe extern "C" fn unlink<T: Value>(context: *mut raw::RedisModuleKeyOptCtx, _: *const c_void) {
    // SAFETY: the context is live until this returns, and so is the key's name, of which the call gives
    // the first byte, never null, and the length.
    let (db, key) = unsafe {
        let mut len = 0;
        let name = api!(RedisModule_GetKeyNameFromOptCtx(context));
        let first = api!(RedisModule_StringPtrLen(name, &raw mut len));
        let key = std::slice::from_raw_parts(first.cast::<u8>(), len);
        (api!(RedisModule_GetDbIdFromOptCtx(context)), key)
    };
    guarded(|| T::unlinked(db, key), || ());
}

unsafe extern "C" fn free_effort<T: Value>(_: *mut raw::RedisModuleString, value: *const c_void) -> usize {
    // SAFETY: as in `save`.
    guarded(|| unsafe { borrow::<T>(value) }.allocations(), || 1)
}

unsafe extern "C" fn copy<T: Value>(
    _: *mut raw::RedisModuleString,
    _: *mut raw::RedisModuleString,
    value: *const c_void,
) -> *mut c_void {
    // SAFETY: as in `save`.
    let copy = guarded(|| Some(unsafe { borrow::<T>(value) }.clone()), || None);
    copy.map_or(null_mut(), |copy| Box::into_raw(Box::new(copy)).cast())
}

unsafe extern "C" fn defrag<T: Value>(
    context: *mut raw::RedisModuleDefragCtx,
    _: *mut raw::RedisModuleString,
    value: *mut *mut c_void,
) -> c_int {
    let mut mover = Mover(context);
    // SAFETY: the server gives the place where it keeps a value of this type, and runs nothing else.
    // What `DefragAlloc` returns is the same bytes elsewhere, the old place being freed.
    let value = unsafe {
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
        // SAFETY: `old` is an allocation of the server's allocator. If it is moved, the old box must not
        // be dropped, since its memory is freed already, so the new one is written over it.
        unsafe {
            let moved = api!(RedisModule_DefragAlloc(self.0, old.cast()));
            if !moved.is_null() {
                std::ptr::write(value, Box::from_raw(moved.cast::<T>()));
            }
        }
    }

    fn buffer(&mut self, value: &mut Vec<u8>) {
        if value.capacity() == 0 {
            return; // no allocation
        }
        let (old, len, capacity) = (value.as_mut_ptr(), value.len(), value.capacity());
        // SAFETY: as in `boxed`; length and capacity go with the bytes.
        unsafe {
            let moved = api!(RedisModule_DefragAlloc(self.0, old.cast()));
            if !moved.is_null() {
                std::ptr::write(value, Vec::from_raw_parts(moved.cast::<u8>(), len, capacity));
            }
        }
    }
}
