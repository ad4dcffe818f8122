//! `RL.QUOTA` and `RL.MQUOTA`: one request against many limits, of one key or of several.
//!
//! All keys are opened and asked first. Only when every limit of every key admits its cost is
//! anything changed; so there is nothing to take back.

use std::ffi::c_long;
use std::ops::Range;
use std::sync::Arc;

use rl_core::behind::{self, Claim, QuotaClaim};
use rl_core::decision::{Decision, Retry};
use rl_core::fault::{Fault, Result};
use rl_core::lanes::Lane;
use rl_core::quota::Quota;
use rl_core::quota::change::{Admission, Change, Reserved};
use rl_core::quota::decide::{self, Demand, Verdict};
use rl_core::quota::request::{self, Limits, Terms};
use rl_core::quota::shape::{Limit, PerLimit, Shape};
use rl_core::time::{At, Span};
use rl_core::value::Value;
use smallvec::SmallVec;

use super::{answer, key};
use crate::command_docs as docs;
use crate::metrics::{self, Decisions};
use crate::sys::command::{FindsKeys, Handler};
use crate::sys::context::{Arg, Args, Context};
use crate::sys::key::{Key, Mode};
use crate::sys::random::hex;
use crate::sys::reply::Reply;
use crate::waiting::{self, Answer, Standing, Turn};
use crate::{change, policies, settings};

/// `RL.QUOTA key LIMIT… | POLICY name [COST unit n]… [RESERVE ttl [ID id]] [WAIT duration [PRIORITY lane]]`
pub(crate) struct One;
/// `RL.MQUOTA numkeys key… POLICY name… [COST unit n]… [RESERVE ttl [ID id]] [WAIT duration [PRIORITY lane]]`
pub(crate) struct Many;

/// A command that asks quotas.
trait Asks: 'static {
    const COUNT: &'static Decisions;
    const NAMES: Names;
    /// Which of the words are its keys, where these are its words.
    fn keys(args: Args<'_>) -> Range<usize>;
    /// Reads the words, and opens the keys.
    fn read<'a>(context: Context<'a>, args: &'a Args<'a>) -> Result<(Terms<'a>, SmallVec<[Asked<'a>; 1]>)>;
}

impl Handler for One {
    const WORDS: (usize, usize) = (4, usize::MAX);

    fn run(context: Context<'_>, args: Args<'_>) {
        run::<Self>(context, args);
    }
}

impl Handler for Many {
    const WORDS: (usize, usize) = (5, usize::MAX);

    fn run(context: Context<'_>, args: Args<'_>) {
        run::<Self>(context, args);
    }
}

impl Asks for One {
    const COUNT: &'static Decisions = &metrics::QUOTA;
    const NAMES: Names = Names::Plain;

    fn keys(_: Args<'_>) -> Range<usize> {
        1..2
    }

    fn read<'a>(context: Context<'a>, args: &'a Args<'a>) -> Result<(Terms<'a>, SmallVec<[Asked<'a>; 1]>)> {
        let name = key(*args)?;
        let mut key = Key::open(context, name, Mode::Write);
        let (terms, shape) = read(context, args, held(&mut key).ok().flatten())?;
        Ok((terms, SmallVec::from_buf([Asked { name, key, shape, costs: PerLimit::new() }])))
    }
}

impl Asks for Many {
    const COUNT: &'static Decisions = &metrics::MQUOTA;
    const NAMES: Names = Names::WithPolicy;

    fn keys(args: Args<'_>) -> Range<usize> {
        request::keys(&args).unwrap_or_default()
    }

    fn read<'a>(context: Context<'a>, args: &'a Args<'a>) -> Result<(Terms<'a>, SmallVec<[Asked<'a>; 1]>)> {
        let request = request::many(args)?;
        let mut asked = SmallVec::with_capacity(request.policies.len());
        for (index, policy_name) in request.keys.zip(&request.policies) {
            let name = args.get(index).ok_or(Fault::ManySyntax)?;
            let mut key = Key::open(context, name, Mode::Write);
            let before = before(context, &request.terms, held(&mut key).ok().flatten());
            let shape = before.map_or_else(|| policy(policy_name), Ok)?;
            asked.push(Asked { name, key, shape, costs: PerLimit::new() });
        }
        Ok((request.terms, asked))
    }
}

