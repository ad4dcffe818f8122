//! The words of a command, still owned by the server.

use std::ffi::c_int;
use std::marker::PhantomData;
use std::ptr::NonNull;

use redis_module::raw;
use rl_core::grammar::Words;

use super::api::api;

/// The words of a command. The first is its name.
#[derive(Clone, Copy)]
pub(crate) struct Args<'a> {
    words: &'a [NonNull<raw::RedisModuleString>],
}

/// One word.
#[derive(Clone, Copy)]
pub(crate) struct Arg<'a> {
    ptr: NonNull<raw::RedisModuleString>,
    life: PhantomData<&'a ()>,
}

impl<'a> Args<'a> {
    /// # Safety
    /// `argv` points to `argc` strings that the server keeps alive and unchanged for `'a`, or is null.
    pub(super) unsafe fn new(argv: *mut *mut raw::RedisModuleString, argc: c_int) -> Self {
        if argv.is_null() {
            return Self { words: &[] }; // a module that is loaded without arguments
        }
        let count = usize::try_from(argc).unwrap_or(0);
        // SAFETY: as the caller promises. The server passes no null among them, so each is a `NonNull`.
        let words =
            unsafe { std::slice::from_raw_parts(argv.cast::<NonNull<raw::RedisModuleString>>(), count) };
        Self { words }
    }

    /// # Safety
    /// Each of `words` is a live string that does not change for `'a`.
    pub(super) const unsafe fn from_words(words: &'a [NonNull<raw::RedisModuleString>]) -> Self {
        Self { words }
    }

    /// The words as the server takes them, and their number.
    pub(super) fn as_raw(self) -> (*mut *mut raw::RedisModuleString, c_int) {
        (self.words.as_ptr().cast_mut().cast(), c_int::try_from(self.words.len()).unwrap_or(0))
    }

    pub(crate) const fn len(self) -> usize {
        self.words.len()
    }

    pub(crate) fn get(self, index: usize) -> Option<Arg<'a>> {
        self.words.get(index).map(|ptr| Arg { ptr: *ptr, life: PhantomData })
    }
}

impl Words for Args<'_> {
    fn word(&self, index: usize) -> Option<&[u8]> {
        self.get(index).map(Arg::bytes)
    }

    fn count(&self) -> usize {
        self.words.len()
    }
}

impl<'a> Arg<'a> {
    pub(super) const fn as_ptr(self) -> *mut raw::RedisModuleString {
        self.ptr.as_ptr()
    }

    /// Its bytes, which may be any bytes.
    pub(crate) fn bytes(self) -> &'a [u8] {
        // SAFETY: the string lives and stays as it is for `'a`: whoever made the `Args` has promised so.
        unsafe { bytes(self.as_ptr()) }
    }
}

/// The bytes of a string of the server's.
///
/// # Safety
/// The string lives and does not change for `'a`.
pub(super) unsafe fn bytes<'a>(string: *const raw::RedisModuleString) -> &'a [u8] {
    let mut len = 0;
    // SAFETY: as the caller promises. The call returns the first byte, never null, and sets the length.
    unsafe {
        let first = api!(RedisModule_StringPtrLen(string, &raw mut len));
        std::slice::from_raw_parts(first.cast::<u8>(), len)
    }
}
