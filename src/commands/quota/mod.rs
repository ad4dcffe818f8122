//! `RL.QUOTA` and `RL.MQUOTA`: one request against many limits, of one key or of several.
//!
//! Here the words are read, and the client is answered or made to wait; `ask.rs` decides, `reply.rs`
//! sends what was decided.

mod ask;
mod reply;

use std::mem::take;
use std::ops::Range;
use std::sync::Arc;

use rl_core::engine::forecast::Claim;
use rl_core::fault::{Fault, Result};
use rl_core::grammar::quota::{self as request, Limits};
use rl_core::grammar::terms::{Reserve, Terms, Wanted};
use rl_core::limit::decision::Retry;
use rl_core::queue::{Lane, Wait};
use rl_core::quota::Quota;
use rl_core::quota::decide::QuotaDecision;
use rl_core::quota::shape::Shape;
use rl_core::time::Span;

use self::ask::{Asked, Outcome, ask, held, is_open};
use self::reply::reply;
pub(super) use self::reply::{Names, limits};
use super::{answer, key};
use crate::command_docs as docs;
use crate::metrics::{self, Decisions};
use crate::sys::command::{FindsKeys, Handler};
use crate::sys::context::{Args, Context};
use crate::sys::key::{Key, Mode};
use crate::waiting::{self, Answer, Claims, Standing, Turn};
use crate::{policies, settings};

/// `RL.QUOTA key LIMIT… | POLICY name [COST unit n]… [RESERVE ttl [ID id]] [WAIT duration [PRIORITY lane]]`
pub(crate) struct One;
/// `RL.MQUOTA numkeys key… POLICY name… [COST unit n]… [RESERVE ttl [ID id]] [WAIT duration [PRIORITY lane]]`
pub(crate) struct Many;

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

impl FindsKeys for Many {
    const KEY: u32 = docs::MQUOTA.key;

    fn keys(args: Args<'_>) -> Range<usize> {
        request::keys(&args).ok().filter(|keys| keys.end <= args.len()).unwrap_or_default()
    }
}

/// A command that asks quotas.
trait Asks: 'static {
    const COUNT: &'static Decisions;
    const NAMES: Names;
    /// Which of the words are keys, where these are its words.
    fn keys(args: Args<'_>) -> Range<usize>;
    /// Reads the words, opens the keys, and goes on with them: what is asked is too large to be moved.
    fn read<'a, T>(
        context: Context<'a>,
        args: &'a Args<'a>,
        then: impl FnOnce(&mut [Asked<'a>], OnTerms<'a>) -> Result<T>,
    ) -> Result<T>;
}

/// On which terms a request is made, beside what it takes.
#[derive(Clone, Copy)]
struct OnTerms<'a> {
    reserve: Option<Reserve<'a>>,
    wait: Option<Wait>,
}

impl Asks for One {
    const COUNT: &'static Decisions = &metrics::QUOTA;
    const NAMES: Names = Names::Plain;

    fn keys(_: Args<'_>) -> Range<usize> {
        1..2
    }

    #[inline]
    fn read<'a, T>(
        context: Context<'a>,
        args: &'a Args<'a>,
        then: impl FnOnce(&mut [Asked<'a>], OnTerms<'a>) -> Result<T>,
    ) -> Result<T> {
        let name = key(*args)?;
        let mut key = Key::open(context, name, Mode::Write);
        let held = held(&mut key).ok().flatten();
        let (shape, Wanted { costs, reserve, wait }) = read(context, args, held)?;
        if shape.policy().is_none() && before(context, reserve, held).is_none() {
            settings::allow_window(shape.longest())?;
        }
        let mut asked = [Asked { name, key, shape, costs, verdict: QuotaDecision::default() }];
        then(&mut asked, OnTerms { reserve, wait })
    }
}

impl Asks for Many {
    const COUNT: &'static Decisions = &metrics::MQUOTA;
    const NAMES: Names = Names::WithPolicy;

    fn keys(args: Args<'_>) -> Range<usize> {
        request::keys(&args).unwrap_or_default()
    }

    fn read<'a, T>(
        context: Context<'a>,
        args: &'a Args<'a>,
        then: impl FnOnce(&mut [Asked<'a>], OnTerms<'a>) -> Result<T>,
    ) -> Result<T> {
        let request = request::many(args)?;
        let Terms { costs, reserve, wait } = &request.terms;
        let mut asked = Vec::with_capacity(request.policies.len());
        for (index, policy_name) in request.keys.zip(&request.policies) {
            let name = args.get(index).ok_or(Fault::ManySyntax)?;
            let mut key = Key::open(context, name, Mode::Write);
            let before = before(context, *reserve, held(&mut key).ok().flatten());
            let shape = before.map_or_else(|| policy(policy_name), Ok)?;
            let costs = costs.by_limit(&shape);
            asked.push(Asked { name, key, shape, costs, verdict: QuotaDecision::default() });
        }
        then(&mut asked, OnTerms { reserve: *reserve, wait: *wait })
    }
}

