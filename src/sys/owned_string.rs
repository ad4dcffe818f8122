//! Strings of the server's that outlive the command they came with.

use std::ptr::{NonNull, null_mut};
use std::sync::OnceLock;
use std::thread::{self, ThreadId};

use redis_module::raw;

use super::api::api;
use super::args::{Arg, Args};
use super::context::Context;
use super::main_thread::MainThread;

/// A string of the server's, with one reference of its own.
#[derive(Debug)]
#[repr(transparent)]
pub(crate) struct OwnedString(NonNull<raw::RedisModuleString>);

// SAFETY: the server counts references without atomics, so the count may change on the main thread only. It grows in
// `new`, which takes a context. It falls in `drop`, which leaks the string on any other thread.
unsafe impl Send for OwnedString {}
// SAFETY: a shared `OwnedString` is only read, and its bytes never change.
unsafe impl Sync for OwnedString {}

/// The server's main thread.
static MAIN: OnceLock<ThreadId> = OnceLock::new();

/// Notes which thread is the main one, while the module loads.
pub(super) fn load(_: MainThread<'_>) {
    MAIN.get_or_init(|| thread::current().id());
}

impl OwnedString {
    /// Keeps a word. The server may return another string with the same bytes.
    pub(crate) fn new(_: &Context<'_>, word: Arg<'_>) -> Option<Self> {
        // SAFETY: the word is a live string (rule 2 of `sys`), and this is the main thread. With a null context the
        // reference belongs to the caller, which gives it back once, in `drop`.
        NonNull::new(unsafe { api!(RedisModule_HoldString(null_mut(), word.as_ptr())) }).map(Self)
    }

    /// Takes over a string that the server made for the module.
    ///
    /// # Safety
    /// `string` is live, and its reference is given back nowhere else.
    pub(super) const unsafe fn from_raw(string: NonNull<raw::RedisModuleString>) -> Self {
        Self(string)
    }

    pub(super) const fn as_ptr(&self) -> *mut raw::RedisModuleString {
        self.0.as_ptr()
    }

    /// Strings as the words of a command.
    pub(crate) const fn args(words: &[Self]) -> Args<'_> {
        // SAFETY: an `OwnedString` is nothing but its pointer (`repr(transparent)`). Each string lives for as long as its
        // owner is borrowed.
        unsafe {
            Args::from_words(std::slice::from_raw_parts(
                words.as_ptr().cast::<NonNull<raw::RedisModuleString>>(),
                words.len(),
            ))
        }
    }
}

impl Drop for OwnedString {
    fn drop(&mut self) {
        if MAIN.get().is_some_and(|main| *main == thread::current().id()) {
            // SAFETY: one reference is this one's, and is given back once, on the main thread.
            unsafe { api!(RedisModule_FreeString(null_mut(), self.0.as_ptr())) }
        }
    }
}
