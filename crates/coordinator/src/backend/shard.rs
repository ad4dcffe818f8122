//! One shard: some of the keys and all who wait for these.
//!
//! What the module does with the server's timer, a task does here: everything that may let someone go on only marks a
//! line, and the task then looks at it ([`Shard::serve`]). It sleeps until there is something to do.

use std::sync::Arc;

use rl_core::engine::forecast::{AHEAD_MAX, Ahead, Claim};
use rl_core::queue::{Lane, Lines, Place, Ticket};
use rl_core::quota::policies::Policies;
use rl_core::time::{At, Span};
use smallvec::smallvec;
use tokio::sync::oneshot;

use super::decide::{Standing, Turn};
use super::keys::{Keys, Room};
use crate::clock::Now;
use crate::command::Command;
use crate::reply::{self, Failure};

/// There is one database.
pub(super) const DB: i32 = 0;

/// So many are answered, or expire, before others have the shard for a moment.
const BATCH: usize = 1_000;

/// Keys that have expired are removed no more often than this: nobody sees the difference.
const SWEEP: Span = Span::from_ms(1_000);
/// And no less often: keys that were made since may expire sooner than those that were known.
const SWEEP_AT_LAST: Span = Span::from_ms(30_000);

/// See the head of this file.
pub(super) struct Shard {
    pub(super) keys: Keys,
    pub(super) waiting: Lines<Held>,
    pub(super) policies: Arc<Policies>,
    /// Whether the program ends: nobody waits any more.
    is_closing: bool,
    /// Whether nothing is decided any more.
    is_sealed: bool,
    /// Whether the task sleeps until it is woken: there was nothing at all to do.
    pub(super) is_idle: bool,
    swept: At,
}

/// One who waits.
pub(super) struct Held {
    command: Arc<Command>,
    claim: Claim,
    lane: Lane,
    answer: oneshot::Sender<reply::Result>,
}

/// What becomes of a request that has just come.
pub(super) enum Come {
    /// It is answered.
    Answer(reply::Result),
    /// It waits.
    Waits(Ticket, oneshot::Receiver<reply::Result>),
}

impl Shard {
    /// Nothing is used, and nobody waits.
    pub(super) fn new(room: Arc<Room>, policies: Arc<Policies>, aging: Option<Span>) -> Self {
        let mut waiting = Lines::default();
        waiting.set_aging(aging);
        let (keys, is_closing, is_sealed, is_idle) = (Keys::new(room), false, false, true);
        Self { keys, waiting, policies, is_closing, is_sealed, is_idle, swept: At::MIN }
    }

    /// Runs a request that has just come. If it is to wait, `enter` is asked whether it may.
    pub(super) fn come(
        &mut self,
        command: &Arc<Command>,
        now: Now,
        enter: impl FnOnce() -> rl_core::fault::Result<()>,
    ) -> Come {
        if self.is_sealed {
            return Come::Answer(Err(Failure::Down));
        }
        let wait = command.wait();
        let lane = wait.map_or(Lane::default(), |wait| wait.lane);
        let claim = match self.run(command, Standing::Comes(lane), now) {
            Err(failure) => return Come::Answer(Err(failure)),
            Ok(Turn::Answer(reply)) => return Come::Answer(Ok(reply)),
            Ok(Turn::Denied(_, reply, _)) if wait.is_none() || self.is_closing => {
                return Come::Answer(Ok(reply));
            }
            Ok(Turn::Denied(_, _, claim)) => claim,
        };
        if let Err(fault) = enter() {
            return Come::Answer(Err(fault.into()));
        }
        let (answer, told) = oneshot::channel();
        let place = Place { db: DB, key: command.key().into() };
        let held = Held { command: Arc::clone(command), claim, lane, answer };
        let time = wait.map_or(Span::default(), |wait| wait.time);
        Come::Waits(self.waiting.join(smallvec![place], lane, now.steady, time, held), told)
    }