/// Which limits a request is about, and what it asks of them. A key is asked by the same ones in the
/// same words nearly always.
fn read<'a>(
    context: Context<'_>,
    args: &'a Args<'_>,
    held: Option<&Quota>,
) -> Result<(Arc<Shape>, Wanted<'a>)> {
    let known = held.map(Quota::shape);
    if let Some(known) = known.filter(|known| policies::holds_still(known))
        && let Some(wanted) = rl_core::grammar::template::recognise(args, known)
    {
        return Ok((Arc::clone(known), wanted));
    }
    read_anew(context, args, held)
}

fn read_anew<'a>(
    context: Context<'_>,
    args: &'a Args<'_>,
    held: Option<&Quota>,
) -> Result<(Arc<Shape>, Wanted<'a>)> {
    let known = held.map(Quota::shape);
    let request = request::quota(args)?;
    let shape = match (before(context, request.terms.reserve, held), &request.limits) {
        (Some(shape), _) => shape,
        (None, Limits::Policy(name)) => policy(name)?,
        (None, Limits::Spelled(drafts)) => match known.filter(|known| known.is(drafts)) {
            Some(known) => Arc::clone(known),
            None => Shape::new(None, drafts)?,
        },
    };
    let spelled = || match &request.limits {
        Limits::Policy(name) => shape.policy().is_some_and(|policy| policy.as_bytes() == *name),
        Limits::Spelled(drafts) => shape.is(drafts),
    };
    if known.is_some_and(|known| Arc::ptr_eq(known, &shape)) && spelled() {
        shape.learn(|| rl_core::grammar::template::learn(args, &shape));
    }
    let wanted = request.terms.wanted(&shape);
    Ok((shape, wanted))
}

/// The limits of a key on which a request was admitted before: it is told so again, whatever became of its
/// policy and of what the operator allows since then.
fn before(context: Context<'_>, reserve: Option<Reserve<'_>>, held: Option<&Quota>) -> Option<Arc<Shape>> {
    let (id, held) = (reserve?.id?, held?);
    is_open(held, id, context.now()).then(|| Arc::clone(held.shape()))
}

fn policy(name: &[u8]) -> Result<Arc<Shape>> {
    policies::get(name).ok_or(Fault::NoPolicy)
}

fn run<Q: Asks>(context: Context<'_>, args: Args<'_>) {
    let done = come::<Q>(context, args);
    answer(context, &Q::COUNT.errors, done);
}

/// Runs a request that has just come.
fn come<Q: Asks>(context: Context<'_>, args: Args<'_>) -> Result<()> {
    Q::read(context, &args, |asked, OnTerms { reserve, wait }| {
        let lane = wait.map_or(Lane::default(), |wait| wait.lane);
        let outcome = ask(context, asked, reserve, Standing::Comes(lane))?;
        if let (Some(wait), Outcome::Denied(Retry::After(_))) = (wait, &outcome)
            && let Some(user) = context.may_block()
        {
            let claims = claims::<Q>(args, asked, reserve);
            return waiting::join(context, user, args, Q::keys(args), wait, claims, again::<Q>);
        }
        outcome.count(context, asked, Q::COUNT);
        let answers = asked.iter().map(|asked| (&*asked.shape, &asked.verdict));
        reply(context, answers, Q::NAMES, reserve.map(|reserve| outcome.id(reserve)));
        Ok(())
    })
}

/// The same for one that waits.
fn again<Q: Asks>(context: Context<'_>, args: Args<'_>, standing: Standing) -> Turn {
    let turn = Q::read(context, &args, |asked, OnTerms { reserve, .. }| {
        let outcome = ask(context, asked, reserve, standing)?;
        if let (Standing::First, Outcome::Denied(Retry::After(ms))) = (standing, &outcome) {
            return Ok(Turn::Denied(Span::from_ms(*ms), claims::<Q>(args, asked, reserve)));
        }
        outcome.count(context, asked, Q::COUNT);
        let id: Option<Option<Box<[u8]>>> = reserve.map(|reserve| outcome.id(reserve).map(Into::into));
        let answers: Vec<(Arc<Shape>, QuotaDecision)> =
            asked.iter_mut().map(|asked| (Arc::clone(&asked.shape), take(&mut asked.verdict))).collect();
        let answer: Answer = Box::new(move |context| {
            let answers = answers.iter().map(|(shape, verdict)| (&**shape, verdict));
            reply(context, answers, Q::NAMES, id.as_ref().map(Option::as_deref));
        });
        let denied = matches!(outcome, Outcome::Denied(_));
        Ok(if denied { Turn::Refused(answer) } else { Turn::Admitted(answer) })
    });
    turn.unwrap_or_else(|fault| {
        Q::COUNT.errors.count();
        Turn::fault(fault)
    })
}

/// What a request takes that has to wait.
fn claims<Q: Asks>(args: Args<'_>, asked: &[Asked<'_>], reserve: Option<Reserve<'_>>) -> Claims {
    let ttl = reserve.map(|reserve| reserve.ttl);
    let claims = Q::keys(args).zip(asked.iter().map(|asked| asked.claim(ttl)));
    claims.filter(|(_, claim)| claim.takes()).map(|(word, claim)| (word, Claim::Quota(claim))).collect()
}
