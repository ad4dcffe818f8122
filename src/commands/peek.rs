//! `RL.PEEK key [COST n] [COST unit n]…`: what a request would be answered, without making it.

use rl_core::engine::peek::{Peeked, peek};
use rl_core::fault::Result;
use rl_core::grammar::quota;

use super::answer::{answer, key};
use super::{limit, quota_reply};
use crate::host::Server;
use crate::metrics::PEEK;
use crate::sys::args::Args;
use crate::sys::command::Handler;
use crate::sys::context::Context;
use crate::sys::reply::Reply;

/// `RL.PEEK`
pub(crate) struct Peek;

impl Handler for Peek {
    const WORDS: (usize, usize) = (2, usize::MAX);
    const CHANGES_KEYS: bool = false;

    fn run(context: &mut Context<'_>, args: Args<'_>, reply: Reply<'_>) {
        PEEK.calls.count();
        answer(reply, &PEEK.errors, run(context, args), send);
    }
}

#[inline(always)] // what it returns is large
fn run(context: &mut Context<'_>, args: Args<'_>) -> Result<Peeked> {
    let costs = quota::peek(&args)?;
    peek(&mut Server::new(context), key(args)?, &costs)
}

fn send(reply: Reply<'_>, peeked: Peeked) {
    match peeked {
        Peeked::Nothing => reply.null(),
        Peeked::Limit(decision) => limit::reply(reply, &decision),
        Peeked::Quota(shape, decision) => {
            let row = std::iter::once((&*shape, &*decision));
            let denied = (!decision.allowed()).then(|| decision.retry());
            quota_reply::limits(&mut reply.array(4), row, denied, quota_reply::Names::Plain);
        }
    }
}
