//! The two functions that the server looks for in the file.

use std::ffi::{CStr, c_int};

use redis_module::raw;

use super::alloc::{ServerAlloc, is_aligned};
use super::api::{api, is_complete};
use super::context::{Args, Context, Level};
use super::guard::guarded;

#[global_allocator]
static ALLOCATOR: ServerAlloc = ServerAlloc;

const NAME: &CStr = c"rl";
const API: c_int = 1;

/// The version, 0.1.0 as 000100, as `MODULE LIST` shows it.
const VERSION: c_int = version(env!("CARGO_PKG_VERSION_MAJOR"))
    .saturating_mul(10_000)
    .saturating_add(version(env!("CARGO_PKG_VERSION_MINOR")).saturating_mul(100))
    .saturating_add(version(env!("CARGO_PKG_VERSION_PATCH")));

const fn version(digits: &str) -> c_int {
    match c_int::from_str_radix(digits, 10) {
        Ok(number) => number,
        Err(_) => 0,
    }
}

#[allow(non_snake_case)] // the server's name for it
#[unsafe(no_mangle)]
unsafe extern "C" fn RedisModule_OnLoad(
    ctx: *mut raw::RedisModuleCtx,
    argv: *mut *mut raw::RedisModuleString,
    argc: c_int,
) -> c_int {
    // SAFETY: the server calls this once, with a live context, before anything else here runs; this
    // fills in the function pointers that everything else relies on.
    if unsafe { raw::Export_RedisModule_Init(ctx, NAME.as_ptr(), VERSION, API) } != 0 {
        return 1;
    }
    // SAFETY: the context and the arguments live until this returns.
    let (context, args) = unsafe { (Context::new(ctx), Args::new(argv, argc)) };
    if !is_complete() {
        // SAFETY: as in `is_complete`; the log is the only call that is made all the same, if it is there.
        if unsafe { raw::RedisModule_Log }.is_some() {
            context.log(
                Level::Warning,
                c"redis-rl needs Redis 7.0 or later, or Valkey 8.0 or later: not loaded",
            );
        }
        return 1;
    }
    if !is_aligned() {
        context.log(
            Level::Warning,
            c"redis-rl: the server's memory allocator does not align to 16 bytes: not loaded",
        );
        return 1;
    }
    // A short read becomes an error of that load, not the end of the server; and a key that was opened
    // for writing and then left alone is not announced as changed.
    let options =
        raw::REDISMODULE_OPTIONS_HANDLE_IO_ERRORS | raw::REDISMODULE_OPTION_NO_IMPLICIT_SIGNAL_MODIFIED;
    // SAFETY: the context is live.
    unsafe { api!(RedisModule_SetModuleOptions(ctx, options.cast_signed())) }
    let loaded = guarded(|| crate::load(context, args), || false);
    c_int::from(!loaded)
}
