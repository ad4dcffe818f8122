//! `RL.QUOTA` and `RL.MQUOTA`: one request against many limits, of one key or of several.
//!
//! All keys are opened and asked first. Only when every limit of every key admits its cost is
//! anything changed; so there is nothing to take back.

use std::ffi::c_long;
use std::ops::Range;
use std::sync::Arc;

use rl_core::decision::{Decision, Retry};
use rl_core::fault::{Fault, Result};
use rl_core::quota::Quota;
use rl_core::quota::change::{Admission, Change, Reserved};
use rl_core::quota::decide::{self, Demand, Verdict};
use rl_core::quota::request::{self, Limits, Reserve, Wanted};
use rl_core::quota::shape::{Limit, PerLimit, Shape};
use rl_core::time::{At, Span};
use rl_core::value::Value;

use super::{answer, key};
use crate::command_docs as docs;
use crate::metrics::{self, Decisions};
use crate::sys::command::{FindsKeys, Handler};
use crate::sys::context::{Arg, Args, Context};
use crate::sys::key::{Key, Mode};
use crate::sys::random::hex;
use crate::sys::reply::Reply;
use crate::{change, policies, settings};

/// `RL.QUOTA key LIMIT… | POLICY name [COST unit n]… [RESERVE ttl [ID id]]`
pub(crate) struct One;
/// `RL.MQUOTA numkeys key… POLICY name… [COST unit n]… [RESERVE ttl [ID id]]`
pub(crate) struct Many;

impl Handler for One {
    const WORDS: (usize, usize) = (4, usize::MAX);

    fn run(context: Context<'_>, args: Args<'_>) {
        let outcome = one(context, args);
        finish(context, &metrics::QUOTA, outcome);
    }
}

impl Handler for Many {
    const WORDS: (usize, usize) = (5, usize::MAX);

    fn run(context: Context<'_>, args: Args<'_>) {
        let outcome = many(context, args);
        finish(context, &metrics::MQUOTA, outcome);
    }
}

impl FindsKeys for Many {
    const KEY: u32 = docs::MQUOTA.key;

    fn keys(args: Args<'_>) -> Range<usize> {
        request::keys(&args).ok().filter(|keys| keys.end <= args.len()).unwrap_or_default()
    }
}

/// What became of a request.
enum Outcome {
    Admitted,
    Denied,
    /// It had been admitted before.
    Repeated,
}

fn finish(context: Context<'_>, count: &Decisions, outcome: Result<Outcome>) {
    let counted = outcome.map(|outcome| match outcome {
        Outcome::Admitted => count.admitted.count(),
        Outcome::Denied => count.denied.count(),
        Outcome::Repeated => metrics::REPEATED.count(),
    });
    answer(context, &count.errors, counted);
}

fn one(context: Context<'_>, args: Args<'_>) -> Result<Outcome> {
    let name = key(args)?;
    let mut key = Key::open(context, name, Mode::Write);
    let (shape, Wanted { costs, reserve }) = read(&args, held(&mut key).ok().flatten())?;
    if shape.policy().is_none() {
        settings::allow_window(shape.longest())?;
    }
    let mut asked = [Asked { name, key, shape, costs, verdict: Verdict::default() }];
    ask(context, &mut asked, reserve, Names::Plain)
}

/// Which limits a request is about, and what it asks of them. A key is asked by the same ones in the
/// same words nearly always.
fn read<'a>(args: &'a Args<'_>, held: Option<&Quota>) -> Result<(Arc<Shape>, Wanted<'a>)> {
    let known = held.map(Quota::shape);
    if let Some(known) = known.filter(|known| policies::holds_still(known))
        && let Some(wanted) = request::again(args, known)
    {
        return Ok((Arc::clone(known), wanted));
    }
    let request = request::quota(args)?;
    let shape = match &request.limits {
        Limits::Policy(name) => policy(name)?,
        Limits::Spelled(drafts) => match known.filter(|known| known.is(drafts)) {
            Some(known) => Arc::clone(known),
            None => Shape::new(None, drafts)?,
        },
    };
    if known.is_some_and(|known| Arc::ptr_eq(known, &shape)) {
        shape.learn(|| request::spelling(args, &shape));
    }
    let wanted = request.terms.wanted(&shape);
    Ok((shape, wanted))
}

fn many(context: Context<'_>, args: Args<'_>) -> Result<Outcome> {
    let request = request::many(&args)?;
    let mut asked = Vec::with_capacity(request.policies.len());
    for (index, policy_name) in request.keys.zip(&request.policies) {
        let name = args.get(index).ok_or(Fault::ManySyntax)?;
        let shape = policy(policy_name)?;
        let key = Key::open(context, name, Mode::Write);
        let costs = request.terms.costs.by_limit(&shape);
        asked.push(Asked { name, key, shape, costs, verdict: Verdict::default() });
    }
    ask(context, &mut asked, request.terms.reserve, Names::WithPolicy)
}

/// One of the keys that a request is about, and the limits that it asks of it.
struct Asked<'a> {
    name: Arg<'a>,
    key: Key<'a, Value>,
    shape: Arc<Shape>,
    /// What it takes of each limit.
    costs: PerLimit<u64>,
    /// What they answer.
    verdict: Verdict,
}

/// What a limit is called in a reply.
#[derive(Clone, Copy)]
pub(super) enum Names {
    Plain,
    /// `policy/name`, to tell those of several keys apart.
    WithPolicy,
}

