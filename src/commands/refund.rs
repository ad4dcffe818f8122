//! `RL.REFUND key n`: gives back what was admitted and then not used.

use rl_core::engine::refund::refund;
use rl_core::fault::Result;
use rl_core::grammar::limit;

use super::{answer, key};
use crate::host::Server;
use crate::metrics::REFUND;
use crate::sys::command::Handler;
use crate::sys::context::{Args, Context};
use crate::sys::reply::Reply;

/// `RL.REFUND`
pub(crate) struct Refund;

impl Handler for Refund {
    const WORDS: (usize, usize) = (3, 3);

    fn run(context: Context<'_>, args: Args<'_>) {
        REFUND.calls.count();
        answer(context, &REFUND.errors, run(context, args));
    }
}

fn run(context: Context<'_>, args: Args<'_>) -> Result<()> {
    let cost = limit::refund(&args)?;
    let remaining = refund(&mut Server::new(context), key(args)?, cost)?;
    Reply::to(context).count(remaining);
    Ok(())
}
