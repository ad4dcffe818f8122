//! `RL.HOLD` and `RL.SYNC`: a key is told what is known from outside, such as what a provider has answered.

use rl_core::engine::outside::{hold, sync};
use rl_core::fault::Result;
use rl_core::grammar::outside::{self as grammar, Lefts};

use super::answer::{answer, key};
use crate::host::Server;
use crate::metrics;
use crate::sys::args::Args;
use crate::sys::command::Handler;
use crate::sys::context::Context;
use crate::sys::reply::Reply;
use crate::{keyspace_events, top};

/// `RL.HOLD key duration [LIMIT name …]`
pub(crate) struct Hold;
/// `RL.SYNC key REMAINING n [OF limit] [RESET duration] | LIMIT name REMAINING n [OF limit] [RESET duration] … [AGE duration]`
pub(crate) struct Sync;

impl Handler for Hold {
    const WORDS: (usize, usize) = (3, usize::MAX);

    fn run(context: &mut Context<'_>, args: Args<'_>, reply: Reply<'_>) {
        metrics::HOLD.calls.count();
        answer(reply, &metrics::HOLD.errors, Self::hold(context, args), |reply, ms| reply.count(ms));
    }
}

impl Hold {
    fn hold(context: &mut Context<'_>, args: Args<'_>) -> Result<u64> {
        let request = grammar::hold(&args)?;
        let key = key(args)?;
        let ms = hold(&mut Server::new(context), key, &request)?;
        if request.time.ms() > 0 {
            top::count_hold(context, key);
        }
        keyspace_events::held(context, key);
        Ok(ms)
    }
}

impl Handler for Sync {
    const WORDS: (usize, usize) = (4, usize::MAX);

    fn run(context: &mut Context<'_>, args: Args<'_>, reply: Reply<'_>) {
        metrics::SYNC.calls.count();
        let request = grammar::sync(&args);
        let done = request.and_then(|request| {
            let key = key(args)?;
            let used = sync(&mut Server::new(context), key, &request)?;
            keyspace_events::synced(context, key);
            Ok((matches!(request.left, Lefts::One(_)), used))
        });
        answer(reply, &metrics::SYNC.errors, done, |reply, (is_one, used)| {
            if is_one {
                return reply.count(used.first().map_or(0, |(_, used)| *used));
            }
            let mut map = reply.map(used.len());
            for (limit, used) in used {
                map.count(limit, used);
            }
        });
    }
}
