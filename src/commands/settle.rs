//! `RL.SETTLE`, `RL.CANCEL`, `RL.RENEW`: what became of a reservation.
//!
//! Each answers 1, or 0 where there is no such reservation (any more), and then changes nothing.

use rl_core::fault::Result;
use rl_core::grammar::quota as request;
use rl_core::quota::effect::QuotaEffect as Change;
use rl_core::time::At;
use rl_core::value::Value;

use super::{answer, key};
use crate::change;
use crate::metrics::{self, Calls};
use crate::sys::command::Handler;
use crate::sys::context::{Args, Context};
use crate::sys::key::{Key, Mode};
use crate::sys::reply::Reply;
use crate::waiting;

/// `RL.SETTLE key id [COST unit n]…`
pub(crate) struct Settle;
/// `RL.CANCEL key id`
pub(crate) struct Cancel;
/// `RL.RENEW key id ttl`
pub(crate) struct Renew;

impl Handler for Settle {
    const WORDS: (usize, usize) = (3, usize::MAX);

    fn run(context: Context<'_>, args: Args<'_>) {
        let request = request::settle(&args);
        let change = request.map(|(id, used)| (id, move |at| Change::Settle { id, at, used }));
        respond(context, args, &metrics::SETTLE, change);
    }
}

impl Handler for Cancel {
    const WORDS: (usize, usize) = (3, 3);

    fn run(context: Context<'_>, args: Args<'_>) {
        let change = request::reservation(&args).map(|id| (id, move |at| Change::Cancel { id, at }));
        respond(context, args, &metrics::CANCEL, change);
    }
}

impl Handler for Renew {
    const WORDS: (usize, usize) = (4, 4);

    fn run(context: Context<'_>, args: Args<'_>) {
        let request = request::renew(&args);
        let change =
            request.map(|(id, ttl)| (id, move |at: At| Change::Renew { id, at, expires: at.plus(ttl) }));
        respond(context, args, &metrics::RENEW, change);
    }
}

/// Makes the change that is made at an instant, if the reservation is open then.
fn respond<'a>(
    context: Context<'a>,
    args: Args<'a>,
    count: &Calls,
    change: Result<(&'a [u8], impl FnOnce(At) -> Change<'a>)>,
) {
    count.calls.count();
    let done = change.and_then(|(id, change)| {
        let name = key(args)?;
        let mut key = Key::<Value>::open(context, name, Mode::Write);
        let at = match key.value()? {
            Some(value) => {
                let quota = value.quota()?;
                let at = quota.now(context.now());
                quota.reservations().and_then(|held| held.get(id, at)).map(|_| at)
            }
            None => None,
        };
        if let Some(at) = at {
            let change = change(at);
            change::apply(context, &mut key, name, &change)?;
            change::replicate(context, name, &change);
            waiting::changed(context, name);
        }
        Reply::to(context).integer(i64::from(at.is_some()));
        Ok(())
    });
    answer(context, &count.errors, done);
}
