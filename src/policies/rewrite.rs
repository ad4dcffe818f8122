//! Policies in an AOF that is rewritten as commands: the commands that set them.
//!
//! They are as old as the keys in the file: of the moment when the server forked to write it. Later changes follow in the
//! incremental file.

use std::ffi::CStr;

use super::store;
use super::words::COMMAND;
use crate::sys::aof_rewrite::{self, Commands};
use crate::sys::context::Context;
use crate::sys::main_thread::MainThread;
use crate::sys::type_handle::TypeHandle;

struct Policies;

static HANDLE: TypeHandle<Policies> = TypeHandle::new();

impl Commands for Policies {
    const TYPE_NAME: &'static CStr = c"rl-policy";
    const COMMAND: &'static CStr = COMMAND;

    fn handle() -> &'static TypeHandle<Self> {
        &HANDLE
    }

    fn each(main_thread: MainThread<'_>, mut command: impl FnMut(&[Vec<u8>])) {
        store::with(main_thread, |policies| policies.entries().for_each(|entry| command(&entry.words())));
    }
}

/// Registers the type that carries them, while the module loads.
pub(super) fn register(context: &Context<'_>) -> bool {
    aof_rewrite::register::<Policies>(context)
}

/// Adds them to the file that this forked child begins to write.
pub(super) fn started(context: &mut Context<'_>) {
    if store::with(context.main_thread(), |policies| !policies.is_empty()) {
        aof_rewrite::add_carrier::<Policies>(context);
    }
}
