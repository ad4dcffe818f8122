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

use std::ffi::CStr;

use rl_core::fault::{Fault, Result};

use crate::metrics::Counter;
use crate::sys::args::{Arg, Args};
use crate::sys::command::{Command, Entry, entry, entry_with_keys};
use crate::sys::command_docs::Docs;
use crate::sys::reply::Reply;
use crate::{command_docs as docs, effects};

/// Everything that the module adds to the server.
pub(crate) static ALL: &[Command] = &[
    decides(c"RL.SLIDE", entry::<limit::Slide>(), docs::SLIDE),
    decides(c"RL.WINDOW", entry::<limit::Window>(), docs::WINDOW),
    decides(c"RL.BUCKET", entry::<limit::Bucket>(), docs::BUCKET),
    decides(c"RL.QUOTA", entry::<quota::One>(), docs::QUOTA),
    Command {
        flags: c"write deny-oom fast blocking getkeys-api",
        ..decides(c"RL.MQUOTA", entry_with_keys::<quota::Many>(), docs::MQUOTA)
    },
    gives_back(c"RL.SETTLE", entry::<reservation::Settle>(), docs::SETTLE),
    gives_back(c"RL.CANCEL", entry::<reservation::Cancel>(), docs::CANCEL),
    gives_back(c"RL.RENEW", entry::<reservation::Renew>(), docs::RENEW),
    reads(c"RL.PEEK", entry::<peek::Peek>(), docs::PEEK),
    gives_back(c"RL.REFUND", entry::<refund::Refund>(), docs::REFUND),
    reads(c"RL.INFO", entry::<info::Info>(), docs::INFO),
    policy::COMMAND,
    top::COMMAND,
    // For replicas, files and those who operate servers: whoever may send it may write any state.
    Command {
        name: effects::COMMAND,
        flags: c"write admin fast",
        categories: c"write admin dangerous",
        own_category: false,
        run: Some(entry::<apply::Apply>()),
        docs: docs::APPLY,
        subcommands: &[],
    },
];

/// What is added only where it was asked for: see `settings.rs`. It does not wait.
pub(crate) static THROTTLE: Command = Command {
    flags: c"write deny-oom fast",
    categories: c"write fast",
    ..decides(c"CL.THROTTLE", entry::<throttle::Throttle>(), docs::THROTTLE)
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
    args.get(1).ok_or(Fault::Effect)
}

/// Sends what a result says, or counts and sends its fault.
fn answer<T>(reply: Reply<'_>, errors: &Counter, result: Result<T>, send: impl FnOnce(Reply<'_>, T)) {
    match result {
        Ok(answer) => send(reply, answer),
        Err(fault) => fail(reply, errors, fault),
    }
}

/// Runs a request that takes the reply when it answers, and counts and sends its fault.
fn come<'r>(reply: Reply<'r>, errors: &Counter, run: impl FnOnce(&mut Option<Reply<'r>>) -> Result<()>) {
    let mut place = Some(reply);
    if let Err(fault) = run(&mut place) {
        match place {
            Some(reply) => fail(reply, errors, fault),
            None => errors.count(), // sent already
        }
    }
}

/// Counts and sends a fault.
fn fail(reply: Reply<'_>, errors: &Counter, fault: Fault) {
    errors.count();
    reply.fault(fault);
}
