//! `CL.THROTTLE`: RL.BUCKET for clients that were written for redis-cell.

use rl_core::fault::Result;
use rl_core::grammar::cl_throttle as throttle;
use rl_core::grammar::limit::Request;
use rl_core::limit::decision::Decision;
use rl_core::queue::Lane;
use rl_core::value::Value;

use super::{answer, key, limit};
use crate::metrics::THROTTLE;
use crate::settings;
use crate::sys::command::Handler;
use crate::sys::context::{Args, Context};
use crate::sys::key::{Key, Mode};
use crate::sys::reply::Reply;
use crate::waiting::Standing;

/// `CL.THROTTLE key max_burst count_per_period period [quantity]`
pub(crate) struct Throttle;

impl Handler for Throttle {
    const WORDS: (usize, usize) = (5, 6);

    fn run(context: Context<'_>, args: Args<'_>) {
        answer(context, &THROTTLE.errors, ask(context, args));
    }
}

fn ask(context: Context<'_>, args: Args<'_>) -> Result<()> {
    let request = throttle::read(&args)?;
    settings::allow(&request.rule)?;
    let decision = match request.cost {
        0 => probe(context, args, &request)?,
        _ => limit::decide(context, args, &request, Standing::Comes(Lane::default()))?,
    };
    limit::count(context, args, &THROTTLE, &decision);
    let reply = Reply::to(context).array(5);
    for integer in throttle::reply(&decision) {
        reply.integer(integer);
    }
    Ok(())
}

fn probe(context: Context<'_>, args: Args<'_>, request: &Request) -> Result<Decision> {
    let mut key = Key::<Value>::open(context, key(args)?, Mode::Read);
    let held = key.value()?.map(|value| value.limit()).transpose()?;
    throttle::probe(held, &request.rule, context.now())
}
