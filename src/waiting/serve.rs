//! Serves those who wait, when a timer says that there is something to do.

use std::sync::Arc;

use rl_core::engine::serve::{self, Served, Server};
use rl_core::engine::{Standing, Turn};
use rl_core::fault::Fault;
use rl_core::queue::{Lane, Lines, Waiter};
use rl_core::time::{At, Span};

use super::{Answer, Held, LONGEST_MS, Request, now, refuse, with};
use crate::metrics;
use crate::sys::context::{Args, Context, Refusal};
use crate::sys::kept::Kept;
use crate::sys::reply::Reply;

/// How many requests are answered at most before others have the server for a moment.
const BATCH: usize = 1_000;

/// How soon to ask again whether anything may be written.
const AGAIN: Span = Span::from_ms(10);

/// Admits waiters whose turn has come, and ends the wait of those whose time is over.
pub(super) fn wake(context: Context<'_>, (): ()) {
    let _serving = Serving::begin();
    // While clients are paused nothing may be written, so that nobody is admitted.
    let may_write = context.may_replicate();
    serve::serve(&mut Room(context), BATCH, may_write);
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

/// The room, as the engine serves it.
struct Room<'a>(Context<'a>);

impl Server for Room<'_> {
    type Waiter = Held;
    type Request = Arc<Request>;
    type Answer = Answer;

    fn lines<T>(&mut self, look: impl FnOnce(&mut Lines<Held>) -> T) -> T {
        with(|room| look(&mut room.lines))
    }

    fn steady(&self) -> At {
        now()
    }

    fn lag(&self) -> Span {
        self.0.stood_still()
    }

    fn request(waiter: &Held) -> Option<Arc<Request>> {
        Some(Arc::clone(&waiter.request))
    }

    fn attempt(&mut self, request: Arc<Request>, standing: Standing) -> Option<Turn<Answer>> {
        let context = self.0;
        let args = Kept::args(&request.words);
        // There was such a database when the request came, and their number does not change.
        let is_there = context.select(request.db);
        match standing {
            Standing::Leaving(lane) => {
                let reply = if is_there { refusal(context, args, &request, lane) } else { nothing() };
                Some(Turn::Answer { admitted: false, reply })
            }
            Standing::Newcomer(_) | Standing::First => is_there.then(|| {
                let refused = refused(context, args, &request);
                refused.unwrap_or_else(|| (request.again)(context, args, standing))
            }),
        }
    }

    fn answer(&mut self, waiter: Waiter<Held>, why: Served, answer: Answer) {
        match why {
            Served::Admitted => {
                LONGEST_MS.raise(now().since(waiter.stand.since).ms());
                metrics::WAITED.count();
            }
            Served::Refused => {}
            Served::TimedOut => metrics::TIMED_OUT.count(),
        }
        let id = waiter.what.client.id();
        with(|room| {
            room.tickets.remove(&id);
            room.answers.insert(id, answer);
        });
        waiter.what.client.release();
    }
}

/// What the server would answer if it refused the command before it runs.
fn refused(context: Context<'_>, args: Args<'_>, request: &Request) -> Option<Turn<Answer>> {
    if !request.user.may_run(args) {
        return Some(refuse(Fault::NoPermission));
    }
    let mut keys = request.keys.clone().filter_map(|at| args.get(at));
    match keys.find_map(|key| context.refuses_write(key)) {
        Some(Refusal::Elsewhere) => Some(refuse(Fault::SlotMoves)),
        Some(Refusal::Says(text)) => {
            let reply: Answer = Box::new(move |context| {
                Reply::to(context).error(&text);
            });
            Some(Turn::Answer { admitted: false, reply })
        }
        None => context.is_out_of_memory().then(|| refuse(Fault::OutOfMemory)),
    }
}

/// What a request is told that does not wait any longer.
pub(super) fn refusal(context: Context<'_>, args: Args<'_>, request: &Request, lane: Lane) -> Answer {
    match (request.again)(context, args, Standing::Leaving(lane)) {
        Turn::Answer { reply, .. } => reply,
        Turn::Wait { .. } => nothing(),
    }
}

/// An answer that is never sent: there is always something to tell.
fn nothing() -> Answer {
    Box::new(|context| {
        Reply::to(context).null();
    })
}
