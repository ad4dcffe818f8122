//! `RL.SLIDE`, `RL.WINDOW`, `RL.BUCKET`: one request against one limit.

use rl_core::engine::forecast::{self as behind, Ahead, Claim};
use rl_core::fault::Result;
use rl_core::grammar::cache::Recent;
use rl_core::grammar::limit::{self as request, Outcome, Request};
use rl_core::limit::decision::{Decision, Retry};
use rl_core::limit::effect::Effect;
use rl_core::limit::state::State;
use rl_core::queue::Lane;
use rl_core::time::{At, Span};
use rl_core::value::Value;

use super::{answer, key};
use crate::metrics::{self, Decisions};
use crate::sys::command::Handler;
use crate::sys::context::{Arg, Args, Context};
use crate::sys::key::{Key, Mode};
use crate::sys::main_thread::MainThread;
use crate::sys::reply::Reply;
use crate::waiting::{self, Answer, Claims, Standing, Turn};
use crate::{change, settings, top};

/// `RL.SLIDE key limit window [COST n] [WAIT duration [PRIORITY lane]]`
pub(crate) struct Slide;
/// `RL.WINDOW key limit window [OFFSET duration] [COST n] [WAIT duration [PRIORITY lane]]`
pub(crate) struct Window;
/// `RL.BUCKET key capacity refill [period] [COST n] [WAIT duration [PRIORITY lane]]`
pub(crate) struct Bucket;

/// A command that asks one limit.
trait Limit: 'static {
    fn read(args: &Args<'_>) -> Result<Request>;
    const COUNT: &'static Decisions;
    const RECENT: &'static MainThread<Recent>;
}

static SLIDE: MainThread<Recent> = MainThread::new(Recent::new());
static WINDOW: MainThread<Recent> = MainThread::new(Recent::new());
static BUCKET: MainThread<Recent> = MainThread::new(Recent::new());

impl Limit for Slide {
    const COUNT: &'static Decisions = &metrics::SLIDE;
    const RECENT: &'static MainThread<Recent> = &SLIDE;

    fn read(args: &Args<'_>) -> Result<Request> {
        request::slide(args)
    }
}

impl Limit for Window {
    const COUNT: &'static Decisions = &metrics::WINDOW;
    const RECENT: &'static MainThread<Recent> = &WINDOW;

    fn read(args: &Args<'_>) -> Result<Request> {
        request::window(args)
    }
}

impl Limit for Bucket {
    const COUNT: &'static Decisions = &metrics::BUCKET;
    const RECENT: &'static MainThread<Recent> = &BUCKET;

    fn read(args: &Args<'_>) -> Result<Request> {
        request::bucket(args)
    }
}

impl Handler for Slide {
    const WORDS: (usize, usize) = (4, usize::MAX);

    fn run(context: Context<'_>, args: Args<'_>) {
        run::<Self>(context, args);
    }
}

impl Handler for Window {
    const WORDS: (usize, usize) = (4, usize::MAX);

    fn run(context: Context<'_>, args: Args<'_>) {
        run::<Self>(context, args);
    }
}

impl Handler for Bucket {
    const WORDS: (usize, usize) = (4, usize::MAX);

    fn run(context: Context<'_>, args: Args<'_>) {
        run::<Self>(context, args);
    }
}

fn run<L: Limit>(context: Context<'_>, args: Args<'_>) {
    let done = limit::<L>(context, args);
    answer(context, &L::COUNT.errors, done);
}

/// Runs a request that has just come.
fn limit<L: Limit>(context: Context<'_>, args: Args<'_>) -> Result<()> {
    let asked = L::RECENT.with(|recent| ask::<L>(context, args, recent.read(&args, L::read)?));
    // Another request in the midst of this one: a module called it that was told of this one's key.
    asked.unwrap_or_else(|| ask::<L>(context, args, &L::read(&args)?))
}

fn ask<L: Limit>(context: Context<'_>, args: Args<'_>, request: &Request) -> Result<()> {
    settings::allow(&request.rule)?;
    let lane = request.wait.map_or(Lane::default(), |wait| wait.lane);
    let decision = decide(context, args, request, Standing::Comes(lane))?;
    if let (Some(wait), Retry::After(_)) = (request.wait, decision.retry)
        && let Some(user) = context.may_block()
    {
        return waiting::join(context, user, args, 1..2, wait, claims(request), again::<L>);
    }
    count(context, args, L::COUNT, &decision);
    reply(context, &decision);
    Ok(())
}

/// The same for one that waits.
fn again<L: Limit>(context: Context<'_>, args: Args<'_>, standing: Standing) -> Turn {
    let decided = L::read(&args).and_then(|request| {
        settings::allow(&request.rule)?;
        Ok((request, decide(context, args, &request, standing)?))
    });
    let (request, decision) = match decided {
        Ok(decided) => decided,
        Err(fault) => {
            L::COUNT.errors.count();
            return Turn::fault(fault);
        }
    };
    if let (Standing::First, Retry::After(ms)) = (standing, decision.retry) {
        return Turn::Denied(Span::from_ms(ms), claims(&request));
    }
    count(context, args, L::COUNT, &decision);
    let answer: Answer = Box::new(move |context| reply(context, &decision));
    if decision.allowed { Turn::Admitted(answer) } else { Turn::Refused(answer) }
}

fn claims(request: &Request) -> Claims {
    std::iter::once((1, Claim::Limit(*request))).collect()
}

pub(super) fn count(context: Context<'_>, args: Args<'_>, count: &Decisions, decision: &Decision) {
    let outcome = if decision.allowed { Outcome::Admitted } else { Outcome::Denied };
    count.of(outcome).count();
    if let Some(key) = args.get(1) {
        top::count(context, key, outcome);
    }
}

/// Decides, and books what is admitted. A denial changes nothing and tells nobody.
#[inline(always)] // a decision is large
pub(super) fn decide(
    context: Context<'_>,
    args: Args<'_>,
    request: &Request,
    standing: Standing,
) -> Result<Decision> {
    let Request { rule, cost, .. } = request;
    let (cost, clock) = (*cost, context.now());
    let name = key(args)?;
    let mut key = Key::<Value>::open(context, name, Mode::Write);
    let held = key.value()?.map(|value| value.limit()).transpose()?;
    let decision = match held {
        Some(state) => state.decide(rule, cost, clock)?,
        None => State::decide_new(rule, cost, clock),
    };
    if (waiting::any() || matches!(standing, Standing::Leaves(_)))
        && let Some(behind) = behind(context, name, held, request, standing, clock)
    {
        return Ok(behind);
    }
    if decision.allowed && cost > 0 {
        let effect = Effect::Admit { rule: *rule, at: decision.at, cost };
        change::apply(context, &mut key, name, &effect)?;
        change::replicate(context, name, &effect);
    }
    Ok(decision)
}

/// What one is answered who has to stand behind others, or who leaves the line.
#[cold]
fn behind(
    context: Context<'_>,
    name: Arg<'_>,
    held: Option<&State>,
    request: &Request,
    standing: Standing,
    clock: At,
) -> Option<Decision> {
    let tell = |ahead: &mut dyn Iterator<Item = Ahead<'_>>| behind::limit(held, ahead, request, clock);
    match standing {
        Standing::Comes(lane) if request.cost > 0 => waiting::behind(context, name, lane, tell),
        Standing::Leaves(lane) => {
            waiting::behind(context, name, lane, tell).or_else(|| Some(tell(&mut std::iter::empty())))
        }
        Standing::Comes(_) | Standing::First => None,
    }
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