    /// Looks at those in the line of a key whom a request has to stand behind that comes to `lane`; `None`
    /// where it has to stand behind nobody.
    pub(super) fn behind<T>(
        &self,
        key: &[u8],
        lane: Lane,
        now: Now,
        look: impl FnOnce(&mut dyn Iterator<Item = Ahead<'_>>) -> T,
    ) -> Option<T> {
        if self.waiting.is_empty() {
            return None;
        }
        let ahead = self.waiting.ahead(DB, key, lane, now.steady, AHEAD_MAX);
        let mut all = ahead
            .iter()
            .map(|waiter| Ahead { claim: &waiter.what.claim, patience: waiter.deadline.since(now.steady) });
        (!ahead.is_empty()).then(|| look(&mut all))
    }

    /// Does what there is to do, some of it; when there is more, on the steady clock.
    pub(super) fn serve(&mut self) -> Option<At> {
        let mut left = BATCH;
        while left > 0 {
            let Some(place) = self.waiting.marked(Now::read().steady) else { break };
            left = left.saturating_sub(1);
            self.look(&place, &mut left);
        }
        let now = Now::read();
        while left > 0 {
            let Some(ticket) = self.waiting.overdue(now.steady) else { break };
            left = left.saturating_sub(1);
            self.end(ticket, now);
        }
        self.sweep(now);
        let sweep = self.keys.next().map(|at| {
            let due = now.steady.plus(at.since(now.wall)).plus(Span::from_ms(1));
            due.min(now.steady.plus(SWEEP_AT_LAST)).max(self.swept.plus(SWEEP))
        });
        let next = self.waiting.next(now.steady).into_iter().chain(sweep).min();
        self.is_idle = next.is_none();
        next
    }

    fn sweep(&mut self, now: Now) {
        if now.steady < self.swept.plus(SWEEP) && self.swept != At::MIN {
            return;
        }
        self.swept = now.steady;
        let (keys, waiting) = (&mut self.keys, &mut self.waiting);
        keys.sweep(now.wall, BATCH, |key| waiting.mark(DB, key));
    }

    /// Lets the first of a line go on, and the next, until one has to wait still.
    fn look(&mut self, place: &Place, left: &mut usize) {
        loop {
            let now = Now::read();
            let Some(ticket) = self.waiting.look(place, now.steady) else {
                return self.waiting.sleep(place, now.steady, None);
            };
            let Some(waiter) = self.waiting.get(ticket) else { return };
            if waiter.what.answer.is_closed() {
                self.waiting.leave(ticket); // its client has gone, and only waits for this lock to say so
                continue;
            }
            let command = Arc::clone(&waiter.what.command);
            let result = match self.run(&command, Standing::First, now) {
                Ok(Turn::Denied(wait, _, claim)) => {
                    if let Some(held) = self.waiting.what(ticket) {
                        held.claim = claim;
                    }
                    return self.waiting.sleep(place, now.steady, Some(now.steady.plus(wait)));
                }
                Ok(Turn::Answer(reply)) => Ok(reply),
                Err(failure) => Err(failure),
            };
            self.tell(ticket, result);
            *left = left.saturating_sub(1);
            if *left == 0 {
                return self.waiting.mark(place.db, &place.key); // there may be more to do
            }
        }
    }

    /// Ends the wait of one who has waited for as long as it would.
    fn end(&mut self, ticket: Ticket, now: Now) {
        let Some(waiter) = self.waiting.get(ticket) else { return };
        let (command, lane) = (Arc::clone(&waiter.what.command), waiter.what.lane);
        let result = self.run(&command, Standing::Leaves(lane), now).map(|turn| match turn {
            Turn::Answer(reply) | Turn::Denied(_, reply, _) => reply,
        });
        self.tell(ticket, result);
    }

    fn tell(&mut self, ticket: Ticket, result: reply::Result) {
        if let Some(waiter) = self.waiting.leave(ticket) {
            let _ = waiter.what.answer.send(result); // who has gone takes itself out: see `embedded.rs`
        }
    }

    /// One who waited has gone.
    pub(super) fn gone(&mut self, ticket: Ticket) {
        self.waiting.leave(ticket);
    }

    /// Answers all who wait as if their time was over, and lets nobody wait from now on.
    pub(super) fn close(&mut self) {
        self.is_closing = true;
        let now = Now::read();
        while let Some(ticket) = self.waiting.overdue(At::MAX) {
            self.end(ticket, now);
        }
    }
    /// Decides nothing from now on: what is answered after this would be in no snapshot.
    pub(super) fn seal(&mut self) {
        self.is_sealed = true;
    }
}
