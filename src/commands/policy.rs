//! `RL.POLICY SET name LIMIT… [FLOW id WEIGHT w]… | OVERRIDE name key LIMIT… | NONE | OVERRIDES name [KEY key [AS COMMAND]] | GET name
//! [AS COMMAND | FLOWS] | DEL name | LIST | LOAD | HELP`: limits that the server keeps under a name, and weights of flows.

use std::ffi::CStr;
use std::sync::Arc;

use rl_core::fault::Result;
use rl_core::grammar::policy::{self as request, Shown};
use rl_core::quota::policies::Policies;
use rl_core::quota::policy_entry::PolicyEntry;
use rl_core::quota::shape::Shape;

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
        changes(c"OVERRIDE", c"write deny-oom", entry::<Override>(), docs::OVERRIDE),
        changes(c"DEL", c"write", entry::<Del>(), docs::DEL),
        changes(c"LOAD", c"write deny-oom", entry::<Load>(), docs::LOAD),
        Command {
            flags: c"readonly admin",
            categories: c"slow admin dangerous",
            own_category: false,
            ..reads(c"OVERRIDES", entry::<Overrides>(), docs::OVERRIDES)
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
struct Override;
struct Overrides;
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

impl Handler for Override {
    const WORDS: (usize, usize) = (5, usize::MAX);

    fn run(context: &mut Context<'_>, args: Args<'_>, reply: Reply<'_>) {
        POLICY.calls.count();
        let done = set_override(context, args);
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
        let policy = || policies::with(context.main_thread(), |policies| policies.entry(name(args)));
        let shown = request::shown(&args).map(|shown| (shown, policy()));
        answer(reply, &POLICY.errors, shown, |reply, (shown, policy)| show(reply, policy, shown));
    }
}

impl Handler for Overrides {
    const WORDS: (usize, usize) = (3, 7);
    const CHANGES_KEYS: bool = false;

    fn run(context: &mut Context<'_>, args: Args<'_>, reply: Reply<'_>) {
        POLICY.calls.count();
        let main_thread = context.main_thread();
        answer(reply, &POLICY.errors, request::overrides(&args), |reply, of| match of {
            None => policies::with(main_thread, |policies| match policies.overrides(name(args)) {
                Some(overrides) => {
                    let mut list = reply.array(overrides.len());
                    for (key, _) in overrides {
                        list.text(key);
                    }
                }
                None => reply.null(),
            }),
            Some((key, shown)) => {
                let own = |policies: &Policies| {
                    let shape = Arc::clone(policies.get_override(name(args), key)?);
                    Some(PolicyEntry { key: Some(key.into()), ..shape.into() })
                };
                show(reply, policies::with(main_thread, own), shown);
            }
        });
    }
}

/// Replies a policy, or the limits of one key under it; nil if there are none.
fn show(reply: Reply<'_>, entry: Option<PolicyEntry>, shown: Shown) {
    let Some(entry) = entry else { return reply.null() };
    match shown {
        Shown::Parameters => {
            let limits = entry.shape.limits();
            let mut list = reply.array(limits.len());
            for limit in limits {
                list.element(|place| parameters::named_limit(place, limit));
            }
        }
        Shown::Command => {
            let words = policies::command(&entry);
            let mut list = reply.array(words.len());
            for word in &words {
                list.text(word);
            }
        }
        Shown::Flows => {
            let mut map = reply.map(entry.flows.len());
            for (id, weight) in entry.flows.iter() {
                map.count(id, weight.into());
            }
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

const HELP: [&CStr; 23] = [
    c"RL.POLICY <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    c"SET <name> LIMIT <limit-name> <limit> <window> [UNIT <unit>]",
    c"    [SLIDE | WINDOW [OFFSET <duration>] | BUCKET <capacity>] [SHADOW] [LIMIT ...]",
    c"    [FLOW <id> WEIGHT <weight> ...]",
    c"SET <name> LIMIT <limit-name> <limit> INFLIGHT [SHADOW] [LIMIT ...] [FLOW ...]",
    c"    Keep limits under a name, and weights of flows, in place of those that it had. Keys that were",
    c"    asked by it keep what they have used, limit by limit.",
    c"OVERRIDE <name> <key> LIMIT <limit-name> <limit> ... | NONE",
    c"    Give one key limits of its own under a name, in place of those that it had. NONE takes them away.",
    c"OVERRIDES <name> [KEY <key> [AS COMMAND]]",
    c"    Return the keys that have limits of their own under a name. KEY: the limits of that key, or the",
    c"    command that sets them.",
    c"GET <name> [AS COMMAND | FLOWS]",
    c"    Return the limits under a name, the command that sets them, or the weights of its flows.",
    c"DEL <name>",
    c"    Forget a name, its limits and its overrides. Return whether there was one.",
    c"LIST",
    c"    Return the names.",
    c"LOAD",
    c"    Read the file of policies again, and set all of its policies and overrides or none. Others stay as",
    c"    they are.",
    c"HELP",
    c"    Print this help.",
];

fn set(context: &mut Context<'_>, args: Args<'_>) -> Result<()> {
    let policy = request::setting(&args)?;
    allow_window(context, &policy.shape)?;
    if policies::set(context.main_thread(), &policy)? {
        context.replicate_verbatim();
    }
    Ok(())
}

/// Refuses limits whose windows are longer than they may be. A replica and a server that loads files take what they are given.
fn allow_window(context: &Context<'_>, shape: &Shape) -> Result<()> {
    if !context.is_repeating() {
        settings::allow_window(shape.longest())?;
    }
    Ok(())
}

fn set_override(context: &mut Context<'_>, args: Args<'_>) -> Result<()> {
    let request = request::overriding(&args)?;
    let main_thread = context.main_thread();
    let changed = match request.entry() {
        Some(entry) => {
            allow_window(context, &entry.shape)?;
            policies::set(main_thread, &entry)?
        }
        None => policies::remove_override(main_thread, request.policy, request.key)?,
    };
    if changed {
        context.replicate_verbatim();
    }
    Ok(())
}

/// The name: the argument after the subcommand, which the arity has made sure of.
fn name(args: Args<'_>) -> &[u8] {
    args.get(2).map_or(b"", |name| name.bytes())
}
