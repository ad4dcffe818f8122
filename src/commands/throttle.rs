//! `CL.THROTTLE`: RL.BUCKET for clients that were written for redis-cell.

use rl_core::engine::limit::throttle;
use rl_core::fault::Result;
use rl_core::grammar::cl_throttle;

use super::{answer, key, limit};
use crate::host::Server;
use crate::metrics::THROTTLE;
use crate::sys::command::Handler;
use crate::sys::context::{Args, Context};
use crate::sys::reply::Reply;

/// `CL.THROTTLE key max_burst count_per_period period [quantity]`
pub(crate) struct Throttle;

impl Handler for Throttle {
    const WORDS: (usize, usize) = (5, 6);

    fn run(context: Context<'_>, args: Args<'_>) {
        answer(context, &THROTTLE.errors, ask(context, args));
    }
}

fn ask(context: Context<'_>, args: Args<'_>) -> Result<()> {
    let request = cl_throttle::read(&args)?;
    let decision = throttle(&mut Server::new(context), key(args)?, &request)?;
    limit::count(context, args.get(1), &THROTTLE, &decision);
    let reply = Reply::to(context).array(5);
    for integer in cl_throttle::reply(&decision) {
        reply.integer(integer);
    }
    Ok(())
}
