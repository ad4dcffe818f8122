//! `RL.POLICY SET name LIMIT… | GET name | DEL name | LIST | HELP`: limits that the server keeps under
//! a name.

use std::ffi::CStr;

use rl_core::fault::Result;
use rl_core::grammar::quota as request;

use super::{answer, len, parameters, reads};
use crate::command_docs::policy as docs;
use crate::metrics::POLICY;
use crate::sys::command::{Command, Handler, entry};
use crate::sys::context::{Args, Context};
use crate::sys::reply::Reply;
use crate::{policies, settings};

/// It is its subcommands. Those that change policies are for who operates the server.
pub(super) const COMMAND: Command = Command {
    name: policies::COMMAND,
    flags: c"",
    categories: c"",
    own_category: false,
    run: None,
    docs: docs::POLICY,
    subcommands: &[
        Command {
            name: c"SET",
            flags: c"write deny-oom",
            categories: c"write admin dangerous",
            own_category: false,
            run: Some(entry::<Set>),
            docs: docs::SET,
            subcommands: &[],
        },
        Command {
            name: c"DEL",
            flags: c"write",
            categories: c"write admin dangerous",
            own_category: false,
            run: Some(entry::<Del>),
            docs: docs::DEL,
            subcommands: &[],
        },
        reads(c"GET", entry::<Get>, docs::GET),
        Command { flags: c"readonly", categories: c"read slow", ..reads(c"LIST", entry::<List>, docs::LIST) },
        Command {
            flags: c"readonly allow-loading allow-stale fast",
            ..reads(c"HELP", entry::<Help>, docs::HELP)
        },
    ],
};

struct Set;
struct Del;
struct Get;
struct List;
struct Help;

impl Handler for Set {
    const WORDS: (usize, usize) = (7, usize::MAX);

    fn run(context: Context<'_>, args: Args<'_>) {
        POLICY.calls.count();
        answer(context, &POLICY.errors, set(context, args));
    }
}

impl Handler for Del {
    const WORDS: (usize, usize) = (3, 3);

    fn run(context: Context<'_>, args: Args<'_>) {
        POLICY.calls.count();
        let existed = policies::remove(name(args));
        if existed {
            context.replicate_verbatim();
        }
        Reply::to(context).integer(i64::from(existed));
    }
}

impl Handler for Get {
    const WORDS: (usize, usize) = (3, 3);

    fn run(context: Context<'_>, args: Args<'_>) {
        POLICY.calls.count();
        let reply = Reply::to(context);
        match policies::get(name(args)) {
            Some(shape) => {
                reply.array(len(shape.limits().len()));
                shape.limits().iter().for_each(|limit| parameters::named_limit(reply, limit));
            }
            None => {
                reply.null();
            }
        }
    }
}

impl Handler for List {
    const WORDS: (usize, usize) = (2, 2);

    fn run(context: Context<'_>, _: Args<'_>) {
        POLICY.calls.count();
        policies::with(|policies| {
            let reply = Reply::to(context).array(len(policies.len()));
            for (name, _) in policies.iter() {
                reply.text(name.as_bytes());
            }
        });
    }
}

impl Handler for Help {
    const WORDS: (usize, usize) = (2, 2);

    fn run(context: Context<'_>, _: Args<'_>) {
        POLICY.calls.count();
        let reply = Reply::to(context).array(len(HELP.len()));
        for line in HELP {
            reply.line(line);
        }
    }
}

const HELP: [&CStr; 14] = [
    c"RL.POLICY <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    c"SET <name> LIMIT <limit-name> <limit> <window> [UNIT <unit>]",
    c"    [SLIDE | WINDOW [OFFSET <duration>] | BUCKET <capacity>] [LIMIT ...]",
    c"SET <name> LIMIT <limit-name> <limit> INFLIGHT [LIMIT ...]",
    c"    Keep limits under a name, in place of those that it had. Keys that were asked by it keep what",
    c"    they have used, limit by limit.",
    c"GET <name>",
    c"    Return the limits under a name.",
    c"DEL <name>",
    c"    Forget a name and its limits. Return whether there was one.",
    c"LIST",
    c"    Return the names.",
    c"HELP",
    c"    Print this help.",
];

fn set(context: Context<'_>, args: Args<'_>) -> Result<()> {
    let shape = request::policy(&args)?;
    if !context.is_repeating() {
        settings::allow_window(shape.longest())?;
    }
    if policies::set(&shape)? {
        context.replicate_verbatim();
    }
    Reply::to(context).ok();
    Ok(())
}

/// The name: the argument after the subcommand, which the arity has made sure of.
fn name(args: Args<'_>) -> &[u8] {
    args.get(2).map_or(b"", |name| name.bytes())
}
