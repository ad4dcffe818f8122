//! Words of a command that are kept beyond it.

use std::ptr::{NonNull, null_mut};

use redis_module::raw;

use super::api::api;
use super::context::{Arg, Args};

/// A string of the server's, counted as in use for as long as this lives.
#[derive(Debug)]
#[repr(transparent)]
pub(crate) struct Kept(NonNull<raw::RedisModuleString>);

// SAFETY: made, read and dropped on the main thread alone (rule 1 of `sys`), which the server's counting
// of references needs; it is kept in a static, which asks for this.
unsafe impl Send for Kept {}
// SAFETY: as above.
unsafe impl Sync for Kept {}

impl Kept {
    /// Keeps a word. The server may give another string with the same bytes.
    pub(crate) fn new(word: Arg<'_>) -> Option<Self> {
        // SAFETY: the word is a live string (rule 2). With a null context what is got belongs to its
        // keeper, who frees it once, in `drop`.
        NonNull::new(unsafe { api!(RedisModule_HoldString(null_mut(), word.as_ptr())) }).map(Self)
    }

    /// Takes over a string that was made for the module.
    ///
    /// # Safety
    /// `string` is live, and is freed nowhere else.
    pub(super) unsafe fn from_raw(string: NonNull<raw::RedisModuleString>) -> Self {
        Self(string)
    }

    pub(super) fn as_ptr(&self) -> *mut raw::RedisModuleString {
        self.0.as_ptr()
    }

    /// Kept words as those of a command.
    pub(crate) fn args(words: &[Self]) -> Args<'_> {
        // SAFETY: a `Kept` is nothing but its pointer (`repr(transparent)`), and each string lives for as
        // long as its keeper is borrowed.
        let words = unsafe {
            std::slice::from_raw_parts(words.as_ptr().cast::<NonNull<raw::RedisModuleString>>(), words.len())
        };
        Args::from_words(words)
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        // SAFETY: one reference is this one's, and is given back once.
        unsafe { api!(RedisModule_FreeString(null_mut(), self.0.as_ptr())) }
    }
}
