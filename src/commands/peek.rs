//! `RL.PEEK key [COST n] [COST unit n]…`: what a request would be answered, without making it.

use rl_core::fault::{Fault, Result};
use rl_core::quota::decide::{self, Demand};
use rl_core::quota::request::{self, Costs};
use rl_core::quota::shape::REQUESTS;
use rl_core::time::Span;
use rl_core::value::Value;

use super::{answer, key, limit, quota};
use crate::metrics::PEEK;
use crate::policies;
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
    let costs = request::peek(&args)?;
    let clock = context.now();
    match Key::<Value>::open(context, key(args)?, Mode::Read).value()? {
        Some(Value::Limit(state)) => limit::reply(context, &state.peek(of_one_limit(&costs)?, clock)),
        Some(Value::Quota(held)) => {
            let shape = policies::in_force(held);
            // Where reservations are counted, it is asked whether one more would be admitted.
            let demand = Demand { costs: &costs.by_limit(&shape), ttl: Some(Span::from_ms(1)) };
            let verdict = decide::peek(held, &shape, &demand, clock);
            let row = std::iter::once((&*shape, &verdict));
            quota::limits(Reply::to(context).array(4), row, quota::Names::Plain);
        }
        None => {
            Reply::to(context).null();
        }
    }
    Ok(())
}

/// One limit counts requests, whatever they are.
fn of_one_limit(costs: &Costs<'_>) -> Result<u64> {
    if costs.iter().any(|(unit, _)| unit != REQUESTS) {
        Err(Fault::PeekSyntax)
    } else {
        Ok(costs.of(REQUESTS))
    }
}
