//! Asks the server whether it would refuse a write right now.

use std::ffi::CString;

use redis_module::raw;

use super::api::api;
use super::args::Arg;
use super::context::Context;
use super::open_keys;

/// Why the server refuses a write.
pub(crate) enum WriteRefusal {
    /// Another node serves the key, or may serve it.
    OtherNode,
    /// The server's own error.
    Error(CString),
}

impl WriteRefusal {
    /// The refusal behind an error of the server's. An error without a code of its own is about a cluster.
    fn from_error(error: &[u8]) -> Self {
        let line = error.trim_ascii();
        match CString::new(line) {
            Ok(text) if !line.starts_with(b"ERR ") => Self::Error(text),
            _ => Self::OtherNode,
        }
    }
}

impl Context<'_> {
    /// Why the server would refuse a command that writes to `key` now, whoever sent it: too few replicas follow, a file
    /// could not be written, the server takes no writes, or another node serves the key. `None` if it would not.
    pub(crate) fn refuses_write(&mut self, key: Arg<'_>) -> Option<WriteRefusal> {
        // `PEXPIREAT key 1 GT` is a write that never changes anything: no expiry is moved back. From 7.2 on it need not
        // even be run ("D"). It has no reply then, unless it is refused.
        // SAFETY: rule 3 of `sys`. Whether the call is there tells which server this is.
        let dry = unsafe { raw::RedisModule_CachedMicroseconds }.is_some();
        let format = if dry { c"SEDscc" } else { c"SEscc" };
        open_keys::other_code_runs(self.main_thread());
        let context = self.as_ptr();
        // SAFETY: the context is live (rule 2). The format promises a string object and two C strings, which follow. The
        // reply is freed once, after its text has been copied.
        unsafe {
            let reply = api!(RedisModule_Call(
                context,
                c"PEXPIREAT".as_ptr(),
                format.as_ptr(),
                key.as_ptr(),
                c"1".as_ptr(),
                c"GT".as_ptr()
            ));
            if reply.is_null() {
                // On 7.0 that means that another node serves the key, or that the server lacks the command.
                return (!dry && self.has_cluster()).then_some(WriteRefusal::OtherNode);
            }
            let refused = raw::REDISMODULE_REPLY_ERROR == api!(RedisModule_CallReplyType(reply)) as isize;
            let refusal = refused.then(|| {
                let mut len = 0;
                let first = api!(RedisModule_CallReplyStringPtr(reply, &raw mut len));
                WriteRefusal::from_error(std::slice::from_raw_parts(first.cast::<u8>(), len))
            });
            api!(RedisModule_FreeCallReply(reply));
            refusal
        }
    }
}
