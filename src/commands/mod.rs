//! One file a command. The grammar of each is in [`rl_core::request`].

pub(crate) mod apply;
mod info;
mod limit;
mod peek;
mod refund;

use std::ffi::CStr;

use rl_core::fault::Result;

use crate::command_docs as docs;
use crate::metrics::Counter;
use crate::sys::command::{Command, Docs, Entry, entry};
use crate::sys::context::{Arg, Args, Context};
use crate::sys::reply::Reply;

/// Everything that the module adds to the server.
pub(crate) static ALL: &[Command] = &[
    decides(c"RL.SLIDE", entry::<limit::Slide>, docs::SLIDE),
    decides(c"RL.WINDOW", entry::<limit::Window>, docs::WINDOW),
    decides(c"RL.BUCKET", entry::<limit::Bucket>, docs::BUCKET),
    reads(c"RL.PEEK", entry::<peek::Peek>, docs::PEEK),
    // It gives back, so it works where memory is short.
    Command { flags: c"write fast", ..decides(c"RL.REFUND", entry::<refund::Refund>, docs::REFUND) },
    reads(c"RL.INFO", entry::<info::Info>, docs::INFO),
    // For replicas, files and those who operate servers: whoever may send it may write any state.
    Command {
        name: apply::NAME,
        flags: c"write admin fast",
        categories: c"write admin dangerous",
        own_category: false,
        run: Some(entry::<apply::Apply>),
        docs: docs::APPLY,
    },
];

/// An admission may make a key, so a server that is out of memory refuses it, as any write.
const fn decides(name: &'static CStr, run: Entry, docs: Docs) -> Command {
    let categories = c"write fast";
    Command { name, flags: c"write deny-oom fast", categories, own_category: true, run: Some(run), docs }
}

const fn reads(name: &'static CStr, run: Entry, docs: Docs) -> Command {
    let categories = c"read fast";
    Command { name, flags: c"readonly fast", categories, own_category: true, run: Some(run), docs }
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
