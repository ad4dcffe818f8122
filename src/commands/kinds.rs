//! The kinds of commands, by what the server is told of them.

use std::ffi::CStr;

use crate::sys::command::{Command, Entry};
use crate::sys::command_docs::Docs;

/// A command that decides. It may make a key, so that a server that is out of memory refuses it, and it may wait.
pub(super) const fn decides(name: &'static CStr, run: Entry, docs: Docs) -> Command {
    Command {
        flags: c"write deny-oom fast blocking",
        categories: c"write fast blocking",
        ..reads(name, run, docs)
    }
}

/// A command that may make a key, and never waits.
pub(super) const fn makes(name: &'static CStr, run: Entry, docs: Docs) -> Command {
    Command { flags: c"write deny-oom fast", categories: c"write fast", ..reads(name, run, docs) }
}

/// A command that gives back. It works while memory is short.
pub(super) const fn gives_back(name: &'static CStr, run: Entry, docs: Docs) -> Command {
    Command { flags: c"write fast", categories: c"write fast", ..reads(name, run, docs) }
}

/// A command that reads what changes with time alone. The tip tells clients and proxies not to keep its answer.
pub(super) const fn reads_clock(name: &'static CStr, run: Entry, docs: Docs) -> Command {
    Command { tips: Some(c"nondeterministic_output"), ..reads(name, run, docs) }
}

/// A command that reads.
pub(super) const fn reads(name: &'static CStr, run: Entry, docs: Docs) -> Command {
    Command {
        name,
        flags: c"readonly fast",
        categories: c"read fast",
        own_category: true,
        run: Some(run),
        docs,
        tips: None,
        subcommands: &[],
    }
}
