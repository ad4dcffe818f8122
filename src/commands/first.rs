//! `RL.FIRST`: a request to the first of several quotas that admits it.

use std::ops::Range;

use rl_core::engine::first::first;
use rl_core::engine::quota::{Asked, Outcome};
use rl_core::engine::{Standing, Turn};
use rl_core::fault::Result;
use rl_core::grammar::quota::{self as grammar, ManyRequest};
use rl_core::grammar::terms::Terms;

use super::answer::come;
use super::quota::{count, keep, keys, refuse, send};
use super::quota_reply::{Form, Names};
use crate::command_docs as docs;
use crate::host::Server;
use crate::metrics;
use crate::sys::args::Args;
use crate::sys::command::{FindsKeys, Handler};
use crate::sys::context::Context;
use crate::sys::reply::Reply;
use crate::waiting::{self, Answer, Queues};

/// `RL.FIRST numkeys key… POLICY name… [COST unit n]… [RESERVE ttl [ID id] | LEASE ttl [ID id]] [WAIT …] [REPLY SHORT]`
pub(crate) struct First;

impl Handler for First {
    const WORDS: (usize, usize) = (5, usize::MAX);

    fn run(context: &mut Context<'_>, args: Args<'_>, reply: Reply<'_>) {
        come(reply, &metrics::FIRST.errors, |place| ask(context, args, place));
    }
}

impl FindsKeys for First {
    const KEY: u32 = docs::FIRST.key;

    fn keys(args: Args<'_>) -> Range<usize> {
        keys(args)
    }
}

/// Runs a request that has just come.
fn ask(context: &mut Context<'_>, args: Args<'_>, place: &mut Option<Reply<'_>>) -> Result<()> {
    let request = grammar::first(&args)?;
    let Terms { costs, reserve, wait, is_short, .. } = &request.terms;
    let wait = wait.unwrap_or_default();
    let finish = |host: &mut Server<'_>, asked: &[Asked<Server<'_>>], outcome: &Outcome, at| {
        count(host, asked, outcome, costs, &metrics::FIRST);
        send(place, asked, outcome, *reserve, form(*is_short, at));
    };
    match turn(context, args, &request, Standing::Newcomer(wait.lane), finish)? {
        Turn::Answer { .. } => Ok(()),
        Turn::Wait { claims, .. } => {
            let Some(place) = place.take() else { return Ok(()) };
            let queues = Queues { keys: request.keys, wait, is_any: true, claims, again };
            waiting::join(context, place, args, queues)
        }
    }
}

/// Runs a request that waits.
fn again(context: &mut Context<'_>, args: Args<'_>, standing: Standing) -> Turn<Answer> {
    let turn = grammar::first(&args).and_then(|request| {
        let Terms { costs, reserve, is_short, .. } = &request.terms;
        let finish = |host: &mut Server<'_>, asked: &[Asked<Server<'_>>], outcome: &Outcome, at| {
            count(host, asked, outcome, costs, &metrics::FIRST);
            keep(asked, outcome, *reserve, form(*is_short, at))
        };
        turn(context, args, &request, standing, finish)
    });
    turn.unwrap_or_else(|fault| refuse(fault, &metrics::FIRST))
}

fn turn<'a, R>(
    context: &'a mut Context<'_>,
    args: Args<'a>,
    request: &ManyRequest<'_>,
    standing: Standing,
    finish: impl FnOnce(&mut Server<'a>, &[Asked<Server<'a>>], &Outcome, Option<usize>) -> R,
) -> Result<Turn<R>> {
    let Terms { reserve, wait, .. } = &request.terms;
    let names = request.keys.clone().filter_map(|at| args.get(at));
    first(&mut Server::new(context), names.zip(request.limits()), *reserve, wait.is_some(), standing, finish)
}

/// The form of the reply of a request that the key with this index admits, or none.
fn form(is_short: bool, at: Option<usize>) -> Form {
    let index = at.and_then(|at| i64::try_from(at).ok()).unwrap_or(-1);
    Form { names: Names::Plain, is_short, index: Some(index) }
}
