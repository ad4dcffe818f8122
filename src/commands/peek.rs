//! `RL.PEEK key [COST n] [COST unit n]…`: what a request would be answered, without making it.

use rl_core::engine::peek::{Peeked, peek};
use rl_core::fault::Result;
use rl_core::grammar::quota;

use super::{answer, key, limit, quota_reply};
use crate::host::Server;
use crate::metrics::PEEK;
use crate::sys::command::Handler;
use crate::sys::context::{Args, Context};
use crate::sys::reply::Reply;

/// `RL.PEEK`
pub(crate) struct Peek;

impl Handler for Peek {
    const WORDS: (usize, usize) = (2, usize::MAX);

    fn run(context: Context<'_>, args: Args<'_>) {
        PEEK.calls.count();
        answer(context, &PEEK.errors, run(context, args));
    }
}

fn run(context: Context<'_>, args: Args<'_>) -> Result<()> {
    let costs = quota::peek(&args)?;
    match peek(&Server::new(context), key(args)?, &costs)? {
        Peeked::Nothing => {
            Reply::to(context).null();
        }
        Peeked::Limit(decision) => limit::reply(context, &decision),
        Peeked::Quota(shape, decision) => {
            let row = std::iter::once((&*shape, &decision));
            quota_reply::limits(Reply::to(context).array(4), row, quota_reply::Names::Plain);
        }
    }
    Ok(())
}
