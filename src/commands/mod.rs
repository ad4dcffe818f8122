//! One file a command. The grammar of each is in [`rl_core::request`].

pub(crate) mod apply;
mod info;
mod limit;
mod peek;
mod refund;

use rl_core::fault::Result;

use crate::command_docs as docs;
use crate::metrics::Counter;
use crate::sys::command::{Command, entry};
use crate::sys::context::{Arg, Args, Context};
use crate::sys::reply::Reply;

/// Everything that the module adds to the server.
pub(crate) static ALL: &[Command] = &[
    Command { name: c"RL.SLIDE", flags: DECIDES, run: Some(entry::<limit::Slide>), docs: docs::SLIDE },
    Command { name: c"RL.WINDOW", flags: DECIDES, run: Some(entry::<limit::Window>), docs: docs::WINDOW },
    Command { name: c"RL.BUCKET", flags: DECIDES, run: Some(entry::<limit::Bucket>), docs: docs::BUCKET },
    Command { name: c"RL.PEEK", flags: c"readonly fast", run: Some(entry::<peek::Peek>), docs: docs::PEEK },
    // It gives back, so it works where memory is short.
    Command {
        name: c"RL.REFUND",
        flags: c"write fast",
        run: Some(entry::<refund::Refund>),
        docs: docs::REFUND,
    },
    Command { name: c"RL.INFO", flags: c"readonly fast", run: Some(entry::<info::Info>), docs: docs::INFO },
    // For replicas, files and those who operate servers: whoever may send it may write any state.
    Command {
        name: apply::NAME,
        flags: c"write admin fast",
        run: Some(entry::<apply::Apply>),
        docs: docs::APPLY,
    },
];

/// An admission may make a key, so a server that is out of memory refuses it, as any write.
const DECIDES: &std::ffi::CStr = c"write deny-oom fast";

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
