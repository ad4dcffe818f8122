//! `RL.QUOTA` and `RL.MQUOTA`: one request to many limits, of one key or of several.

use std::ops::Range;
use std::sync::Arc;

use rl_core::engine::quota::{Asked, Outcome, many, one};
use rl_core::engine::{Standing, Turn};
use rl_core::fault::{Fault, Result};
use rl_core::grammar::ask::{Ask, Limits};
use rl_core::grammar::cache::QuotaCache;
use rl_core::grammar::quota as grammar;
use rl_core::grammar::terms::{Reserve, Terms};
use rl_core::grammar::top::Verdict;
use rl_core::limit::decision::Retry;
use rl_core::quota::costs::Costs;
use rl_core::quota::decide::QuotaDecision;
use rl_core::quota::name::Name;
use rl_core::quota::shape::Shape;

use super::answer::{come, key};
use super::quota_reply::{Form, Names, Rest, reply, short};
use crate::command_docs as docs;
use crate::host::Server;
use crate::metrics::{self, Decisions};
use crate::sys::args::Args;
use crate::sys::command::{FindsKeys, Handler};
use crate::sys::context::Context;
use crate::sys::main_thread::MainThreadCell;
use crate::sys::reply::Reply;
use crate::waiting::{self, Answer, Queues};
use crate::{keyspace_events, policies, top, uncounted};

/// `RL.QUOTA key LIMIT… | POLICY name [COST unit n]… [RESERVE ttl [ID id] | [UPTO] LEASE ttl [ID id]] [WAIT duration [PRIORITY lane] [FLOW id [WEIGHT w]]] [REPLY SHORT]`
pub(crate) struct One;
/// `RL.MQUOTA numkeys key… POLICY name… [COST unit n]… [RESERVE ttl [ID id] | LEASE ttl [ID id]] [WAIT duration [PRIORITY lane] [FLOW id [WEIGHT w]]] [REPLY SHORT]`
pub(crate) struct Many;

static CACHE: MainThreadCell<QuotaCache> = MainThreadCell::new(QuotaCache::new());

impl Handler for One {
    const WORDS: (usize, usize) = (4, usize::MAX);

    fn run(context: &mut Context<'_>, args: Args<'_>, reply: Reply<'_>) {
        come(reply, &metrics::QUOTA.errors, |place| Self::come(context, args, place));
    }
}

impl Handler for Many {
    const WORDS: (usize, usize) = (5, usize::MAX);

    fn run(context: &mut Context<'_>, args: Args<'_>, reply: Reply<'_>) {
        come(reply, &metrics::MQUOTA.errors, |place| Self::come(context, args, place));
    }
}

impl FindsKeys for Many {
    const KEY: u32 = docs::MQUOTA.key;

    fn keys(args: Args<'_>) -> Range<usize> {
        keys(args)
    }
}

impl One {
    /// Runs a request that has just come.
    fn come(context: &mut Context<'_>, args: Args<'_>, place: &mut Option<Reply<'_>>) -> Result<()> {
        let main_thread = context.main_thread();
        let asked = CACHE.with(main_thread, |cache| {
            match cache.read(&args, policies::version(), &policies::Kept(main_thread)) {
                Ok(ask) => Self::ask(context, args, ask, place),
                Err(fault) => Err(fault),
            }
        });
        // The cache is in use if another module, told of this request's key, called the command again.
        asked.unwrap_or_else(|| Self::ask(context, args, Ask::read(&args)?, place))
    }

