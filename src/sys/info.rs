//! The module's own section in `INFO`.

use std::ffi::{CStr, c_int};

use redis_module::raw;

use super::api;
use super::context::Context;
use super::guard::guarded;

/// What fills the section: calls its argument once a field.
pub(crate) type Fill = fn(&mut dyn FnMut(&CStr, u64));

/// A module's answer to `INFO`.
pub(crate) trait Section {
    /// Fills it.
    const FILL: Fill;
}

/// Makes `S` the module's section.
pub(crate) fn register<S: Section>(context: Context<'_>) -> bool {
    // SAFETY: the context is live (rule 2 of `sys`), the callback has the type that is asked for.
    unsafe { api!(RedisModule_RegisterInfoFunc(context.as_ptr(), Some(write::<S>))) == 0 }
}

unsafe extern "C" fn write<S: Section>(info: *mut raw::RedisModuleInfoCtx, _for_crash_report: c_int) {
    // SAFETY: `info` is live until this returns. The section's name is null, which stands for the
    // module's own; where the client has not asked for it, the call says so.
    let wanted = unsafe { api!(RedisModule_InfoAddSection(info, std::ptr::null())) } == 0;
    if wanted {
        guarded(
            || {
                (S::FILL)(&mut |name, value| {
                    // SAFETY: as above; the name is a C string.
                    unsafe {
                        api!(RedisModule_InfoAddFieldULongLong(info, name.as_ptr(), value));
                    }
                });
            },
            || (),
        );
    }
}
