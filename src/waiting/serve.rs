//! Serves those who wait, when a timer says that there is something to do.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rl_core::engine::serve::{self, Served, Server};
use rl_core::engine::{Standing, Turn};
use rl_core::fault::Fault;
use rl_core::queue::{Lane, Lines, Ticket, Waiter};
use rl_core::time::{At, Span};

use super::room::{Answer, Request, WaitingClient, now, refuse, with};
use crate::metrics;
use crate::policies::Kept;
use crate::sys::args::Args;
use crate::sys::context::Context;
use crate::sys::main_thread::MainThread;
use crate::sys::owned_string::OwnedString;
use crate::sys::write_refusal::WriteRefusal;

/// How long waiters are served before other clients have the server for a moment. The last of them may take longer. The
/// server then takes up to twice as long to write the answers of a slice.
const SLICE: Duration = Duration::from_millis(1);

/// How soon to ask again whether anything may be written.
const AGAIN: Span = Span::from_ms(10);

/// Admits waiters whose turn has come, and ends the wait of those whose time is over.
pub(super) fn wake(context: &mut Context<'_>, (): ()) {
    let main_thread = context.main_thread();
    let _serving = Serving::begin(main_thread);
    // While clients are paused nothing may be written, so that nobody is admitted.
    let may_write = context.may_replicate();
    serve::serve(&mut Room { context, began: Instant::now() }, may_write);
    if !may_write {
        with(main_thread, |room| room.not_before = now().plus(AGAIN));
    }
}

/// While this is there, no timer is set; then it is, whatever has happened.
struct Serving<'a>(MainThread<'a>);

impl<'a> Serving<'a> {
    fn begin(main_thread: MainThread<'a>) -> Self {
        with(main_thread, |room| {
            room.timer = None;
            room.is_serving = true;
        });
        Self(main_thread)
    }
}

impl Drop for Serving<'_> {
    fn drop(&mut self) {
        with(self.0, |room| room.is_serving = false);
    }
}

/// The room, as the engine serves it.
struct Room<'s, 'c> {
    context: &'s mut Context<'c>,
    /// When it began to serve.
    began: Instant,
}

impl Server for Room<'_, '_> {
    type Waiter = WaitingClient;
    type Request = Arc<Request>;
    type Answer = Answer;

    fn lines<T>(&mut self, look: impl FnOnce(&mut Lines<WaitingClient>) -> T) -> T {
        with(self.context.main_thread(), |room| look(&mut room.lines))
    }

    fn served(&mut self, ticket: Ticket, at: Option<usize>) -> Option<Waiter<WaitingClient>> {
        let main_thread = self.context.main_thread();
        with(main_thread, |room| room.lines.served(ticket, at, &Kept(main_thread)))
    }

    fn steady(&self) -> At {
        now()
    }

    fn lag(&self) -> Span {
        self.context.stood_still()
    }

    fn has_time(&self) -> bool {
        self.began.elapsed() < SLICE
    }

    fn request(waiter: &WaitingClient) -> Option<Arc<Request>> {
        Some(Arc::clone(&waiter.request))
    }

    fn attempt(&mut self, request: Arc<Request>, standing: Standing) -> Option<Turn<Answer>> {
        let context = &mut *self.context;
        let args = OwnedString::args(&request.words);
        // There was such a database when the request came, and their number does not change.
        let is_there = context.select(request.db);
        match standing {
            Standing::Leaving(lane) => {
                let reply = if is_there { refusal(context, args, &request, lane) } else { nothing() };
                Some(Turn::answer(false, reply))
            }
            Standing::Newcomer(_) | Standing::First | Standing::FirstAt(_) => is_there.then(|| {
                let refused = refused(context, args, &request);
                refused.unwrap_or_else(|| (request.again)(context, args, standing))
            }),
        }
    }

    fn answer(&mut self, waiter: Waiter<WaitingClient>, why: Served, answer: Answer) {
        match why {
            Served::Admitted => {
                metrics::LONGEST_WAIT_MS.raise(now().since(waiter.stand.since).ms());
                metrics::WAITED.count();
            }
            Served::Refused => {}
            Served::TimedOut => metrics::TIMED_OUT.count(),
        }
        let (main_thread, id) = (self.context.main_thread(), waiter.what.client.id());
        with(main_thread, |room| {
            room.tickets.remove(&id);
            room.answers.insert(id, answer);
        });
        waiter.what.client.release(main_thread);
    }
}

/// What the server would answer if it refused the command before it runs.
fn refused(context: &mut Context<'_>, args: Args<'_>, request: &Request) -> Option<Turn<Answer>> {
    if !request.user.may_still_run(context, args, request.keys.clone()) {
        return Some(refuse(Fault::NoPermission));
    }
    let mut keys = request.keys.clone().filter_map(|at| args.get(at));
    match keys.find_map(|key| context.refuses_write(key)) {
        Some(WriteRefusal::OtherNode) => Some(refuse(Fault::SlotMoves)),
        Some(WriteRefusal::Error(text)) => {
            let reply: Answer = Box::new(move |place| place.error(&text));
            Some(Turn::answer(false, reply))
        }
        None => context.is_out_of_memory().then(|| refuse(Fault::OutOfMemory)),
    }
}

/// What a request is told that does not wait any longer.
pub(super) fn refusal(context: &mut Context<'_>, args: Args<'_>, request: &Request, lane: Lane) -> Answer {
    match (request.again)(context, args, Standing::Leaving(lane)) {
        Turn::Answer { reply, .. } => reply,
        Turn::Wait { .. } => nothing(),
    }
}

/// An answer that is never sent: there is always something to tell.
fn nothing() -> Answer {
    Box::new(|place| place.null())
}
