//! The function that the server looks for when it loads the module.

use std::ffi::{CStr, c_int};

use redis_module::raw;

use super::alloc::{ServerAlloc, is_aligned};
use super::api::{api, is_complete};
use super::args::Args;
use super::context::{Context, with_context};
use super::guard::guarded;
use super::log::Level;
use super::product::is_valkey;
use super::{fork_locks, other_modules, owned_string};

#[global_allocator]
static ALLOCATOR: ServerAlloc = ServerAlloc;

const NAME: &CStr = c"rl";
const API: c_int = 1;

/// The version as `MODULE LIST` shows it: 100 for 0.1.0.
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
    // SAFETY: the server calls this once, with a live context, before anything else here runs. This call fills in the function
    // pointers that everything else relies on.
    if unsafe { raw::Export_RedisModule_Init(ctx, NAME.as_ptr(), VERSION, API) } != 0 {
        return 1;
    }
    // SAFETY: the arguments live until this returns.
    let args = unsafe { Args::new(argv, argc) };
    // SAFETY: the context lives until this returns.
    let loaded = unsafe { with_context(ctx, |context| guarded(|| load(context, args), || false)) };
    c_int::from(!loaded)
}

/// `VALKEYMODULE_OPTIONS_HANDLE_ATOMIC_SLOT_MIGRATION` of `valkeymodule.h`, from Valkey 9.0 on.
const HANDLE_ATOMIC_SLOT_MIGRATION: u32 = 1 << 5;

/// What the module says it can handle. `docs/DESIGN.md` lists how it does.
///
/// * A short read is an error of that load instead of the end of the server.
/// * A key that was opened for writing is not announced as changed unless it was.
/// * A replica may load its primary's copy while it still answers from what it held before.
/// * On Valkey, slots may move as a whole.
fn options() -> u32 {
    let options = raw::REDISMODULE_OPTIONS_HANDLE_IO_ERRORS
        | raw::REDISMODULE_OPTION_NO_IMPLICIT_SIGNAL_MODIFIED
        | raw::REDISMODULE_OPTIONS_HANDLE_REPL_ASYNC_LOAD;
    // SAFETY: rule 3 of `sys`: the call exists from 7.2 on, and is asked for here. It takes nothing.
    let known = unsafe { raw::RedisModule_GetModuleOptionsAll.map_or(0, |all| all()) }.cast_unsigned();
    let more = if is_valkey() { known & HANDLE_ATOMIC_SLOT_MIGRATION } else { 0 };
    options | more
}

/// Loads the module, if the server is one that it can run on.
fn load(context: &mut Context<'_>, args: Args<'_>) -> bool {
    if !is_complete() {
        // SAFETY: as in `is_complete`. The log is the only call that is made in any case, if it is there.
        if unsafe { raw::RedisModule_Log }.is_some() {
            context.log(
                Level::Warning,
                c"redis-rl needs Redis 7.0 or later, or Valkey 8.0 or later: not loaded",
            );
        }
        return false;
    }
    if !is_aligned() {
        context.log(
            Level::Warning,
            c"redis-rl: the server's memory allocator does not align to 16 bytes: not loaded",
        );
        return false;
    }
    // SAFETY: the context is live.
    unsafe { api!(RedisModule_SetModuleOptions(context.as_ptr(), options().cast_signed())) }
    if !fork_locks::load(context.main_thread()) {
        return false;
    }
    owned_string::load(context.main_thread());
    other_modules::load(context);
    crate::load(context, args)
}
