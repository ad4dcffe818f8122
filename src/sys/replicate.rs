//! Tells others of a change: replicas, the AOF, and clients that watch or cache the key.

use std::ffi::{CStr, c_char};

use super::api::api;
use super::args::Arg;
use super::context::Context;
use super::strings::with_strings;

impl Context<'_> {
    /// Sends a command with a key and a payload to replicas and the AOF.
    pub(crate) fn replicate(&mut self, command: &CStr, key: Arg<'_>, payload: &[u8]) {
        // SAFETY: the context is live (rule 2 of `sys`). The format promises a string object, then a pointer and its
        // length, which follow.
        unsafe {
            api!(RedisModule_Replicate(
                self.as_ptr(),
                command.as_ptr(),
                c"sb".as_ptr(),
                key.as_ptr(),
                payload.as_ptr().cast::<c_char>(),
                payload.len(),
            ));
        }
    }

    /// Sends a command of any words to replicas and the AOF.
    pub(crate) fn replicate_words(&mut self, command: &CStr, words: &[Vec<u8>]) {
        let context = self.as_ptr();
        // SAFETY: the context is live (rule 2). The format promises an array of strings and its length, which follow.
        with_strings(words, |first, len| unsafe {
            api!(RedisModule_Replicate(context, command.as_ptr(), c"v".as_ptr(), first, len));
        });
    }

    /// Sends the running command itself to replicas and the AOF.
    pub(crate) fn replicate_verbatim(&mut self) {
        // SAFETY: the context is live (rule 2).
        unsafe {
            api!(RedisModule_ReplicateVerbatim(self.as_ptr()));
        }
    }

    /// Tells clients that watch or cache `key` that it has changed.
    pub(crate) fn signal_modified(&mut self, key: Arg<'_>) {
        // SAFETY: the context and the key are live (rule 2).
        unsafe {
            api!(RedisModule_SignalModifiedKey(self.as_ptr(), key.as_ptr()));
        }
    }
}
