//! `RL.SLIDE`, `RL.WINDOW`, `RL.BUCKET`: one request against one limit.

use rl_core::decision::Decision;
use rl_core::effect::Effect;
use rl_core::fault::Result;
use rl_core::request::{self, Request};
use rl_core::state::State;
use rl_core::value::Value;

use super::{answer, key};
use crate::change;
use crate::metrics::{self, Decisions};
use crate::settings;
use crate::sys::command::Handler;
use crate::sys::context::{Args, Context};
use crate::sys::key::{Key, Mode};
use crate::sys::reply::Reply;

/// `RL.SLIDE key limit window [COST n]`
pub(crate) struct Slide;
/// `RL.WINDOW key limit window [OFFSET duration] [COST n]`
pub(crate) struct Window;
/// `RL.BUCKET key capacity refill [period] [COST n]`
pub(crate) struct Bucket;

impl Handler for Slide {
    const WORDS: (usize, usize) = (4, usize::MAX);

    fn run(context: Context<'_>, args: Args<'_>) {
        limit(context, args, request::slide(&args), &metrics::SLIDE);
    }
}

impl Handler for Window {
    const WORDS: (usize, usize) = (4, usize::MAX);

    fn run(context: Context<'_>, args: Args<'_>) {
        limit(context, args, request::window(&args), &metrics::WINDOW);
    }
}

impl Handler for Bucket {
    const WORDS: (usize, usize) = (4, usize::MAX);

    fn run(context: Context<'_>, args: Args<'_>) {
        limit(context, args, request::bucket(&args), &metrics::BUCKET);
    }
}

fn limit(context: Context<'_>, args: Args<'_>, request: Result<Request>, count: &Decisions) {
    let decided = match &request {
        Ok(request) => decide(context, args, request, count),
        Err(fault) => Err(*fault),
    };
    answer(context, &count.errors, decided);
}

/// Decides, books what is admitted, and answers. A denial changes nothing and tells nobody.
fn decide(context: Context<'_>, args: Args<'_>, request: &Request, count: &Decisions) -> Result<()> {
    let Request { rule, cost } = request;
    let (cost, clock) = (*cost, context.now());
    settings::allow(rule)?;
    let name = key(args)?;
    let mut key = Key::<Value>::open(context, name, Mode::Write);
    let decision = match key.value()? {
        Some(value) => value.limit()?.decide(rule, cost, clock)?,
        None => State::decide_new(rule, cost, clock),
    };
    if decision.allowed && cost > 0 {
        let effect = Effect::Admit { rule: *rule, at: decision.at, cost };
        change::apply(context, &mut key, name, &effect)?;
        change::replicate(context, name, &effect);
    }
    if decision.allowed { &count.admitted } else { &count.denied }.count();
    reply(context, &decision);
    Ok(())
}

/// The five integers: allowed, limit, remaining, retry_after_ms, reset_after_ms.
pub(super) fn reply(context: Context<'_>, decision: &Decision) {
    Reply::to(context)
        .array(5)
        .integer(i64::from(decision.allowed))
        .count(decision.limit)
        .count(decision.remaining)
        .integer(decision.retry.reply())
        .count(decision.reset_after_ms);
}