/// Asks all, charges all or none, and answers.
fn ask(
    context: Context<'_>,
    asked: &mut [Asked<'_>],
    reserve: Option<Reserve<'_>>,
    names: Names,
) -> Result<Outcome> {
    let clock = context.now();
    let ttl = reserve.map(|reserve| reserve.ttl);
    let given = reserve.and_then(|reserve| reserve.id);
    if let Some(id) = given
        && repeated(asked, id, clock)?
    {
        reply(context, asked, names, Some(given));
        return Ok(Outcome::Repeated);
    }
    let mut allowed = true;
    for Asked { key, shape, costs, verdict, .. } in asked.iter_mut() {
        let held = held(key)?;
        decide::allow(held, shape, ttl, clock)?;
        decide::decide_into(verdict, held, shape, &Demand { costs, ttl }, clock);
        allowed &= verdict.allowed();
    }
    let made = if given.is_none() && ttl.is_some() && allowed { Some(hex::<32>()) } else { None };
    let id = given.or(made.as_ref().map(<[u8; 32]>::as_slice));
    for asked in asked.iter_mut() {
        if allowed {
            charge(context, asked, ttl.zip(id))?;
        } else {
            decide::deny(&mut asked.verdict, held(&mut asked.key)?, &asked.shape, clock);
        }
    }
    reply(context, asked, names, ttl.map(|_| id.filter(|_| allowed)));
    Ok(if allowed { Outcome::Admitted } else { Outcome::Denied })
}

/// Finds what was answered to the request with this id; whether it is open, on all keys then.
fn repeated(asked: &mut [Asked<'_>], id: &[u8], clock: At) -> Result<bool> {
    let mut open = 0_usize;
    for Asked { key, shape, verdict, .. } in asked.iter_mut() {
        if let Some(held) = held(key)?
            && let Some(reservation) = held.reservations().and_then(|all| all.get(id, held.now(clock)))
        {
            *verdict = decide::repeated(held, shape, reservation, clock);
            open = open.saturating_add(1);
        }
    }
    if open > 0 && open < asked.len() { Err(Fault::IdElsewhere) } else { Ok(open > 0) }
}

/// Books what was admitted on one key, and holds it where it is reserved.
fn charge(context: Context<'_>, asked: &mut Asked<'_>, reserve: Option<(Span, &[u8])>) -> Result<()> {
    if reserve.is_none() && asked.costs.iter().all(|cost| *cost == 0) {
        return Ok(());
    }
    let Verdict { rows, at } = &asked.verdict;
    let reserved = reserve.map(|(ttl, id)| Reserved {
        id,
        expires: at.plus(ttl),
        answers: rows.iter().map(|row| (row.remaining, row.reset_after_ms)).collect(),
    });
    let (shape, costs) = (Arc::clone(&asked.shape), std::mem::take(&mut asked.costs));
    let change = Change::Admit(Admission { shape, at: *at, costs, reserved });
    change::apply(context, &mut asked.key, asked.name, &change)?;
    change::replicate(context, asked.name, &change);
    Ok(())
}

/// What the key holds; an error where it is no quota.
fn held<'a>(key: &'a mut Key<'_, Value>) -> Result<Option<&'a Quota>> {
    key.value()?.map(|value| value.quota()).transpose()
}

fn policy(name: &[u8]) -> Result<Arc<Shape>> {
    policies::get(name).ok_or(Fault::NoPolicy)
}

/// Allowed, retry_after_ms, what blocks, a row for each limit; with `id` also that or nil.
fn reply(context: Context<'_>, asked: &[Asked<'_>], names: Names, id: Option<Option<&[u8]>>) {
    let reply = Reply::to(context).array(if id.is_some() { 5 } else { 4 });
    limits(reply, asked.iter().map(|asked| (&*asked.shape, &asked.verdict)), names);
    match id {
        Some(Some(id)) => {
            reply.text(id);
        }
        Some(None) => {
            reply.null();
        }
        None => {}
    }
}

/// The first four elements of a reply.
pub(super) fn limits<'a>(
    reply: Reply<'_>,
    answers: impl Iterator<Item = (&'a Shape, &'a Verdict)> + Clone,
    names: Names,
) {
    if answers.clone().all(|(_, verdict)| verdict.allowed()) {
        reply.integer(1).integer(0).array(0);
    } else {
        let blocks = |verdict: &Verdict| verdict.rows.iter().filter(|row| !row.allowed).count();
        let retry = answers.clone().map(|(_, verdict)| verdict.retry()).max();
        reply.integer(0).integer(retry.map_or(0, Retry::reply));
        reply.array(len(answers.clone().map(|(_, verdict)| blocks(verdict)).sum()));
        for (shape, verdict) in answers.clone() {
            for (limit, _) in shape.limits().iter().zip(&verdict.rows).filter(|(_, row)| !row.allowed) {
                name(reply, shape, limit, names);
            }
        }
    }
    reply.array(len(answers.clone().map(|(_, verdict)| verdict.rows.len()).sum()));
    for (shape, verdict) in answers {
        for (limit, row) in shape.limits().iter().zip(&verdict.rows) {
            name(reply.array(5), shape, limit, names);
            numbers(reply, row);
        }
    }
}

fn len(count: usize) -> c_long {
    c_long::try_from(count).unwrap_or(0) // at most sixteen limits of sixteen keys
}

fn numbers(reply: Reply<'_>, row: &Decision) {
    reply.count(row.limit).count(row.remaining).integer(row.retry.reply()).count(row.reset_after_ms);
}

fn name(reply: Reply<'_>, shape: &Shape, limit: &Limit, names: Names) {
    match (names, shape.policy()) {
        (Names::WithPolicy, Some(policy)) => {
            reply.text(&[policy.as_bytes(), b"/", limit.name.as_bytes()].concat());
        }
        _ => {
            reply.text(limit.name.as_bytes());
        }
    }
}
