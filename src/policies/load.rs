//! Reads the operator's file of policies again, while the server runs.
//!
//! Policies and overrides that are not in the file stay: the file does not tell whether a command has set them, or whether they were taken
//! out of the file.

use std::ffi::CString;

use rl_core::fault::Fault;

use super::words::COMMAND;
use super::{file, store};
use crate::sys::context::Context;
use crate::sys::log::printable;

/// Sets all policies and overrides of the file, or none. Replicas and the AOF are told of those that change.
///
/// # Errors
/// The error text that the client gets. It says where in the file the mistake is.
pub(crate) fn load(context: &mut Context<'_>) -> Result<(), CString> {
    let fault = |fault: Fault| fault.text().to_owned();
    let main_thread = context.main_thread();
    let policies = match file::read_again(main_thread) {
        None => return Err(fault(Fault::NoPolicyFile)),
        Some(Err(why)) => return Err(printable(&[b"ERR policies file, ", why.as_bytes()].concat())),
        Some(Ok(policies)) => policies,
    };
    let changed = store::set_all(main_thread, policies).map_err(fault)?;
    for entry in changed {
        context.replicate_words(COMMAND, &entry.words());
    }
    Ok(())
}
