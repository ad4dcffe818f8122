//! `RL.REFUND key n`: gives back what was admitted and then not used.

use rl_core::engine::refund::refund;
use rl_core::fault::Result;
use rl_core::grammar::limit;

use super::answer::{answer, key};
use crate::host::Server;
use crate::metrics::REFUND;
use crate::sys::args::Args;
use crate::sys::command::Handler;
use crate::sys::context::Context;
use crate::sys::reply::Reply;

/// `RL.REFUND`
pub(crate) struct Refund;

impl Handler for Refund {
    const WORDS: (usize, usize) = (3, 3);

    fn run(context: &mut Context<'_>, args: Args<'_>, reply: Reply<'_>) {
        REFUND.calls.count();
        answer(reply, &REFUND.errors, run(context, args), |reply, left| reply.count(left));
    }
}

fn run(context: &mut Context<'_>, args: Args<'_>) -> Result<u64> {
    let cost = limit::refund(&args)?;
    refund(&mut Server::new(context), key(args)?, cost)
}
