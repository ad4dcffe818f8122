//! What happens to a command of the AOF that cannot be run.
//!
//! The server logs an error of such a command and goes on. Here that would lose an admission, and so admit too much later. So
//! the module ends the server, as the server itself does for a file that it cannot read. An operator who has no better file
//! lets it go on with `rl.aof-load-invalid yes`.

use rl_core::fault::{Fault, Result};

use crate::settings;
use crate::sys::context::Context;
use crate::sys::log::{Level, printable};

/// Ends the server if it loads an AOF and `result` says that a command of it cannot be run. `about` is the key or the policy.
pub(super) fn check<T>(context: &Context<'_>, about: &[u8], result: Result<T>) -> Result<T> {
    result.inspect_err(|fault| {
        if context.is_loading_aof() {
            invalid(context, about, *fault);
        }
    })
}

#[cold]
fn invalid(context: &Context<'_>, about: &[u8], fault: Fault) {
    let goes_on = settings::aof_load_invalid();
    let advice: &[u8] = match goes_on {
        true => b"; it is left out, since rl.aof-load-invalid is yes",
        false => {
            b"; the server ends, as it would admit too much without it. Restore the file, or set rl.aof-load-invalid yes"
        }
    };
    let line = [
        b"redis-rl: the append-only file has a command for ",
        about,
        b" that cannot be run: ",
        fault.text().to_bytes(),
        advice,
    ]
    .concat();
    context.log(Level::Warning, &printable(&line));
    if !goes_on {
        context.end_server();
    }
}