    #[inline(always)] // what it is given is large
    fn ask(
        context: &mut Context<'_>,
        args: Args<'_>,
        ask: Ask<'_>,
        place: &mut Option<Reply<'_>>,
    ) -> Result<()> {
        let (reserve, wait) = (ask.reserve, ask.wait.unwrap_or_default());
        let is_short = ask.is_short;
        let costs = unit_costs(&ask);
        let standing = Standing::Newcomer(wait.lane);
        let finish = |host: &mut Server<'_>, asked: &[Asked<Server<'_>>], outcome: &Outcome| {
            count(host, asked, outcome, &costs, &metrics::QUOTA);
            send(place, asked, outcome, reserve, Form { names: Names::Plain, is_short, index: None });
        };
        match one(&mut Server::new(context), key(args)?, ask, standing, finish) {
            Ok(Turn::Answer { .. }) => Ok(()),
            Ok(Turn::Wait { claims, .. }) => {
                let Some(place) = place.take() else { return Ok(()) };
                let queues = Queues { keys: 1..2, wait, is_any: false, claims, again: Self::again };
                waiting::join(context, place, args, queues)
            }
            Err(fault) => Err(fault),
        }
    }

    /// Runs a request that waits.
    fn again(context: &mut Context<'_>, args: Args<'_>, standing: Standing) -> Turn<Answer> {
        let turn = Ask::read(&args).and_then(|ask| {
            let (reserve, costs) = (ask.reserve, unit_costs(&ask));
            let is_short = ask.is_short;
            let finish = |host: &mut Server<'_>, asked: &[Asked<Server<'_>>], outcome: &Outcome| {
                count(host, asked, outcome, &costs, &metrics::QUOTA);
                keep(asked, outcome, reserve, Form { names: Names::Plain, is_short, index: None })
            };
            one(&mut Server::new(context), key(args)?, ask, standing, finish)
        });
        turn.unwrap_or_else(|fault| refuse(fault, &metrics::QUOTA))
    }
}

impl Many {
    /// Runs a request that has just come.
    fn come(context: &mut Context<'_>, args: Args<'_>, place: &mut Option<Reply<'_>>) -> Result<()> {
        let request = grammar::many(&args)?;
        let Terms { costs, reserve, wait, .. } = &request.terms;
        let (reserve, wait, is_short) = (*reserve, *wait, request.terms.is_short);
        let wait = wait.unwrap_or_default();
        let finish = |host: &mut Server<'_>, asked: &[Asked<Server<'_>>], outcome: &Outcome| {
            count(host, asked, outcome, costs, &metrics::MQUOTA);
            send(place, asked, outcome, reserve, Form { names: Names::WithPolicy, is_short, index: None });
        };
        match Self::turn(context, args, &request, Standing::Newcomer(wait.lane), finish)? {
            Turn::Answer { .. } => Ok(()),
            Turn::Wait { claims, .. } => {
                let Some(place) = place.take() else { return Ok(()) };
                let queues = Queues { keys: request.keys, wait, is_any: false, claims, again: Self::again };
                waiting::join(context, place, args, queues)
            }
        }
    }

    /// Runs a request that waits.
    fn again(context: &mut Context<'_>, args: Args<'_>, standing: Standing) -> Turn<Answer> {
        let turn = grammar::many(&args).and_then(|request| {
            let Terms { costs, reserve, .. } = &request.terms;
            let (reserve, is_short) = (*reserve, request.terms.is_short);
            let finish = |host: &mut Server<'_>, asked: &[Asked<Server<'_>>], outcome: &Outcome| {
                count(host, asked, outcome, costs, &metrics::MQUOTA);
                keep(asked, outcome, reserve, Form { names: Names::WithPolicy, is_short, index: None })
            };
            Self::turn(context, args, &request, standing, finish)
        });
        turn.unwrap_or_else(|fault| refuse(fault, &metrics::MQUOTA))
    }

    fn turn<'a, R>(
        context: &'a mut Context<'_>,
        args: Args<'a>,
        request: &grammar::ManyRequest<'_>,
        standing: Standing,
        finish: impl FnOnce(&mut Server<'a>, &[Asked<Server<'a>>], &Outcome) -> R,
    ) -> Result<Turn<R>> {
        let Terms { reserve, wait, .. } = &request.terms;
        let names = request.keys.clone().filter_map(|at| args.get(at));
        many(
            &mut Server::new(context),
            names.zip(request.limits()),
            *reserve,
            wait.is_some(),
            standing,
            finish,
        )
    }
}

/// The positions of the keys that a count of them precedes. Empty if the words are not such.
pub(super) fn keys(args: Args<'_>) -> Range<usize> {
    grammar::keys(&args).ok().filter(|keys| keys.end <= args.len()).unwrap_or_default()
}

