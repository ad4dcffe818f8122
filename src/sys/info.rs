//! The module's own sections in `INFO`.

use std::ffi::{CStr, c_int};
use std::marker::PhantomData;
use std::ptr::null;

use redis_module::raw;

use super::api::api;
use super::context::Context;
use super::guard::guarded;

/// A module's answer to `INFO`.
pub(crate) trait Report {
    /// Gives it. In a report of a crash it may find any lock taken, and must not wait for one.
    fn report(info: Info<'_>);
}

/// What is being told to one client.
#[derive(Clone, Copy)]
pub(crate) struct Info<'a> {
    ptr: *mut raw::RedisModuleInfoCtx,
    life: PhantomData<&'a ()>,
}

/// A section of it, in which each field has a line. The server puts the module's name and a `_` before
/// the names of sections and fields.
#[derive(Clone, Copy)]
pub(crate) struct Section<'a>(Info<'a>);

impl<'a> Info<'a> {
    /// A section, or the module's main one without a name; `None` if the client has not asked for it.
    pub(crate) fn section(self, name: Option<&CStr>) -> Option<Section<'a>> {
        // SAFETY: `ptr` is live for 'a; the name is a C string, or null.
        let wanted = unsafe { api!(RedisModule_InfoAddSection(self.ptr, name.map_or(null(), CStr::as_ptr))) };
        (wanted == 0).then_some(Section(self))
    }
}

impl Section<'_> {
    pub(crate) fn number(self, name: &CStr, value: u64) {
        // SAFETY: `ptr` is live for 'a; the name is a C string.
        unsafe {
            api!(RedisModule_InfoAddFieldULongLong(self.0.ptr, name.as_ptr(), value));
        }
    }

    /// A field of several parts: `name:text=…,number=…`.
    pub(crate) fn parts(self, name: &CStr, text: (&CStr, &CStr), number: (&CStr, u64)) {
        // SAFETY: `ptr` is live for 'a; names and text are C strings.
        unsafe {
            api!(RedisModule_InfoBeginDictField(self.0.ptr, name.as_ptr()));
            api!(RedisModule_InfoAddFieldCString(self.0.ptr, text.0.as_ptr(), text.1.as_ptr()));
            self.number(number.0, number.1);
            api!(RedisModule_InfoEndDictField(self.0.ptr));
        }
    }
}

/// Makes `R` the module's answer.
pub(crate) fn register<R: Report>(context: Context<'_>) -> bool {
    // SAFETY: the context is live (rule 2 of `sys`), the callback has the type that is asked for.
    unsafe { api!(RedisModule_RegisterInfoFunc(context.as_ptr(), Some(write::<R>))) == 0 }
}

unsafe extern "C" fn write<R: Report>(ptr: *mut raw::RedisModuleInfoCtx, _for_crash_report: c_int) {
    // The server's pointer is live until this returns, and so no longer than what carries it.
    guarded(|| R::report(Info { ptr, life: PhantomData }), || ());
}
