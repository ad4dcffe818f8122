//! Replies that allocate nothing, and none that carries a client's bytes back.

use std::ffi::{CStr, c_int, c_long};

use rl_core::fault::Fault;

use super::api::api;
use super::context::Context;

/// What the server wants a command's function to return once a reply is sent.
pub(crate) const SENT: c_int = 0;

/// Sends the parts of a reply, in order.
#[derive(Clone, Copy)]
pub(crate) struct Reply<'a>(Context<'a>);

impl<'a> Reply<'a> {
    pub(crate) fn to(context: Context<'a>) -> Self {
        Self(context)
    }

    pub(crate) fn integer(self, value: i64) -> Self {
        // SAFETY: the context is live (rule 2 of `sys`).
        unsafe {
            api!(RedisModule_ReplyWithLongLong(self.0.as_ptr(), value));
        }
        self
    }

    /// A count, which is at most 2^53 - 1 wherever one is answered.
    pub(crate) fn count(self, value: u64) -> Self {
        self.integer(value.cast_signed())
    }

    /// A bulk string of the module's own.
    pub(crate) fn text(self, text: &[u8]) -> Self {
        // SAFETY: the context is live (rule 2); the server copies the bytes.
        unsafe {
            api!(RedisModule_ReplyWithStringBuffer(self.0.as_ptr(), text.as_ptr().cast(), text.len()));
        }
        self
    }

    /// An array of so many parts, which follow.
    pub(crate) fn array(self, len: c_long) -> Self {
        // SAFETY: the context is live (rule 2).
        unsafe {
            api!(RedisModule_ReplyWithArray(self.0.as_ptr(), len));
        }
        self
    }

    /// A map of so many pairs, which follow; in RESP2 an array of twice as many.
    pub(crate) fn map(self, pairs: c_long) -> Self {
        // SAFETY: the context is live (rule 2).
        unsafe {
            api!(RedisModule_ReplyWithMap(self.0.as_ptr(), pairs));
        }
        self
    }

    pub(crate) fn null(self) -> Self {
        // SAFETY: the context is live (rule 2).
        unsafe {
            api!(RedisModule_ReplyWithNull(self.0.as_ptr()));
        }
        self
    }

    pub(crate) fn ok(self) -> Self {
        self.line(c"OK")
    }

    /// A line of text, as the server's own `HELP` has them.
    pub(crate) fn line(self, line: &CStr) -> Self {
        // SAFETY: the context is live (rule 2); the text is a C string.
        unsafe {
            api!(RedisModule_ReplyWithSimpleString(self.0.as_ptr(), line.as_ptr()));
        }
        self
    }

    pub(crate) fn fault(self, fault: Fault) -> Self {
        self.error(fault.text())
    }

    pub(crate) fn error(self, text: &CStr) -> Self {
        // SAFETY: the context is live (rule 2); the text is a C string.
        unsafe {
            api!(RedisModule_ReplyWithError(self.0.as_ptr(), text.as_ptr()));
        }
        self
    }

    pub(crate) fn wrong_arity(self) -> Self {
        // SAFETY: the context is live (rule 2).
        unsafe {
            api!(RedisModule_WrongArity(self.0.as_ptr()));
        }
        self
    }
}