/// The costs by unit of a request by policy. None for a request whose units are known to be counted: the limits are spelled
/// out, or the cache has recognised the words.
fn unit_costs<'w>(ask: &Ask<'w>) -> Costs<'w> {
    match &ask.limits {
        Limits::Known { .. } => Costs::default(),
        Limits::Policy { costs, .. } => costs.clone(),
    }
}

/// Counts a decision, for all and for its keys, and tells subscribers of it. A denied request is denied by the keys that do
/// not admit it.
#[inline(always)] // nearly always there are no costs to check
pub(super) fn count(
    host: &mut Server<'_>,
    asked: &[Asked<Server<'_>>],
    outcome: &Outcome,
    costs: &Costs<'_>,
    count: &Decisions,
) {
    let verdict = match outcome {
        Outcome::Admitted(_) => Verdict::Admitted,
        Outcome::Denied(_) => Verdict::Denied,
        Outcome::Repeated => return metrics::REPEATED.count(),
    };
    count.of(verdict).count();
    uncounted::count(host.context(), costs, asked.iter().map(|asked| &*asked.shape));
    let admits = verdict == Verdict::Admitted;
    if admits && asked.iter().any(would_deny) {
        metrics::SHADOW_DENIED.count();
    }
    for Asked { name, decision, .. } in asked.iter().filter(|asked| asked.decision.allowed() == admits) {
        top::count(host.context(), *name, verdict);
        if keyspace_events::any() {
            let near = admits && host.reaches_near(*name, &decision.rows);
            keyspace_events::decided(host.context_mut(), *name, verdict, near);
        }
    }
}

/// Whether a shadow would have denied a request that is admitted.
#[inline]
fn would_deny(asked: &Asked<Server<'_>>) -> bool {
    asked.shape.has_shadows() && asked.decision.rows.iter().any(|row| row.retry != Retry::Now)
}

/// Sends the answer.
#[inline(always)] // how many keys there are is known where it is called
pub(super) fn send(
    place: &mut Option<Reply<'_>>,
    asked: &[Asked<Server<'_>>],
    outcome: &Outcome,
    reserve: Option<Reserve<'_>>,
    form: Form,
) {
    let Some(place) = place.take() else { return };
    let (denied, granted) = (outcome.denied(), granted(asked, reserve));
    let id = reserve.map(|reserve| outcome.id(reserve));
    let rest = Rest { id, index: form.index, granted: granted.as_deref() };
    if form.is_short {
        return short(place, denied, rest);
    }
    let rows = asked.iter().map(|asked| (&*asked.shape, &asked.decision));
    reply(place, rows, denied, form.names, rest);
}

/// What was granted of each unit, if the request takes as much as there is.
#[inline]
fn granted(asked: &[Asked<Server<'_>>], reserve: Option<Reserve<'_>>) -> Option<Vec<(Name, u64)>> {
    let list = || asked.iter().flat_map(Asked::granted).map(|(unit, n)| (unit.clone(), n)).collect();
    reserve.is_some_and(|reserve| reserve.is_up_to()).then(list)
}

/// Keeps the answer until the client can be sent it.
pub(super) fn keep(
    asked: &[Asked<Server<'_>>],
    outcome: &Outcome,
    reserve: Option<Reserve<'_>>,
    form: Form,
) -> Answer {
    let id: Option<Option<Box<[u8]>>> = reserve.map(|reserve| outcome.id(reserve).map(Into::into));
    let (denied, granted) = (outcome.denied(), granted(asked, reserve));
    let rows = asked.iter().map(|asked| (Arc::clone(&asked.shape), asked.decision.clone()));
    let rows: Vec<(Arc<Shape>, QuotaDecision)> = if form.is_short { Vec::new() } else { rows.collect() };
    Box::new(move |place| {
        let id = id.as_ref().map(Option::as_deref);
        let rest = Rest { id, index: form.index, granted: granted.as_deref() };
        if form.is_short {
            return short(place, denied, rest);
        }
        let rows = rows.iter().map(|(shape, decision)| (&**shape, decision));
        reply(place, rows, denied, form.names, rest);
    })
}

pub(super) fn refuse(fault: Fault, count: &Decisions) -> Turn<Answer> {
    count.errors.count();
    waiting::refuse(fault)
}
