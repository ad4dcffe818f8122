//! Settings that `CONFIG GET` and `CONFIG SET` know by the name `rl.<name>`.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, Ordering::Relaxed};

use redis_module::raw;

use super::api::api;
use super::args::bytes;
use super::context::Context;
use super::guard::guarded;
use super::main_thread::MainThread;

/// A setting, as text. It keeps its own value.
pub(crate) struct Setting {
    /// Its name after `rl.`.
    pub(crate) name: &'static CStr,
    pub(crate) default: &'static CStr,
    /// Whether it may be set while the server runs.
    pub(crate) at_run_time: bool,
    /// The error for a value that is refused.
    pub(crate) refused: &'static CStr,
    /// Returns its value as text.
    pub(crate) get: fn(MainThread<'_>) -> Vec<u8>,
    /// Sets it. Returns `false` if the value is refused.
    pub(crate) set: fn(MainThread<'_>, &[u8]) -> bool,
    pub(crate) shown: Shown,
}

/// The text that `CONFIG GET` was shown last. It is kept until the next time: the server copies it, and leaves it to the
/// module.
pub(crate) struct Shown(AtomicPtr<raw::RedisModuleString>);

impl Shown {
    pub(crate) const fn new() -> Self {
        Self(AtomicPtr::new(null_mut()))
    }
}

/// Registers a setting. Its value is `initial` unless the configuration file says otherwise.
pub(crate) fn register(context: &Context<'_>, setting: &'static Setting, initial: &CStr) -> bool {
    let flags = match setting.at_run_time {
        true => raw::REDISMODULE_CONFIG_DEFAULT,
        false => raw::REDISMODULE_CONFIG_IMMUTABLE,
    };
    let private = std::ptr::from_ref(setting).cast_mut().cast::<c_void>();
    // SAFETY: the context is live (rule 2 of `sys`) and this runs while the module loads. The server copies the strings. The
    // setting is 'static and is only read through the pointer.
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

/// Sets the registered settings to what the configuration file says.
pub(crate) fn load(context: &mut Context<'_>) -> bool {
    // SAFETY: the context is live (rule 2) and this runs while the module loads, after registering.
    unsafe { api!(RedisModule_LoadConfigs(context.as_ptr())) == 0 }
}

unsafe extern "C" fn get(_: *const c_char, private: *mut c_void) -> *mut raw::RedisModuleString {
    // SAFETY: `private` is the 'static setting that `register` gave.
    let setting = unsafe { &*private.cast_const().cast::<Setting>() };
    // SAFETY: the server calls this on its main thread.
    let main_thread = unsafe { MainThread::assume() };
    let text = guarded(|| (setting.get)(main_thread), Vec::new);
    // SAFETY: with a null context a string belongs to its maker. The one shown before was made here, and the server copied
    // it before it asked again (rule 1).
    unsafe {
        let shown = api!(RedisModule_CreateString(null_mut(), text.as_ptr().cast(), text.len()));
        let before = setting.shown.0.swap(shown, Relaxed);
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
    // SAFETY: the server calls this on its main thread. The value is a live string until this returns.
    let (main_thread, text) = unsafe { (MainThread::assume(), bytes(value)) };
    if guarded(|| (setting.set)(main_thread, text), || false) {
        return 0;
    }
    let why = setting.refused.to_bytes();
    // SAFETY: `error` points to where the server wants a string, which is its own to free.
    unsafe {
        *error = api!(RedisModule_CreateString(null_mut(), why.as_ptr().cast(), why.len()));
    }
    1
}

/// A setting's value as a C string; `None` if it contains a NUL.
pub(crate) fn c_string(value: &[u8]) -> Option<CString> {
    CString::new(value).ok()
}