impl FindsKeys for Many {
    const KEY: u32 = docs::MQUOTA.key;

    fn keys(args: Args<'_>) -> Range<usize> {
        request::keys(&args).ok().filter(|keys| keys.end <= args.len()).unwrap_or_default()
    }
}

fn run<Q: Asks>(context: Context<'_>, args: Args<'_>) {
    let done = come::<Q>(context, args);
    answer(context, &Q::COUNT.errors, done);
}

/// Runs a request that has just come.
fn come<Q: Asks>(context: Context<'_>, args: Args<'_>) -> Result<()> {
    let (terms, mut asked) = Q::read(context, &args)?;
    let lane = terms.wait.map_or(Lane::default(), |wait| wait.lane);
    let outcome = ask(context, &mut asked, &terms, Standing::Comes(lane))?;
    if let Some(wait) = terms.wait
        && let Retry::After(_) = outcome.retry()
        && context.may_block()
    {
        let claims = asked.into_iter().map(|asked| Claim::Quota(asked.claim(&terms))).collect();
        return waiting::join(context, args, Q::keys(args), wait, claims, again::<Q>);
    }
    outcome.count(Q::COUNT);
    let id = terms.reserve.map(|_| outcome.id(&terms));
    reply(context, || asked.iter().map(|asked| &*asked.shape).zip(&outcome.verdicts), Q::NAMES, id);
    Ok(())
}

/// The same for one that waits.
fn again<Q: Asks>(context: Context<'_>, args: Args<'_>, standing: Standing) -> Turn {
    let asked = Q::read(context, &args).and_then(|(terms, mut asked)| {
        let outcome = ask(context, &mut asked, &terms, standing)?;
        Ok((terms, asked, outcome))
    });
    let (terms, asked, outcome) = match asked {
        Ok(asked) => asked,
        Err(fault) => {
            Q::COUNT.errors.count();
            return Turn::Refused(Box::new(move |context| {
                Reply::to(context).fault(fault);
            }));
        }
    };
    if let (Standing::First, Retry::After(ms)) = (standing, outcome.retry()) {
        return Turn::Denied(Span::from_ms(ms));
    }
    outcome.count(Q::COUNT);
    let denied = outcome.became == Became::Denied;
    let id: Option<Option<Box<[u8]>>> = terms.reserve.map(|_| outcome.id(&terms).map(Into::into));
    let shapes: SmallVec<[Arc<Shape>; 1]> = asked.into_iter().map(|asked| asked.shape).collect();
    let answer: Answer = Box::new(move |context| {
        let id = id.as_ref().map(Option::as_deref);
        reply(context, || shapes.iter().map(|shape| &**shape).zip(&outcome.verdicts), Q::NAMES, id);
    });
    if denied { Turn::Refused(answer) } else { Turn::Admitted(answer) }
}

/// What became of a request.
struct Outcome {
    became: Became,
    verdicts: Verdicts,
    /// The id that was made for its reservation, where it did not give one.
    made: Option<[u8; 32]>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Became {
    Admitted,
    Denied,
    /// It had been admitted before.
    Repeated,
}

impl Outcome {
    fn count(&self, count: &Decisions) {
        match self.became {
            Became::Admitted => count.admitted.count(),
            Became::Denied => count.denied.count(),
            Became::Repeated => metrics::REPEATED.count(),
        }
    }

    fn retry(&self) -> Retry {
        self.verdicts.iter().map(Verdict::retry).max().unwrap_or(Retry::Now)
    }

    /// The id of its reservation, if it has one.
    fn id<'a>(&'a self, terms: &'a Terms<'_>) -> Option<&'a [u8]> {
        let given = terms.reserve.and_then(|reserve| reserve.id);
        let id = given.or(self.made.as_ref().map(<[u8; 32]>::as_slice));
        id.filter(|_| self.became != Became::Denied)
    }
}

