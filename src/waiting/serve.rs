//! What there is to do for those who wait, when a timer says that there is something.

use std::sync::Arc;

use rl_core::fault::Fault;
use rl_core::queue::{Place, Ticket};
use rl_core::time::Span;

use super::{Answer, Held, LONGEST_MS, Request, Standing, Turn, now, with};
use crate::metrics;
use crate::sys::blocked::Blocked;
use crate::sys::context::{Args, Context, Refusal};
use crate::sys::kept::Kept;
use crate::sys::reply::Reply;

/// So many are answered at most before others have the server for a moment.
const BATCH: usize = 1_000;

/// How soon to ask again whether anything may be written.
const AGAIN: Span = Span::from_ms(10);

/// Lets go on whose turn has come, and ends the wait of those who have waited for long enough.
pub(super) fn wake(context: Context<'_>, (): ()) {
    let _serving = Serving::begin();
    // While clients are paused nothing is to be written, and so nobody goes on.
    let may_write = context.may_replicate();
    let mut left = BATCH;
    while may_write && left > 0 {
        let Some(place) = with(|room| room.waiting.marked(now())) else { break };
        left = left.saturating_sub(1);
        look(context, &place, &mut left);
    }
    while left > 0 {
        let Some(ticket) = with(|room| room.waiting.overdue(now())) else { break };
        left = left.saturating_sub(1);
        end(context, ticket);
    }
    if !may_write {
        with(|room| room.not_before = now().plus(AGAIN));
    }
}

/// While this is there, no timer is set; then it is, whatever has happened.
struct Serving;

impl Serving {
    fn begin() -> Self {
        with(|room| {
            room.timer = None;
            room.is_serving = true;
        });
        Self
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        with(|room| room.is_serving = false);
    }
}

/// Lets the first of a line go on, and the next, until one has to wait still.
fn look(context: Context<'_>, place: &Place, left: &mut usize) {
    loop {
        let looked = now();
        let sleep = |until| with(|room| room.waiting.sleep(place, looked, until));
        let first = with(|room| room.waiting.look(place, looked));
        let (ticket, answer) = match first.and_then(|ticket| Some((ticket, attempt(context, ticket)?))) {
            Some((ticket, Turn::Admitted(answer))) => {
                let waited = with(|room| Some(now().since(room.waiting.get(ticket)?.stand.since)));
                LONGEST_MS.raise(waited.map_or(0, Span::ms));
                metrics::WAITED.count();
                (ticket, answer)
            }
            Some((ticket, Turn::Refused(answer))) => (ticket, answer),
            Some((ticket, Turn::Denied(wait, claims))) => {
                if with(|room| room.claim(ticket, claims)) {
                    return; // all of the lines that this is about are marked
                }
                // The clock that this was decided by stands still for as long as others have their turn here.
                let wait = wait.ms().saturating_sub(context.stood_still().ms());
                return sleep(Some(now().plus(Span::from_ms(wait))));
            }
            None => return sleep(None),
        };
        release(ticket, answer);
        *left = left.saturating_sub(1);
        if *left == 0 {
            return with(|room| room.waiting.mark(place.db, &place.key)); // there may be more to do
        }
    }
}

/// Runs the command of one whose turn it is, as if it came now.
fn attempt(context: Context<'_>, ticket: Ticket) -> Option<Turn> {
    let request = with(|room| Some(Arc::clone(&room.waiting.get(ticket)?.what.request)))?;
    if !context.select(request.db) {
        return None; // there was such a database when it came, and their number does not change
    }
    let args = Kept::args(&request.words);
    let refused = refused(context, args, &request);
    Some(refused.unwrap_or_else(|| (request.again)(context, args, Standing::First)))
}

/// What the server would answer if it refused the command before it runs.
fn refused(context: Context<'_>, args: Args<'_>, request: &Request) -> Option<Turn> {
    if !request.user.may_run(args) {
        return Some(Turn::fault(Fault::NoPermission));
    }
    let mut keys = request.keys.iter().filter_map(|at| args.get(*at));
    match keys.find_map(|key| context.refuses_write(key)) {
        Some(Refusal::Elsewhere) => Some(Turn::fault(Fault::SlotMoves)),
        Some(Refusal::Says(text)) => Some(Turn::Refused(Box::new(move |context| {
            Reply::to(context).error(&text);
        }))),
        None => context.is_out_of_memory().then(|| Turn::fault(Fault::OutOfMemory)),
    }
}

/// Ends the wait of one who has waited for as long as it would.
fn end(context: Context<'_>, ticket: Ticket) {
    let Some(Held { client, request, .. }) = with(|room| room.take(ticket)) else { return };
    metrics::TIMED_OUT.count();
    let answer = if context.select(request.db) {
        refusal(context, Kept::args(&request.words), &request)
    } else {
        none()
    };
    tell(client, answer);
}

/// What one is told who waits no longer.
pub(super) fn refusal(context: Context<'_>, args: Args<'_>, request: &Request) -> Answer {
    match (request.again)(context, args, Standing::Leaves(request.lane)) {
        Turn::Admitted(answer) | Turn::Refused(answer) => answer,
        Turn::Denied(..) => none(),
    }
}

/// What is never said: there is always something to tell.
fn none() -> Answer {
    Box::new(|context| {
        Reply::to(context).null();
    })
}

/// Takes one out of its lines and answers it.
fn release(ticket: Ticket, answer: Answer) {
    if let Some(Held { client, .. }) = with(|room| room.take(ticket)) {
        tell(client, answer);
    }
}

/// Lets a client go on that is told this.
fn tell(client: Blocked, answer: Answer) {
    with(|room| room.answers.insert(client.id(), answer));
    client.release();
}
