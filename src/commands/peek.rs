//! `RL.PEEK key [COST n] [COST unit n]…`: what a request would be answered, without making it.

use std::sync::Arc;

use rl_core::engine::forecast::{self as behind, QuotaClaim};
use rl_core::fault::{Fault, Result};
use rl_core::grammar::limit::Request;
use rl_core::grammar::quota::{self as request};
use rl_core::queue::Lane;
use rl_core::quota::costs::Costs;
use rl_core::quota::decide::{self, Demand};
use rl_core::quota::shape::REQUESTS;
use rl_core::time::Span;
use rl_core::value::Value;

use super::{answer, key, limit, quota};
use crate::metrics::PEEK;
use crate::sys::command::Handler;
use crate::sys::context::{Args, Context};
use crate::sys::key::{Key, Mode};
use crate::sys::reply::Reply;
use crate::{policies, waiting};

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
    let name = key(args)?;
    match Key::<Value>::open(context, name, Mode::Read).value()? {
        Some(Value::Limit(state)) => {
            let cost = of_one_limit(&costs)?;
            let behind = (cost > 0).then_some(Lane::default()).and_then(|lane| {
                waiting::behind(context, name, lane, |ahead| {
                    let request = Request { rule: state.rule(), cost, wait: None };
                    behind::limit(Some(state), ahead, &request, clock)
                })
            });
            limit::reply(context, &behind.unwrap_or_else(|| state.peek(cost, clock)));
        }
        Some(Value::Quota(held)) => {
            let shape = policies::in_force(held);
            // Where reservations are counted, it is asked whether one more would be admitted.
            let (costs, ttl) = (costs.by_limit(&shape), Some(Span::from_ms(1)));
            let peeked = decide::peek(held, &shape, &Demand { costs: &costs, ttl }, clock);
            let ttl = ttl.filter(|_| shape.counts_reservations());
            let claim = QuotaClaim { shape: Arc::clone(&shape), costs, ttl };
            let behind = claim.takes().then_some(Lane::default()).and_then(|lane| {
                waiting::behind(context, name, lane, |ahead| behind::quota(Some(held), ahead, &claim, clock))
            });
            let verdict = behind.unwrap_or(peeked);
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
