//! Integers from the server's own `INFO`.

use std::ffi::{CStr, c_int};

use super::api::api;
use super::context::Context;

/// Reads `fields` from a section of the server's own. A field that is not there is `None`.
pub(crate) fn server_info<const N: usize>(
    context: &Context<'_>,
    section: &CStr,
    fields: [&CStr; N],
) -> [Option<i64>; N] {
    // SAFETY: the context is live (rule 2 of `sys`) and the names are C strings. The result is freed once, after the last
    // field has been read from it. For one section of its own the server asks no module.
    unsafe {
        let info = api!(RedisModule_GetServerInfo(context.as_ptr(), section.as_ptr()));
        let values = fields.map(|field| {
            let mut failed: c_int = 0;
            let value = api!(RedisModule_ServerInfoGetFieldSigned(info, field.as_ptr(), &raw mut failed));
            (failed == 0).then_some(value)
        });
        api!(RedisModule_FreeServerInfo(context.as_ptr(), info));
        values
    }
}
