//! `RL.INFO key`: what a key holds, for people.

use rl_core::engine::Host as _;
use rl_core::engine::peek::newcomer;
use rl_core::engine::policy::in_force;
use rl_core::limit::outside::Outside;
use rl_core::limit::state::State;
use rl_core::number::COUNT_MAX;
use rl_core::queue::Lane;
use rl_core::quota::Quota;
use rl_core::quota::decide::{self, Demand};
use rl_core::quota::limit::Measure;
use rl_core::quota::name::Name;
use rl_core::quota::outsides::Outsides;
use rl_core::quota::shape::Shape;
use rl_core::time::At;
use rl_core::value::{Held, Value};

use super::answer::{come, key};
use super::{flow_row, parameters};
use crate::host::Server;
use crate::metrics::INFO;
use crate::policies;
use crate::sys::args::{Arg, Args};
use crate::sys::command::Handler;
use crate::sys::context::Context;
use crate::sys::reply::{Map, Reply};
use crate::waiting::{self, FlowOfKey};

/// `RL.INFO`
pub(crate) struct Info;

impl Handler for Info {
    const WORDS: (usize, usize) = (2, 2);
    const CHANGES_KEYS: bool = false;

    fn run(context: &mut Context<'_>, args: Args<'_>, reply: Reply<'_>) {
        INFO.calls.count();
        come(reply, &INFO.errors, |place| {
            let name = key(args)?;
            Server::new(context).read(name, |host, value| match (place.take(), value) {
                (Some(reply), Some(value)) => info(host, name, value, reply),
                (Some(reply), None) => reply.null(),
                (None, _) => {}
            })
        });
    }
}

fn info<'h>(host: &Server<'h>, name: Arg<'h>, value: &Value, reply: Reply<'_>) {
    let clock = host.clock();
    let (mut map, open) = match value {
        Value::Limit(state) => (limit(reply, state, clock), 0),
        Value::Held(held) => (only_held(reply, held, clock), 0),
        Value::Quota(held) => {
            let open =
                held.reservations().map_or(0, |reservations| reservations.open_of_both(held.now(clock)));
            (quota(reply, host, name, held), open)
        }
    };
    let (counts, expects) = waiting::line(host.context(), name);
    map.field(b"waiting", |place| {
        let mut lanes = place.map(4);
        for (lane, count) in Lane::ALL.into_iter().zip(counts) {
            lanes.count(lane.name().as_bytes(), u64::try_from(count).unwrap_or(u64::MAX));
        }
    });
    map.field(b"head_wait_ms", |place| match expects {
        Some(wait) => place.count(wait.ms()),
        None => place.null(),
    });
    map.field(b"newcomer_wait_ms", |place| {
        let mut lanes = place.map(4);
        for lane in Lane::ALL {
            let retry = newcomer(host, name, value, lane);
            lanes.field(lane.name().as_bytes(), |place| place.integer(retry.reply()));
        }
    });
    map.field(b"flows", |place| flows(place, &waiting::flows(host.context(), name)));
    let bytes = size_of::<Value>().saturating_add(value.heap_bytes());
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    map.count(b"reservations", count(open)).count(b"bytes", count(bytes));
}

/// What each flow has in the line.
fn flows(reply: Reply<'_>, flows: &[FlowOfKey]) {
    let mut list = reply.array(flows.len());
    for flow in flows {
        list.element(|place| flow_row::fields(&mut place.map(flow_row::FIELDS), flow));
    }
}

/// The first fields for one limit.
fn limit<'r>(reply: Reply<'r>, state: &State, clock: At) -> Map<'r> {
    let rule = state.rule();
    let mut map = reply.map(13);
    map.text(b"algorithm", rule.algorithm().as_bytes());
    map.field(b"parameters", |place| parameters::rule(place, &rule));
    // An excess that was taken over may be more than every client can read.
    map.count(b"used", state.used_cost(clock).min(COUNT_MAX));
    map.count(b"remaining", state.peek(0, clock).remaining);
    let (told, now) = (state.outside(), clock.max(state.at()));
    map.count(b"held_ms", told.held.since(clock).ms());
    map.count(b"used_elsewhere", told.used(&rule, now));
    map.count(b"elsewhere_ms", told.used_until(&rule, now).since(clock).ms());
    map
}

