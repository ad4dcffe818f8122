//! One shard: some of the keys, and the requests that wait for them.
//!
//! The engine decides and serves. This is its host: a [`Memory`], with a channel to each waiter. Where the module has the
//! server's timer, a task sleeps until there is something to do, and then calls [`Shard::serve`].

mod keys;

use std::collections::HashSet;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use rl_core::engine::run::{Reply, run};
use rl_core::engine::serve::{self, Served, Server};
use rl_core::engine::{Standing, Turn};
use rl_core::fault::Fault;
use rl_core::memory::{DB, Error, Memory, Room};
use rl_core::queue::{Claims, Lines, Ticket, Waiter};
use rl_core::quota::policies::Policies;
use rl_core::time::{At, Span};
use smallvec::SmallVec;
use tokio::sync::oneshot;

use super::key_bounds::KeyBounds;
use super::pins::{Pinned, Pins};
use crate::clock::Now;
use crate::command::Command;
use crate::reply::{self, Failure};

/// How long waiters are served before others have the shard for a moment.
const SLICE: Duration = Duration::from_millis(2);
/// How many flows may wait or owe in a shard.
const FLOWS_MAX: usize = 10_000;
/// How many keys expire before others have the shard for a moment.
const BATCH: usize = 1_000;

/// Expired keys are removed at most this often: nobody sees the difference.
const SWEEP: Span = Span::from_ms(1_000);
/// Expired keys are removed at least this often: keys made since may expire before those that were known.
const SWEEP_AT_LAST: Span = Span::from_ms(30_000);

/// Some of the keys, and the requests that wait for them.
pub(super) struct Shard {
    pub(super) memory: Memory<Waiting>,
    /// Counts the keys of all shards.
    room: Arc<Room>,
    bounds: Arc<KeyBounds>,
    /// The number of keys that were deleted since the keys were put in order.
    deletions: usize,
    /// Whether nothing is decided any more.
    is_sealed: bool,
    /// Whether the task sleeps until it is woken: there was nothing at all to do.
    pub(super) is_idle: bool,
    swept: At,
    /// When it last began to serve.
    began: Instant,
    /// Its keys that are in the joint shard.
    away: HashSet<Box<[u8]>>,
    /// Set for the joint shard: which keys stay there.
    pins: Option<Arc<Pins>>,
}

/// A request that waits, and how it is answered.
pub(super) struct Waiting {
    command: Arc<Command>,
    answer: oneshot::Sender<reply::Result>,
    /// The ticket in the joint shard, once its key has gone there.
    moved: Arc<OnceLock<Ticket>>,
    /// Keeps its keys in the joint shard: held, not read.
    pinned: Option<Pinned>,
}

/// What becomes of a request that has just come.
pub(super) enum Come {
    /// It is answered.
    Answer(reply::Result),
    /// It waits.
    Waits {
        /// Its ticket in this shard.
        ticket: Ticket,
        /// Its ticket in the joint shard, once its key has gone there.
        moved: Arc<OnceLock<Ticket>>,
        /// Its answer.
        told: oneshot::Receiver<reply::Result>,
    },
}

impl Shard {
    /// A shard in which nothing is used and nobody waits. `pins` is set for the joint one.
    pub(super) fn new(
        mut memory: Memory<Waiting>,
        room: Arc<Room>,
        bounds: Arc<KeyBounds>,
        aging: Option<Span>,
        pins: Option<Arc<Pins>>,
    ) -> Self {
        memory.lines.set_aging(aging);
        let (swept, began, away) = (At::MIN, Instant::now(), HashSet::new());
        Self { memory, room, bounds, deletions: 0, is_sealed: false, is_idle: true, swept, began, away, pins }
    }

    /// Runs a request that has just come. If it is to wait, `enter` says whether it may.
    pub(super) fn come(
        &mut self,
        command: &Arc<Command>,
        now: Now,
        enter: impl FnOnce() -> Result<(), Fault>,
    ) -> Come {
        if self.is_sealed {
            return Come::Answer(Err(Failure::Down));
        }
        if let Some(answer) = self.without_room(command, now) {
            return Come::Answer(answer);
        }
        let wait = command.wait().unwrap_or_default();
        let claims = match self.run(command, Standing::Newcomer(wait.lane), now) {
            Err(error) => return Come::Answer(Err(error.into())),
            Ok(Turn::Answer { reply, .. }) => {
                return Come::Answer(Ok(reply::Reply::of(command.verb(), reply)));
            }
            Ok(Turn::Wait { claims, .. }) => claims,
        };
        if let Err(fault) = self.has_room_for_flow(command, &claims).and_then(|()| enter()) {
            return Come::Answer(Err(fault.into()));
        }
        let (answer, told) = oneshot::channel();
        let places = command.keys().map(|key| self.memory.lines.place(DB, key)).collect();
        let (moved, pinned) = (Arc::default(), self.pins.as_ref().map(|pins| pins.pin(command)));
        let waiting = Waiting { command: Arc::clone(command), answer, moved: Arc::clone(&moved), pinned };
        let ticket =
            self.memory.lines.join(places, claims, command.position(), now.steady, wait.time, waiting);
        Come::Waits { ticket, moved, told }
    }

