//! The commands, in a file for each kind. Their grammar is [`rl_core::grammar`].

mod apply;
mod info;
mod limit;
mod parameters;
mod peek;
mod policy;
mod quota;
mod quota_reply;
mod refund;
mod reservation;
mod throttle;
mod top;

use std::ffi::{CStr, c_long};

use rl_core::fault::Result;

use crate::command_docs as docs;
use crate::metrics::Counter;
use crate::sys::command::{Command, Entry, entry, entry_with_keys};
use crate::sys::command_docs::Docs;
use crate::sys::context::{Arg, Args, Context};
use crate::sys::reply::Reply;

/// Everything that the module adds to the server.
pub(crate) static ALL: &[Command] = &[
    decides(c"RL.SLIDE", entry::<limit::Slide>, docs::SLIDE),
    decides(c"RL.WINDOW", entry::<limit::Window>, docs::WINDOW),
    decides(c"RL.BUCKET", entry::<limit::Bucket>, docs::BUCKET),
    decides(c"RL.QUOTA", entry::<quota::One>, docs::QUOTA),
    Command {
        flags: c"write deny-oom fast blocking getkeys-api",
        ..decides(c"RL.MQUOTA", entry_with_keys::<quota::Many>, docs::MQUOTA)
    },
    gives_back(c"RL.SETTLE", entry::<reservation::Settle>, docs::SETTLE),
    gives_back(c"RL.CANCEL", entry::<reservation::Cancel>, docs::CANCEL),
    gives_back(c"RL.RENEW", entry::<reservation::Renew>, docs::RENEW),
    reads(c"RL.PEEK", entry::<peek::Peek>, docs::PEEK),
    gives_back(c"RL.REFUND", entry::<refund::Refund>, docs::REFUND),
    reads(c"RL.INFO", entry::<info::Info>, docs::INFO),
    policy::COMMAND,
    top::COMMAND,
    // For replicas, files and those who operate servers: whoever may send it may write any state.
    Command {
        name: crate::effects::COMMAND,
        flags: c"write admin fast",
        categories: c"write admin dangerous",
        own_category: false,
        run: Some(entry::<apply::Apply>),
        docs: docs::APPLY,
        subcommands: &[],
    },
];

/// What is added only where it was asked for: see `settings.rs`. It does not wait.
pub(crate) static THROTTLE: Command = Command {
    flags: c"write deny-oom fast",
    categories: c"write fast",
    ..decides(c"CL.THROTTLE", entry::<throttle::Throttle>, docs::THROTTLE)
};

/// An admission may make a key, so a server that is out of memory refuses it, as any write. And it may
/// wait.
const fn decides(name: &'static CStr, run: Entry, docs: Docs) -> Command {
    Command {
        flags: c"write deny-oom fast blocking",
        categories: c"write fast blocking",
        ..reads(name, run, docs)
    }
}

/// What gives back works where memory is short.
const fn gives_back(name: &'static CStr, run: Entry, docs: Docs) -> Command {
    Command { flags: c"write fast", categories: c"write fast", ..reads(name, run, docs) }
}

const fn reads(name: &'static CStr, run: Entry, docs: Docs) -> Command {
    Command {
        name,
        flags: c"readonly fast",
        categories: c"read fast",
        own_category: true,
        run: Some(run),
        docs,
        subcommands: &[],
    }
}

/// The key: the first argument, which the arity has made sure of.
fn key(args: Args<'_>) -> Result<Arg<'_>> {
    args.get(1).ok_or(rl_core::fault::Fault::Effect)
}

/// Counts and sends the fault, if there is one.
fn answer(context: Context<'_>, errors: &Counter, result: Result<()>) {
    if let Err(fault) = result {
        errors.count();
        Reply::to(context).fault(fault);
    }
}

/// The length of a reply's list.
fn len(count: usize) -> c_long {
    c_long::try_from(count).unwrap_or(0) // a few thousand at most
}
