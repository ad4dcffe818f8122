//! `CL.THROTTLE`: RL.BUCKET for clients that were written for redis-cell.

use rl_core::engine::limit::throttle;
use rl_core::fault::Result;
use rl_core::grammar::cl_throttle;
use rl_core::limit::decision::Decision;

use super::answer::{answer, key};
use super::limit;
use crate::host::Server;
use crate::metrics::THROTTLE;
use crate::sys::args::Args;
use crate::sys::command::Handler;
use crate::sys::context::Context;
use crate::sys::reply::Reply;

/// `CL.THROTTLE key max_burst count_per_period period [quantity]`
pub(crate) struct Throttle;

impl Handler for Throttle {
    const WORDS: (usize, usize) = (5, 6);

    fn run(context: &mut Context<'_>, args: Args<'_>, reply: Reply<'_>) {
        answer(reply, &THROTTLE.errors, ask(context, args), send);
    }
}

fn ask(context: &mut Context<'_>, args: Args<'_>) -> Result<Decision> {
    let request = cl_throttle::read(&args)?;
    let decision = throttle(&mut Server::new(context), key(args)?, &request)?;
    limit::count(context, args.get(1), &THROTTLE, &decision, request.cost);
    Ok(decision)
}

fn send(reply: Reply<'_>, decision: Decision) {
    let mut reply = reply.array(5);
    for integer in cl_throttle::reply(&decision) {
        reply.integer(integer);
    }
}
