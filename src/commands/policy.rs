//! `RL.POLICY SET name LIMIT… | GET name | DEL name | LIST | HELP`: limits that the server keeps under
//! a name.

use std::ffi::CStr;

use rl_core::fault::Result;
use rl_core::grammar::quota as request;

use super::answer::answer;
use super::file_check::check;
use super::kinds::reads;
use super::parameters;
use crate::command_docs::policy as docs;
use crate::metrics::POLICY;
use crate::sys::args::Args;
use crate::sys::command::{Command, Handler, entry};
use crate::sys::context::Context;
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
    tips: None,
    subcommands: &[
        Command {
            name: c"SET",
            flags: c"write deny-oom",
            categories: c"write admin dangerous",
            own_category: false,
            run: Some(entry::<Set>()),
            docs: docs::SET,
            tips: None,
            subcommands: &[],
        },
        Command {
            name: c"DEL",
            flags: c"write",
            categories: c"write admin dangerous",
            own_category: false,
            run: Some(entry::<Del>()),
            docs: docs::DEL,
            tips: None,
            subcommands: &[],
        },
        reads(c"GET", entry::<Get>(), docs::GET),
        Command {
            flags: c"readonly",
            categories: c"read slow",
            ..reads(c"LIST", entry::<List>(), docs::LIST)
        },
        Command {
            flags: c"readonly allow-loading allow-stale fast",
            ..reads(c"HELP", entry::<Help>(), docs::HELP)
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

    fn run(context: &mut Context<'_>, args: Args<'_>, reply: Reply<'_>) {
        POLICY.calls.count();
        let done = set(context, args);
        answer(reply, &POLICY.errors, check(context, name(args), done), |reply, ()| reply.ok());
    }
}

impl Handler for Del {
    const WORDS: (usize, usize) = (3, 3);

    fn run(context: &mut Context<'_>, args: Args<'_>, reply: Reply<'_>) {
        POLICY.calls.count();
        let existed = policies::remove(context.main_thread(), name(args));
        if existed {
            context.replicate_verbatim();
        }
        reply.integer(i64::from(existed));
    }
}

impl Handler for Get {
    const WORDS: (usize, usize) = (3, 3);
    const CHANGES_KEYS: bool = false;

    fn run(context: &mut Context<'_>, args: Args<'_>, reply: Reply<'_>) {
        POLICY.calls.count();
        match policies::get(context.main_thread(), name(args)) {
            Some(shape) => {
                let mut list = reply.array(shape.limits().len());
                for limit in shape.limits() {
                    list.element(|place| parameters::named_limit(place, limit));
                }
            }
            None => reply.null(),
        }
    }
}

impl Handler for List {
    const WORDS: (usize, usize) = (2, 2);
    const CHANGES_KEYS: bool = false;

    fn run(context: &mut Context<'_>, _: Args<'_>, reply: Reply<'_>) {
        POLICY.calls.count();
        policies::with(context.main_thread(), |policies| {
            let mut list = reply.array(policies.len());
            for (name, _) in policies.iter() {
                list.text(name.as_bytes());
            }
        });
    }
}

impl Handler for Help {
    const WORDS: (usize, usize) = (2, 2);
    const CHANGES_KEYS: bool = false;

    fn run(_: &mut Context<'_>, _: Args<'_>, reply: Reply<'_>) {
        POLICY.calls.count();
        let mut list = reply.array(HELP.len());
        for line in HELP {
            list.element(|place| place.line(line));
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

fn set(context: &mut Context<'_>, args: Args<'_>) -> Result<()> {
    let shape = request::policy(&args)?;
    if !context.is_repeating() {
        settings::allow_window(shape.longest())?;
    }
    if policies::set(context.main_thread(), &shape)? {
        context.replicate_verbatim();
    }
    Ok(())
}

/// The name: the argument after the subcommand, which the arity has made sure of.
fn name(args: Args<'_>) -> &[u8] {
    args.get(2).map_or(b"", |name| name.bytes())
}