/// What a request asks for, of which limits. A key is asked by the same ones nearly always.
fn read<'a>(
    context: Context<'_>,
    args: &'a Args<'_>,
    held: Option<&Quota>,
) -> Result<(Terms<'a>, Arc<Shape>)> {
    let known = held.map(Quota::shape);
    let (terms, shape) = match known.and_then(|known| Some((request::again(args, known)?, Arc::clone(known))))
    {
        Some(same) => same,
        None => {
            let request = request::quota(args)?;
            if let Some(shape) = before(context, &request.terms, held) {
                return Ok((request.terms, shape));
            }
            let shape = match &request.limits {
                Limits::Policy(name) => return Ok((request.terms, policy(name)?)),
                Limits::Spelled(drafts) => match known.filter(|known| known.is(drafts)) {
                    Some(known) => Arc::clone(known),
                    None => Shape::new(None, drafts)?,
                },
            };
            shape.spell(|| request::spelling(args));
            (request.terms, shape)
        }
    };
    if before(context, &terms, held).is_none() {
        settings::allow_window(shape.longest())?;
    }
    Ok((terms, shape))
}

/// The limits of a key on which a request was admitted before: it is told so again, whatever became of its
/// policy and of what the operator allows since then.
fn before(context: Context<'_>, terms: &Terms<'_>, held: Option<&Quota>) -> Option<Arc<Shape>> {
    let (id, held) = (terms.reserve?.id?, held?);
    held.reservations()?.get(id, held.now(context.now())).map(|_| Arc::clone(held.shape()))
}

/// One of the keys that a request is about, and the limits that it asks of it.
struct Asked<'a> {
    name: Arg<'a>,
    key: Key<'a, Value>,
    shape: Arc<Shape>,
    /// What it takes of each limit.
    costs: PerLimit<u64>,
}

impl Asked<'_> {
    fn claim(&self, terms: &Terms<'_>) -> QuotaClaim {
        let ttl = terms.reserve.map(|reserve| reserve.ttl);
        QuotaClaim { shape: Arc::clone(&self.shape), costs: self.costs.clone(), ttl }
    }
}

/// The answer of each of them; one of them is nearly always the only one.
type Verdicts = SmallVec<[Verdict; 1]>;

/// What a limit is called in a reply.
#[derive(Clone, Copy)]
pub(super) enum Names {
    Plain,
    /// `policy/name`, to tell those of several keys apart.
    WithPolicy,
}

