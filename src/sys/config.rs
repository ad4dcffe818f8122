//! Settings that `CONFIG GET` and `CONFIG SET` know by the name `rl.<name>`.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, Ordering::Relaxed};

use redis_module::raw;

use super::api::api;
use super::context::Context;
use super::guard::guarded;

/// One setting, as text. It keeps its own value.
pub(crate) struct Setting {
    /// Its name after `rl.`.
    pub(crate) name: &'static CStr,
    /// What it is when nobody sets it.
    pub(crate) default: &'static CStr,
    /// Whether it may be set while the server runs.
    pub(crate) at_run_time: bool,
    /// What is wrong with a value that is refused.
    pub(crate) refused: &'static CStr,
    /// Its value as text.
    pub(crate) get: fn() -> Vec<u8>,
    /// Takes a value; `false` refuses it.
    pub(crate) set: fn(&[u8]) -> bool,
    /// The text that `CONFIG GET` was last shown, kept until the next: the server copies it and
    /// leaves it to the module.
    pub(crate) shown: AtomicPtr<raw::RedisModuleString>,
}

/// Registers a setting whose value, where the configuration file says nothing, is `initial`.
pub(crate) fn register(context: Context<'_>, setting: &'static Setting, initial: &CStr) -> bool {
    let flags = match setting.at_run_time {
        true => raw::REDISMODULE_CONFIG_DEFAULT,
        false => raw::REDISMODULE_CONFIG_IMMUTABLE,
    };
    let private = std::ptr::from_ref(setting).cast_mut().cast::<c_void>();
    // SAFETY: the context is live (rule 2 of `sys`) and this runs while the module loads; the server
    // copies the strings; the setting is 'static and is only read through the pointer.
    unsafe {
        api!(RedisModule_RegisterStringConfig(
            context.as_ptr(),
            setting.name.as_ptr(),
            initial.as_ptr(),
            flags,
            Some(get),
            Some(set),
            None,
            private,
        )) == 0
    }
}

/// Takes over what the configuration file has said of the registered settings.
pub(crate) fn load(context: Context<'_>) -> bool {
    // SAFETY: the context is live (rule 2) and this runs while the module loads, after registering.
    unsafe { api!(RedisModule_LoadConfigs(context.as_ptr())) == 0 }
}

unsafe extern "C" fn get(_: *const c_char, private: *mut c_void) -> *mut raw::RedisModuleString {
    // SAFETY: `private` is the 'static setting that `register` gave.
    let setting = unsafe { &*private.cast_const().cast::<Setting>() };
    let text = guarded(setting.get, Vec::new);
    // SAFETY: with a null context a string belongs to its maker. The one shown before was made here
    // and nobody else has it: the server copied it before it asked again (rule 1).
    unsafe {
        let shown = api!(RedisModule_CreateString(null_mut(), text.as_ptr().cast(), text.len()));
        let before = setting.shown.swap(shown, Relaxed);
        if !before.is_null() {
            api!(RedisModule_FreeString(null_mut(), before));
        }
        shown
    }
}

unsafe extern "C" fn set(
    _: *const c_char,
    value: *mut raw::RedisModuleString,
    private: *mut c_void,
    error: *mut *mut raw::RedisModuleString,
) -> c_int {
    // SAFETY: `private` is the 'static setting that `register` gave.
    let setting = unsafe { &*private.cast_const().cast::<Setting>() };
    let mut len = 0;
    // SAFETY: the value is a live string; its bytes are read before this returns.
    let text = unsafe {
        let first = api!(RedisModule_StringPtrLen(value, &raw mut len));
        std::slice::from_raw_parts(first.cast::<u8>(), len)
    };
    if guarded(|| (setting.set)(text), || false) {
        return 0;
    }
    let why = setting.refused.to_bytes();
    // SAFETY: `error` points to where the server wants a string of its own, which it frees.
    unsafe {
        *error = api!(RedisModule_CreateString(null_mut(), why.as_ptr().cast(), why.len()));
    }
    1
}

/// A setting's value as a C string; `None` where it contains a NUL.
pub(crate) fn c_string(value: &[u8]) -> Option<CString> {
    CString::new(value).ok()
}
