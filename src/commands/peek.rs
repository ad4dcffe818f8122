//! `RL.PEEK key [COST n]`: what a request would be answered, without making it.

use rl_core::fault::Result;
use rl_core::request;
use rl_core::state::State;

use super::{answer, key, limit};
use crate::metrics::PEEK;
use crate::sys::command::Handler;
use crate::sys::context::{Args, Context};
use crate::sys::key::{Key, Mode};
use crate::sys::reply::Reply;

/// See the head of this file.
pub(crate) struct Peek;

impl Handler for Peek {
    const WORDS: (usize, usize) = (2, usize::MAX);

    fn run(context: Context<'_>, args: Args<'_>) {
        PEEK.calls.count();
        answer(context, &PEEK.errors, peek(context, args));
    }
}

fn peek(context: Context<'_>, args: Args<'_>) -> Result<()> {
    let cost = request::peek(&args)?;
    match Key::<State>::open(context, key(args)?, Mode::Read).value()? {
        Some(state) => limit::reply(context, &state.peek(cost, context.now())),
        None => {
            Reply::to(context).null();
        }
    }
    Ok(())
}
