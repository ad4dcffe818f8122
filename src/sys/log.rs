//! The server's log.

use std::ffi::{CStr, CString};

use super::api::api;
use super::context::Context;

/// How important a log line is.
#[derive(Clone, Copy)]
pub(crate) enum Level {
    Notice,
    Warning,
}

impl Context<'_> {
    /// Writes a line to the server's log. It must not contain what a client sent.
    pub(crate) fn log(&self, level: Level, line: &CStr) {
        let level = match level {
            Level::Notice => c"notice",
            Level::Warning => c"warning",
        };
        // SAFETY: the context is live (rule 2 of `sys`). The format takes one C string, which follows.
        unsafe { api!(RedisModule_Log(self.as_ptr(), level.as_ptr(), c"%s".as_ptr(), line.as_ptr())) }
    }
}

/// Text for a log line: each byte that is not printable ASCII is escaped.
pub(crate) fn printable(text: &[u8]) -> CString {
    let plain = |byte: u8| byte == b' ' || byte.is_ascii_graphic();
    let written = |byte: &u8| if plain(*byte) { vec![*byte] } else { byte.escape_ascii().collect() };
    CString::new(text.iter().flat_map(written).collect::<Vec<u8>>()).unwrap_or_default() // has no NUL
}