/// The first fields for a key that is held and had no request yet.
fn only_held<'r>(reply: Reply<'r>, held: &Held, clock: At) -> Map<'r> {
    let mut map = reply.map(13);
    map.text(b"algorithm", b"none").field(b"parameters", |place| drop(place.map(0)));
    map.count(b"used", 0).count(b"remaining", 0);
    let until = held.outsides().map_or(At::MIN, Outsides::last);
    map.count(b"held_ms", until.since(clock).ms()).count(b"used_elsewhere", 0).count(b"elsewhere_ms", 0);
    map
}

/// The first fields for many: what is a value above is a map by limit here.
fn quota<'r, 'h>(reply: Reply<'r>, host: &Server<'h>, name: Arg<'h>, held: &Quota) -> Map<'r> {
    let (shape, clock) = (in_force(host, name, held), host.clock());
    let limits = shape.limits().len();
    let is_own = shape.policy().is_some_and(|policy| has_override(host, policy, name));
    let mut map = reply.map(if is_own { 15 } else { 14 });
    map.text(b"algorithm", b"quota");
    map.field(b"policy", |place| match shape.policy() {
        Some(name) => place.text(name.as_bytes()),
        None => place.null(),
    });
    if is_own {
        map.count(b"override", 1);
    }
    map.field(b"parameters", |place| {
        let mut by_limit = place.map(limits);
        for limit in shape.limits() {
            by_limit.field(limit.name.as_bytes(), |place| parameters::limit(place, limit));
        }
    });
    let verdict = decide::peek(held, &shape, &Demand::NONE, clock);
    let is_told = held.outsides().is_some(); // then what remains tells nothing of what is used here
    map.field(b"used", |place| {
        let mut by_limit = place.map(limits);
        for (index, (limit, row)) in shape.limits().iter().zip(&verdict.rows).enumerate() {
            // Beyond the limit only the count itself tells how much it is.
            let beyond = || held.used(&shape, index, clock).max(row.limit);
            let used = if is_told {
                held.used(&shape, index, clock)
            } else if row.remaining > 0 {
                row.limit.saturating_sub(row.remaining)
            } else {
                beyond()
            };
            by_limit.count(limit.name.as_bytes(), used);
        }
    });
    map.field(b"remaining", |place| {
        let mut by_limit = place.map(limits);
        for (limit, row) in shape.limits().iter().zip(&verdict.rows) {
            by_limit.count(limit.name.as_bytes(), row.remaining);
        }
    });
    outsides(&mut map, &shape, held, clock);
    map
}

/// Whether a key has limits of its own under a policy.
fn has_override(host: &Server<'_>, policy: &Name, key: Arg<'_>) -> bool {
    policies::with(host.context().main_thread(), |policies| {
        policies.get_override(policy.as_bytes(), key.bytes()).is_some()
    })
}

/// The fields of what the limits of a quota are told from outside, each a map by limit.
fn outsides(map: &mut Map<'_>, shape: &Shape, held: &Quota, clock: At) {
    let none = Outsides::default();
    let (told, now) = (held.outsides().unwrap_or(&none), held.now(clock));
    let mut field = |key: &[u8], value: &dyn Fn(&Outside, &Measure) -> u64| {
        map.field(key, |place| {
            let mut by_limit = place.map(shape.limits().len());
            for limit in shape.limits() {
                let outside = told.limit(limit.name.as_bytes());
                by_limit.count(limit.name.as_bytes(), value(&outside, &limit.measure));
            }
        });
    };
    field(b"held_ms", &|outside, _| outside.held.max(told.all()).since(clock).ms());
    field(b"used_elsewhere", &|outside, measure| measure.rule().map_or(0, |rule| outside.used(rule, now)));
    field(b"elsewhere_ms", &|outside, measure| {
        measure.rule().map_or(0, |rule| outside.used_until(rule, now).since(clock).ms())
    });
}
