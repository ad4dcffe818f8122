//! What the server tells of a client that waits: it goes on, an operator has ended its time, or it is gone.

use super::room::{WaitingClient, with};
use super::serve::refusal;
use crate::metrics;
use crate::sys::args::Args;
use crate::sys::blocked::{BlockedClients, Id};
use crate::sys::context::Context;
use crate::sys::main_thread::MainThread;
use crate::sys::reply::Reply;

/// The callbacks of the server about a blocked client.
pub(super) struct Clients;

impl BlockedClients for Clients {
    fn released(context: &mut Context<'_>, reply: Reply<'_>, id: Id) {
        answer(context.main_thread(), reply, id);
    }

    fn timed_out(context: &mut Context<'_>, args: Args<'_>, reply: Reply<'_>, id: Id) {
        let main_thread = context.main_thread();
        let lane = with(main_thread, |room| room.lane(id));
        let left = with(main_thread, |room| room.leave(id));
        if let (Some(lane), Some(WaitingClient { client, request })) = (lane, left) {
            metrics::UNBLOCKED.count();
            refusal(context, args, &request, lane)(reply);
            client.release(main_thread);
        } else {
            answer(main_thread, reply, id);
        }
    }

    fn gone(main_thread: MainThread<'_>, id: Id) {
        let left = with(main_thread, |room| {
            room.answers.remove(&id);
            room.leave(id)
        });
        if let Some(WaitingClient { client, .. }) = left {
            metrics::GONE.count();
            client.release(main_thread);
        }
    }
}

/// Sends a released client its answer.
fn answer(main_thread: MainThread<'_>, reply: Reply<'_>, id: Id) {
    match with(main_thread, |room| room.answers.remove(&id)) {
        Some(answer) => answer(reply),
        None => reply.null(), // never: there is an answer for each
    }
}
