//! The module's own sections of `INFO`.

use std::ffi::{CStr, c_int};
use std::marker::PhantomData;
use std::ptr::null;

use redis_module::raw;

use super::api::api;
use super::context::Context;
use super::guard::guarded;
use super::main_thread::MainThread;

/// The module's part of `INFO`.
pub(crate) trait Report {
    /// Writes it.
    ///
    /// When the server has crashed, it asks for the report at any point of the code, also in the midst of a change, and on
    /// any of its threads. There is no proof of the main thread then: only atomics may be read.
    fn report(info: Info<'_>, main_thread: Option<MainThread<'_>>);
}

/// `INFO` as it is being written for one client.
#[derive(Clone, Copy)]
pub(crate) struct Info<'a> {
    ptr: *mut raw::RedisModuleInfoCtx,
    life: PhantomData<&'a ()>,
}

/// A section, in which each field has a line. The server puts the module's name and a `_` before the names of sections and
/// fields.
#[derive(Clone, Copy)]
pub(crate) struct Section<'a>(Info<'a>);

impl<'a> Info<'a> {
    /// Begins a section; the module's main one has no name. Returns `None` if the client has not asked for it.
    pub(crate) fn section(self, name: Option<&CStr>) -> Option<Section<'a>> {
        // SAFETY: `ptr` is live for 'a. The name is a C string or null.
        let wanted = unsafe { api!(RedisModule_InfoAddSection(self.ptr, name.map_or(null(), CStr::as_ptr))) };
        (wanted == 0).then_some(Section(self))
    }
}

impl Section<'_> {
    pub(crate) fn number(self, name: &CStr, value: u64) {
        // SAFETY: `ptr` is live for 'a. The name is a C string.
        unsafe {
            api!(RedisModule_InfoAddFieldULongLong(self.0.ptr, name.as_ptr(), value));
        }
    }

    /// A field of several parts: `name:text=…,number=…`.
    pub(crate) fn parts(self, name: &CStr, text: (&CStr, &CStr), number: (&CStr, u64)) {
        // SAFETY: `ptr` is live for 'a. Names and text are C strings.
        unsafe {
            api!(RedisModule_InfoBeginDictField(self.0.ptr, name.as_ptr()));
            api!(RedisModule_InfoAddFieldCString(self.0.ptr, text.0.as_ptr(), text.1.as_ptr()));
            self.number(number.0, number.1);
            api!(RedisModule_InfoEndDictField(self.0.ptr));
        }
    }
}

/// Makes `R` write the module's part.
pub(crate) fn register<R: Report>(context: &Context<'_>) -> bool {
    // SAFETY: the context is live (rule 2 of `sys`), and the callback has the type asked for.
    unsafe { api!(RedisModule_RegisterInfoFunc(context.as_ptr(), Some(write::<R>))) == 0 }
}

unsafe extern "C" fn write<R: Report>(ptr: *mut raw::RedisModuleInfoCtx, for_crash_report: c_int) {
    // SAFETY: unless it has crashed, the server calls this on its main thread.
    let main_thread = (for_crash_report == 0).then(|| unsafe { MainThread::assume() });
    // The pointer is live until this returns, and so is what carries it: no longer.
    guarded(|| R::report(Info { ptr, life: PhantomData }, main_thread), || ());
}
