//! `RL.SETTLE`, `RL.CANCEL`, `RL.RENEW`: the end of a reservation, and its renewal.
//!
//! Each answers 1, or 0 if there is no such reservation (any more), and then changes nothing.

use rl_core::engine::reservation::conclude;
use rl_core::fault::Result;
use rl_core::grammar::quota;
use rl_core::quota::effect::QuotaEffect;
use rl_core::time::At;

use super::answer::{answer, key};
use crate::host::Server;
use crate::keyspace_events;
use crate::metrics::{self, Calls};
use crate::sys::args::{Arg, Args};
use crate::sys::command::Handler;
use crate::sys::context::Context;
use crate::sys::reply::Reply;

/// `RL.SETTLE key id [COST unit n]…`
pub(crate) struct Settle;
/// `RL.CANCEL key id`
pub(crate) struct Cancel;
/// `RL.RENEW key id ttl`
pub(crate) struct Renew;

impl Handler for Settle {
    const WORDS: (usize, usize) = (3, usize::MAX);

    fn run(context: &mut Context<'_>, args: Args<'_>, reply: Reply<'_>) {
        let request = quota::settle(&args);
        let effect = request.map(|(id, used)| (id, move |at| QuotaEffect::Settle { id, at, used }));
        respond(context, args, reply, &metrics::SETTLE, effect, keyspace_events::settled);
    }
}

impl Handler for Cancel {
    const WORDS: (usize, usize) = (3, 3);

    fn run(context: &mut Context<'_>, args: Args<'_>, reply: Reply<'_>) {
        let effect = quota::reservation(&args).map(|id| (id, move |at| QuotaEffect::Cancel { id, at }));
        respond(context, args, reply, &metrics::CANCEL, effect, keyspace_events::settled);
    }
}

impl Handler for Renew {
    const WORDS: (usize, usize) = (4, 4);

    fn run(context: &mut Context<'_>, args: Args<'_>, reply: Reply<'_>) {
        let request = quota::renew(&args);
        let renew = |(id, ttl)| (id, move |at: At| QuotaEffect::Renew { id, at, expires: at.plus(ttl) });
        respond(context, args, reply, &metrics::RENEW, request.map(renew), |_, _| ());
    }
}

/// Makes the effect of an instant if the reservation is open then, and answers whether it was. `tell` is called if it was.
fn respond<'a>(
    context: &mut Context<'_>,
    args: Args<'a>,
    reply: Reply<'_>,
    count: &Calls,
    effect: Result<(&'a [u8], impl FnOnce(At) -> QuotaEffect<'a>)>,
    tell: fn(&mut Context<'_>, Arg<'_>),
) {
    count.calls.count();
    let done = effect.and_then(|(id, effect)| {
        let key = key(args)?;
        let was_open = conclude(&mut Server::new(context), key, id, effect)?;
        if was_open {
            tell(context, key);
        }
        Ok(was_open)
    });
    answer(reply, &count.errors, done, |reply, was_open| reply.integer(i64::from(was_open)));
}
