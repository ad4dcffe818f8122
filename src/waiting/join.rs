//! How a request queues: behind whom, and in which lines.

use std::ops::Range;
use std::sync::Arc;

use rl_core::engine::forecast::AHEAD_MAX;
use rl_core::fault::{Fault, Result};
use rl_core::queue::{Ahead, Claims, Lane, Line, Places, Wait};

use super::clients::Clients;
use super::room::{Again, Request, WaitingClient, any, now, with};
use super::serve::refusal;
use crate::policies::Kept;
use crate::sys::args::{Arg, Args};
use crate::sys::blocked;
use crate::sys::context::Context;
use crate::sys::owned_string::OwnedString;
use crate::sys::reply::Reply;
use crate::{metrics, settings};

/// Lends the waiters that may be served before a request of `lane` in the line of a key; `None` if there is none.
pub(crate) fn line_of<T>(
    context: &Context<'_>,
    key: Arg<'_>,
    lane: Lane,
    look: impl FnOnce(&mut dyn Iterator<Item = Ahead<'_>>) -> T,
) -> Option<T> {
    if !any() {
        return None;
    }
    with(context.main_thread(), |room| {
        let place = (context.db(), key.bytes());
        room.lines.all(place, lane, now(), AHEAD_MAX, &Kept(context.main_thread()), look)
    })
}

/// How a request queues.
pub(crate) struct Queues {
    /// The words that are its keys.
    pub(crate) keys: Range<usize>,
    pub(crate) wait: Wait,
    /// Whether it goes as soon as it is first in one of its lines.
    pub(crate) is_any: bool,
    pub(crate) claims: Claims,
    /// Runs its command again.
    pub(crate) again: Again,
}

/// Makes the client of a command wait. It is not answered now.
///
/// A server may refuse to block a client, as Valkey does if the client is subscribed to a channel. Such a request is
/// answered at once, as without `WAIT`.
///
/// # Errors
/// [`Fault::Busy`], [`Fault::Flows`].
pub(crate) fn join(
    context: &mut Context<'_>,
    reply: Reply<'_>,
    args: Args<'_>,
    queues: Queues,
) -> Result<()> {
    let Queues { keys, wait, is_any, claims, again } = queues;
    let db = context.db();
    let names = || keys.clone().filter_map(|at| args.get(at));
    let position = wait.position(&args, is_any);
    let places = with(context.main_thread(), |room| {
        let (most, per_key) = settings::waiters_at_most();
        let claimed = claims.iter().filter_map(|(key, _)| names().nth(*key));
        let is_full = |key: Arg<'_>| room.lines.line(db, key.bytes()).map_or(0, Line::len) >= per_key;
        if room.lines.len() >= most || claimed.clone().any(is_full) {
            return Err(Fault::Busy);
        }
        let keys = claimed.map(|key| (db, key.bytes()));
        if !room.lines.has_room_for_flow(&position, keys, settings::flows_at_most()) {
            return Err(Fault::Flows);
        }
        Ok(names().map(|key| room.lines.place(db, key.bytes())).collect::<Places>())
    });
    if places.is_err() {
        metrics::BUSY.count();
    }
    // The engine has asked whether it may block.
    let joins = places.and_then(|places| Ok((context.may_block().ok_or(Fault::Busy)?, places)));
    let (user, places) = match joins {
        Ok(joins) => joins,
        Err(fault) => {
            reply.fault(fault);
            return Err(fault);
        }
    };
    let keep = |word| OwnedString::new(context, word);
    let words = (0..args.len()).filter_map(|at| args.get(at)).filter_map(keep).collect();
    let request = Request { words, keys, user, db, again };
    let client = match blocked::block::<Clients>(context, &request.user, reply) {
        Ok(client) => client,
        Err(reply) => {
            refusal(context, args, &request, wait.lane)(reply);
            return Ok(());
        }
    };
    let id = client.id();
    let waiting = WaitingClient { client, request: Arc::new(request) };
    with(context.main_thread(), |room| {
        let ticket = room.lines.join(places, claims, position, now(), wait.time, waiting);
        room.tickets.insert(id, ticket);
    });
    Ok(())
}
