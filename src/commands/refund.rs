//! `RL.REFUND key n`: gives back what was admitted and then not used.

use rl_core::fault::Result;
use rl_core::grammar::limit as request;
use rl_core::limit::effect::Effect;
use rl_core::value::Value;

use super::{answer, key};
use crate::change;
use crate::metrics::REFUND;
use crate::sys::command::Handler;
use crate::sys::context::{Args, Context};
use crate::sys::key::{Key, Mode};
use crate::sys::reply::Reply;
use crate::waiting;

/// See the head of this file.
pub(crate) struct Refund;

impl Handler for Refund {
    const WORDS: (usize, usize) = (3, 3);

    fn run(context: Context<'_>, args: Args<'_>) {
        REFUND.calls.count();
        answer(context, &REFUND.errors, refund(context, args));
    }
}

fn refund(context: Context<'_>, args: Args<'_>) -> Result<()> {
    let cost = request::refund(&args)?;
    let clock = context.now();
    let name = key(args)?;
    let mut key = Key::<Value>::open(context, name, Mode::Write);
    let Some(value) = key.value()? else {
        Reply::to(context).integer(0); // no key: nothing was given back
        return Ok(());
    };
    if let Some(at) = value.limit()?.refundable(clock).filter(|_| cost > 0) {
        let effect = Effect::Refund { at, cost };
        change::apply(context, &mut key, name, &effect)?;
        change::replicate(context, name, &effect);
        waiting::changed(context, name);
    }
    let remaining = match key.value()? {
        Some(value) => value.limit()?.peek(0, clock).remaining,
        None => 0,
    };
    Reply::to(context).count(remaining);
    Ok(())
}