    /// Checks that there may be one more flow.
    fn has_room_for_flow(&self, command: &Command, claims: &Claims) -> Result<(), Fault> {
        let keys = claims.iter().filter_map(|(key, _)| command.keys().nth(*key)).map(|key| (DB, key));
        let has_room = self.memory.lines.has_room_for_flow(&command.position(), keys, FLOWS_MAX);
        if has_room { Ok(()) } else { Err(Fault::Flows) }
    }

    fn run(&mut self, command: &Command, standing: Standing, now: Now) -> Result<Turn<Reply>, Error> {
        let keys: SmallVec<[&[u8]; 1]> = command.keys().collect();
        let new: SmallVec<[&[u8]; 1]> = match self.bounds.counts() {
            true => keys.iter().copied().filter(|key| !self.has(key)).collect(),
            false => SmallVec::new(),
        };
        let mut host = self.memory.at(now.into());
        let turn = command.with_request(|request| run(&mut host, &keys, request, standing));
        for key in new.into_iter().filter(|key| self.has(key)) {
            self.bounds.made(key);
        }
        turn
    }

    /// Does some of what there is to do. Returns when there is more, on the steady clock.
    pub(super) fn serve(&mut self) -> Option<At> {
        self.began = Instant::now();
        serve::serve(self, true);
        let now = Now::read();
        self.sweep(now);
        let sweep = self.memory.keys.next().map(|at| {
            let due = now.steady.plus(at.since(now.wall)).plus(Span::from_ms(1));
            due.min(now.steady.plus(SWEEP_AT_LAST)).max(self.swept.plus(SWEEP))
        });
        let next = self.memory.lines.next(now.steady).into_iter().chain(sweep).min();
        self.is_idle = next.is_none();
        next
    }

    fn sweep(&mut self, now: Now) {
        if now.steady < self.swept.plus(SWEEP) && self.swept != At::MIN {
            return;
        }
        self.swept = now.steady;
        self.remove_expired(now.wall, BATCH);
    }

    /// Replaces the policies, and has all waiters looked at again.
    pub(super) fn set_policies(&mut self, policies: Arc<Policies>) {
        self.memory.policies = policies;
        self.memory.lines.mark_all(None);
    }

    /// Removes a waiter whose client is gone.
    pub(super) fn gone(&mut self, ticket: Ticket) {
        self.memory.lines.leave(ticket);
    }

    /// Answers all waiters as if their time were over, and lets nobody wait from now on.
    pub(super) fn close(&mut self) {
        self.memory.may_wait = false;
        while let Some(ticket) = self.memory.lines.overdue(At::MAX) {
            serve::end(self, ticket);
        }
    }

    /// Whether nothing is decided any more.
    pub(super) const fn is_sealed(&self) -> bool {
        self.is_sealed
    }

    /// Decides nothing from now on: what is answered after this would be in no snapshot.
    pub(super) fn seal(&mut self) {
        self.is_sealed = true;
    }
}

impl Server for Shard {
    type Waiter = Waiting;
    type Request = Arc<Command>;
    type Answer = reply::Result;

    fn lines<T>(&mut self, look: impl FnOnce(&mut Lines<Waiting>) -> T) -> T {
        look(&mut self.memory.lines)
    }

    fn served(&mut self, ticket: Ticket, at: Option<usize>) -> Option<Waiter<Waiting>> {
        self.memory.served(ticket, at)
    }

    fn steady(&self) -> At {
        Now::read().steady
    }

    fn lag(&self) -> Span {
        Span::default() // each decision reads the clock
    }

    fn has_time(&self) -> bool {
        self.began.elapsed() < SLICE
    }

    fn request(waiter: &Waiting) -> Option<Arc<Command>> {
        (!waiter.answer.is_closed()).then(|| Arc::clone(&waiter.command))
    }

    fn attempt(&mut self, command: Arc<Command>, standing: Standing) -> Option<Turn<reply::Result>> {
        Some(match self.run(&command, standing, Now::read()) {
            Ok(Turn::Wait { after, claims }) => Turn::Wait { after, claims },
            Ok(Turn::Answer { admitted, at, reply }) => {
                Turn::Answer { admitted, at, reply: Ok(reply::Reply::of(command.verb(), reply)) }
            }
            Err(error) => Turn::answer(false, Err(error.into())),
        })
    }

    fn answer(&mut self, waiter: Waiter<Waiting>, _: Served, answer: reply::Result) {
        let _ = waiter.what.answer.send(answer); // a client that is gone is removed by `embedded.rs`
    }
}
