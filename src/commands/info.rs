//! `RL.INFO key`: what a key holds, for people.

use std::ffi::c_long;

use rl_core::engine::Host as _;
use rl_core::engine::policy::in_force;
use rl_core::fault::Result;
use rl_core::limit::state::State;
use rl_core::number::COUNT_MAX;
use rl_core::queue::Lane;
use rl_core::quota::Quota;
use rl_core::quota::decide::{self, Demand};
use rl_core::time::At;
use rl_core::value::Value;

use super::{answer, key, parameters};
use crate::host::Server;
use crate::metrics::INFO;
use crate::sys::command::Handler;
use crate::sys::context::{Args, Context};
use crate::sys::key::{Key, Mode};
use crate::sys::reply::Reply;
use crate::waiting;

/// See the head of this file.
pub(crate) struct Info;

impl Handler for Info {
    const WORDS: (usize, usize) = (2, 2);

    fn run(context: Context<'_>, args: Args<'_>) {
        INFO.calls.count();
        answer(context, &INFO.errors, info(context, args));
    }
}

fn info(context: Context<'_>, args: Args<'_>) -> Result<()> {
    let reply = Reply::to(context);
    let name = key(args)?;
    let host = Server::new(context);
    let clock = host.clock();
    let key = Key::<Value>::open(context, name, Mode::Read);
    let Some(value) = key.get()? else {
        reply.null();
        return Ok(());
    };
    let open = match value {
        Value::Limit(state) => {
            limit(reply, state, clock);
            0
        }
        Value::Quota(held) => {
            quota(reply, &host, held);
            held.reservations().map_or(0, |reservations| reservations.open(held.now(clock)))
        }
    };
    let (counts, expects) = waiting::line(context, name);
    reply.text(b"waiting").map(4);
    for (lane, count) in Lane::ALL.into_iter().zip(counts) {
        reply.text(lane.name().as_bytes()).count(u64::try_from(count).unwrap_or(u64::MAX));
    }
    reply.text(b"head_wait_ms");
    match expects {
        Some(wait) => reply.count(wait.ms()),
        None => reply.null(),
    };
    let bytes = size_of::<Value>().saturating_add(value.heap_bytes());
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    reply.text(b"reservations").count(count(open)).text(b"bytes").count(count(bytes));
    Ok(())
}

/// The first fields for one limit.
fn limit(reply: Reply<'_>, state: &State, clock: At) {
    let rule = state.rule();
    reply.map(8).text(b"algorithm").text(rule.algorithm().as_bytes()).text(b"parameters");
    parameters::rule(reply, &rule);
    // An excess that was taken over may be more than every client can read.
    reply.text(b"used").count(state.used_cost(clock).min(COUNT_MAX));
    reply.text(b"remaining").count(state.peek(0, clock).remaining);
}

/// The first fields for many: what is a value above is a map by limit here.
fn quota(reply: Reply<'_>, host: &Server<'_>, held: &Quota) {
    let (shape, clock) = (in_force(host, held), host.clock());
    let limits = c_long::try_from(shape.limits().len()).unwrap_or(0); // at most 16
    reply.map(9).text(b"algorithm").text(b"quota").text(b"policy");
    match shape.policy() {
        Some(name) => reply.text(name.as_bytes()),
        None => reply.null(),
    };
    reply.text(b"parameters").map(limits);
    for limit in shape.limits() {
        reply.text(limit.name.as_bytes());
        parameters::limit(reply, limit);
    }
    let verdict = decide::peek(held, &shape, &Demand { costs: &[], ttl: None }, clock);
    reply.text(b"used").map(limits);
    for (index, (limit, row)) in shape.limits().iter().zip(&verdict.rows).enumerate() {
        // Beyond the limit only the count itself tells how much it is.
        let beyond = || held.used(&shape, index, clock).max(row.limit);
        let used = if row.remaining > 0 { row.limit.saturating_sub(row.remaining) } else { beyond() };
        reply.text(limit.name.as_bytes()).count(used);
    }
    reply.text(b"remaining").map(limits);
    for (limit, row) in shape.limits().iter().zip(&verdict.rows) {
        reply.text(limit.name.as_bytes()).count(row.remaining);
    }
}
