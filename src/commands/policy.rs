//! `RL.POLICY SET name LIMIT… | GET name [AS COMMAND] | DEL name | LIST | LOAD | HELP`: limits that the server keeps under a
//! name.

use std::ffi::CStr;

use rl_core::fault::Result;
use rl_core::grammar::quota::{self as request, Shown};

use super::answer::answer;
use super::file_check::check;
use super::kinds::reads;
use super::parameters;
use crate::command_docs::policy as docs;
use crate::metrics::POLICY;
use crate::sys::args::Args;
use crate::sys::command::{Command, Entry, Handler, entry};
use crate::sys::command_docs::Docs;
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
        changes(c"SET", c"write deny-oom", entry::<Set>(), docs::SET),
        changes(c"DEL", c"write", entry::<Del>(), docs::DEL),
        changes(c"LOAD", c"write deny-oom", entry::<Load>(), docs::LOAD),
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

/// A subcommand that changes policies. Each primary of a cluster has policies of its own, so the tips tell clients and proxies
/// to send it to all of them.
const fn changes(name: &'static CStr, flags: &'static CStr, run: Entry, docs: Docs) -> Command {
    Command {
        name,
        flags,
        categories: c"write admin dangerous",
        own_category: false,
        run: Some(run),
        docs,
        tips: Some(c"request_policy:all_shards response_policy:all_succeeded"),
        subcommands: &[],
    }
}

struct Set;
struct Del;
struct Get;
struct List;
struct Load;
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

impl Handler for Load {
    const WORDS: (usize, usize) = (2, 2);

    fn run(context: &mut Context<'_>, _: Args<'_>, reply: Reply<'_>) {
        POLICY.calls.count();
        match policies::load(context) {
            Ok(()) => reply.ok(),
            Err(why) => {
                POLICY.errors.count();
                reply.error(&why);
            }
        }
    }
}

impl Handler for Get {
    const WORDS: (usize, usize) = (3, 5);
    const CHANGES_KEYS: bool = false;

    fn run(context: &mut Context<'_>, args: Args<'_>, reply: Reply<'_>) {
        POLICY.calls.count();
        let policy = |shown| (shown, policies::get(context.main_thread(), name(args)));
        answer(reply, &POLICY.errors, request::shown(&args).map(policy), |reply, answer| match answer {
            (_, None) => reply.null(),
            (Shown::Parameters, Some(shape)) => {
                let mut list = reply.array(shape.limits().len());
                for limit in shape.limits() {
                    list.element(|place| parameters::named_limit(place, limit));
                }
            }
            (Shown::Command, Some(shape)) => {
                let words = policies::command(&shape);
                let mut list = reply.array(words.len());
                for word in &words {
                    list.text(word);
                }
            }
        });
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

const HELP: [&CStr; 16] = [
    c"RL.POLICY <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    c"SET <name> LIMIT <limit-name> <limit> <window> [UNIT <unit>]",
    c"    [SLIDE | WINDOW [OFFSET <duration>] | BUCKET <capacity>] [LIMIT ...]",
    c"SET <name> LIMIT <limit-name> <limit> INFLIGHT [LIMIT ...]",
    c"    Keep limits under a name, in place of those that it had. Keys that were asked by it keep what",
    c"    they have used, limit by limit.",
    c"GET <name> [AS COMMAND]",
    c"    Return the limits under a name, or the command that sets them.",
    c"DEL <name>",
    c"    Forget a name and its limits. Return whether there was one.",
    c"LIST",
    c"    Return the names.",
    c"LOAD",
    c"    Read the file of policies again, and set all of its policies or none. Others stay as they are.",
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