/// Asks all, and charges all or none.
fn ask(
    context: Context<'_>,
    asked: &mut [Asked<'_>],
    terms: &Terms<'_>,
    standing: Standing,
) -> Result<Outcome> {
    let clock = context.now();
    let ttl = terms.reserve.map(|reserve| reserve.ttl);
    let given = terms.reserve.and_then(|reserve| reserve.id);
    if let Some(id) = given
        && let Some(verdicts) = repeated(asked, id, clock)?
    {
        return Ok(Outcome { became: Became::Repeated, verdicts, made: None });
    }
    let mut verdicts = Verdicts::new();
    for Asked { key, shape, costs, .. } in asked.iter_mut() {
        let held = held(key)?;
        decide::allow(held, shape, ttl, clock)?;
        *costs = terms.costs.by_limit(shape);
        verdicts.push(decide::decide(held, shape, &Demand { costs, ttl }, clock));
    }
    if waiting::any() || matches!(standing, Standing::Leaves(_)) {
        line_up(context, asked, terms, standing, &mut verdicts, clock)?;
    }
    let allowed = verdicts.iter().all(Verdict::allowed);
    let made = if given.is_none() && ttl.is_some() && allowed { Some(hex::<32>()) } else { None };
    let id = given.or(made.as_ref().map(<[u8; 32]>::as_slice));
    for (asked, verdict) in asked.iter_mut().zip(&mut verdicts) {
        if allowed {
            charge(context, asked, verdict, ttl.zip(id))?;
        } else {
            decide::deny(verdict, held(&mut asked.key)?, &asked.shape, clock);
        }
    }
    let became = if allowed { Became::Admitted } else { Became::Denied };
    Ok(Outcome { became, verdicts, made })
}

/// Makes the verdicts those of one who has to stand behind others, where it has.
#[cold]
fn line_up(
    context: Context<'_>,
    asked: &mut [Asked<'_>],
    terms: &Terms<'_>,
    standing: Standing,
    verdicts: &mut [Verdict],
    clock: At,
) -> Result<()> {
    let (lane, leaves) = match standing {
        Standing::First => return Ok(()),
        Standing::Comes(lane) => (lane, false),
        Standing::Leaves(lane) => (lane, verdicts.iter().all(Verdict::allowed)),
    };
    for (asked, verdict) in asked.iter_mut().zip(verdicts) {
        let claim = asked.claim(terms);
        if claim.takes() && (leaves || waiting::blocks(context, asked.name, lane)) {
            let held = held(&mut asked.key)?;
            *verdict = waiting::with_ahead(context, asked.name, lane, |ahead| {
                behind::quota(held, ahead, &claim, clock)
            });
        }
    }
    Ok(())
}

/// What was answered to the request with this id, if it is open on all keys; and by which limits.
fn repeated(asked: &mut [Asked<'_>], id: &[u8], clock: At) -> Result<Option<Verdicts>> {
    let mut verdicts = Verdicts::new();
    for Asked { key, shape, .. } in asked.iter_mut() {
        let held = held(key)?;
        let open = held.and_then(|held| Some((held, held.reservations()?.get(id, held.now(clock))?)));
        if let Some((answered, verdict)) = open.map(|(held, made)| decide::repeated(held, made, clock)) {
            *shape = answered;
            verdicts.push(verdict);
        }
    }
    if verdicts.is_empty() {
        return Ok(None);
    }
    if verdicts.len() == asked.len() { Ok(Some(verdicts)) } else { Err(Fault::IdElsewhere) }
}

/// Books what was admitted on one key, and holds it where it is reserved.
fn charge(
    context: Context<'_>,
    asked: &mut Asked<'_>,
    verdict: &Verdict,
    reserve: Option<(Span, &[u8])>,
) -> Result<()> {
    if reserve.is_none() && asked.costs.iter().all(|cost| *cost == 0) {
        return Ok(());
    }
    let reserved = reserve.map(|(ttl, id)| Reserved {
        id,
        expires: verdict.at.plus(ttl),
        answers: verdict.rows.iter().map(|row| (row.remaining, row.reset_after_ms)).collect(),
    });
    let (shape, costs) = (Arc::clone(&asked.shape), std::mem::take(&mut asked.costs));
    let change = Change::Admit(Admission { shape, at: verdict.at, costs, reserved });
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
fn reply<'a, R: Iterator<Item = (&'a Shape, &'a Verdict)> + Clone>(
    context: Context<'_>,
    verdicts: impl Fn() -> R,
    names: Names,
    id: Option<Option<&[u8]>>,
) {
    let reply = Reply::to(context).array(if id.is_some() { 5 } else { 4 });
    limits(reply, verdicts, names);
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
pub(super) fn limits<'a, R: Iterator<Item = (&'a Shape, &'a Verdict)> + Clone>(
    reply: Reply<'_>,
    verdicts: impl Fn() -> R,
    names: Names,
) {
    let rows = || verdicts().flat_map(|(_, verdict)| &verdict.rows);
    let retry = verdicts().map(|(_, verdict)| verdict.retry()).max().unwrap_or(Retry::Now);
    let blocking = rows().filter(|row| !row.allowed).count();
    reply.integer(i64::from(blocking == 0)).integer(retry.reply()).array(len(blocking));
    if blocking > 0 {
        for (shape, verdict) in verdicts() {
            for (limit, _) in shape.limits().iter().zip(&verdict.rows).filter(|(_, row)| !row.allowed) {
                name(reply, shape, limit, names);
            }
        }
    }
    reply.array(len(verdicts().map(|(_, verdict)| verdict.rows.len()).sum()));
    for (shape, verdict) in verdicts() {
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
