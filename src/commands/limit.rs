//! `RL.SLIDE`, `RL.WINDOW`, `RL.BUCKET`: one request to one limit.

use std::marker::PhantomData;

use rl_core::engine::limit::{Granted, turn, up_to};
use rl_core::engine::{Standing, Turn};
use rl_core::fault::Result;
use rl_core::grammar::cache::LimitCache;
use rl_core::grammar::limit::{self, Request};
use rl_core::grammar::top::Verdict;
use rl_core::limit::Kind;
use rl_core::limit::algorithm::Algorithm;
use rl_core::limit::decision::Decision;
use rl_core::limit::rule::Rule;

use super::answer::{come, key};
use crate::host::Server;
use crate::metrics::{self, Decisions};
use crate::sys::args::{Arg, Args};
use crate::sys::command::Handler;
use crate::sys::context::Context;
use crate::sys::main_thread::MainThreadCell;
use crate::sys::reply::Reply;
use crate::waiting::{self, Answer, Queues};
use crate::{keyspace_events, top};

/// The command of the algorithm with the rule `A`. The words after the key are the algorithm's own:
/// see [`Algorithm::read`].
pub(super) struct Limit<A>(PhantomData<A>);

/// The last request of each of these commands.
static CACHES: [MainThreadCell<LimitCache>; Kind::ALL.len()] =
    [const { MainThreadCell::new(LimitCache::new()) }; Kind::ALL.len()];

impl<A: Algorithm + Into<Rule>> Limit<A> {
    const COUNT: &'static Decisions = metrics::of_limit(A::KIND);
    #[expect(
        clippy::indexing_slicing,
        reason = "the compiler evaluates it, and refuses an index that is too large"
    )]
    const CACHE: &'static MainThreadCell<LimitCache> = &CACHES[A::KIND as usize];

    fn read(args: &Args<'_>) -> Result<Request> {
        limit::read::<A, _>(args)
    }
}

impl<A: Algorithm + Into<Rule>> Handler for Limit<A> {
    const WORDS: (usize, usize) = (4, usize::MAX);

    fn run(context: &mut Context<'_>, args: Args<'_>, reply: Reply<'_>) {
        come(reply, &Self::COUNT.errors, |reply| run::<A>(context, args, reply));
    }
}

/// Runs a request that has just come.
fn run<A: Algorithm + Into<Rule>>(
    context: &mut Context<'_>,
    args: Args<'_>,
    place: &mut Option<Reply<'_>>,
) -> Result<()> {
    let main_thread = context.main_thread();
    let asked = Limit::<A>::CACHE
        .with(main_thread, |cache| ask::<A>(context, args, cache.read(&args, Limit::<A>::read)?, place));
    // The cache is in use if another module, told of this request's key, called the command again.
    asked.unwrap_or_else(|| ask::<A>(context, args, &Limit::<A>::read(&args)?, place))
}

fn ask<A: Algorithm + Into<Rule>>(
    context: &mut Context<'_>,
    args: Args<'_>,
    request: &Request,
    place: &mut Option<Reply<'_>>,
) -> Result<()> {
    if request.is_up_to {
        return ask_up_to::<A>(context, args, request, place);
    }
    let wait = request.wait.unwrap_or_default();
    match turn(&mut Server::new(context), key(args)?, request, Standing::Newcomer(wait.lane))? {
        Turn::Answer { reply: decision, .. } => {
            count(context, args.get(1), Limit::<A>::COUNT, &decision, request.cost);
            if let Some(place) = place.take() {
                reply(place, &decision);
            }
            Ok(())
        }
        Turn::Wait { claims, .. } => {
            let Some(place) = place.take() else { return Ok(()) };
            let queues = Queues { keys: 1..2, wait, is_any: false, claims, again: again::<A> };
            waiting::join(context, place, args, queues)
        }
    }
}

/// Does what [`ask`] does for a request that takes as much of its cost as there is.
#[cold]
fn ask_up_to<A: Algorithm + Into<Rule>>(
    context: &mut Context<'_>,
    args: Args<'_>,
    request: &Request,
    place: &mut Option<Reply<'_>>,
) -> Result<()> {
    let wait = request.wait.unwrap_or_default();
    match up_to(&mut Server::new(context), key(args)?, request, Standing::Newcomer(wait.lane))? {
        Turn::Answer { reply: granted, .. } => {
            count(context, args.get(1), Limit::<A>::COUNT, &granted.decision, granted.cost);
            if let Some(place) = place.take() {
                reply_granted(place, &granted);
            }
        }
        Turn::Wait { claims, .. } => {
            let Some(place) = place.take() else { return Ok(()) };
            let queues = Queues { keys: 1..2, wait, is_any: false, claims, again: again::<A> };
            waiting::join(context, place, args, queues)?;
        }
    }
    Ok(())
}

/// Runs a request that waits.
fn again<A: Algorithm + Into<Rule>>(
    context: &mut Context<'_>,
    args: Args<'_>,
    standing: Standing,
) -> Turn<Answer> {
    let turn = Limit::<A>::read(&args).and_then(|request| {
        if request.is_up_to {
            return Ok(match up_to(&mut Server::new(context), key(args)?, &request, standing)? {
                Turn::Wait { after, claims } => Turn::Wait { after, claims },
                Turn::Answer { admitted, reply: granted, .. } => {
                    count(context, args.get(1), Limit::<A>::COUNT, &granted.decision, granted.cost);
                    let reply: Answer = Box::new(move |place| reply_granted(place, &granted));
                    Turn::answer(admitted, reply)
                }
            });
        }
        Ok(match turn(&mut Server::new(context), key(args)?, &request, standing)? {
            Turn::Wait { after, claims } => Turn::Wait { after, claims },
            Turn::Answer { admitted, reply: decision, .. } => {
                count(context, args.get(1), Limit::<A>::COUNT, &decision, request.cost);
                let reply: Answer = Box::new(move |place| reply(place, &decision));
                Turn::answer(admitted, reply)
            }
        })
    });
    turn.unwrap_or_else(|fault| {
        Limit::<A>::COUNT.errors.count();
        waiting::refuse(fault)
    })
}

/// Counts a decision on a request of `cost`, for all and for its key, and tells subscribers of it.
pub(super) fn count(
    context: &mut Context<'_>,
    name: Option<Arg<'_>>,
    count: &Decisions,
    decision: &Decision,
    cost: u64,
) {
    let verdict = if decision.allowed { Verdict::Admitted } else { Verdict::Denied };
    count.of(verdict).count();
    if let Some(key) = name {
        top::count(context, key, verdict);
        if keyspace_events::any() {
            let near = keyspace_events::reaches_near(decision.limit, decision.remaining, cost);
            keyspace_events::decided(context, key, verdict, near);
        }
    }
}

/// Sends the five integers: allowed, limit, remaining, retry_after_ms, reset_after_ms.
pub(super) fn reply(reply: Reply<'_>, decision: &Decision) {
    integers(reply, u64::from(decision.allowed), decision);
}

/// Sends the five integers, of which the first is how much is granted.
fn reply_granted(reply: Reply<'_>, Granted { decision, cost }: &Granted) {
    integers(reply, *cost, decision);
}

#[inline(always)]
fn integers(reply: Reply<'_>, allowed: u64, decision: &Decision) {
    reply
        .array(5)
        .count(allowed)
        .count(decision.limit)
        .count(decision.remaining)
        .integer(decision.retry.reply())
        .count(decision.reset_after_ms);
}
