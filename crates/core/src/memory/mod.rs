//! A host in memory: keys that expire, and the lines of the requests that wait for them.
//!
//! rl-coordinator keeps its limits in memories, and the engine's own tests run on one. A memory reads no
//! clock: each call says what time it is.
//!
//! ```
//! use std::sync::Arc;
//!
//! use rl_core::engine::Standing;
//! use rl_core::engine::run::run;
//! use rl_core::grammar::request::{Command, Request};
//! use rl_core::limit::Kind;
//! use rl_core::memory::{Error, Memory, Now, Room};
//! use rl_core::queue::Lane;
//! use rl_core::time::{At, Span};
//!
//! let room = Arc::new(Room::new(1)); // for one key, in all memories that share it
//! let mut memory = Memory::<()>::new(Arc::clone(&room), Arc::default(), || None);
//! let words: [&[u8]; 4] = [b"RL.WINDOW", b"key", b"5", b"1"];
//! let request = Request::read(Command::Limit(Kind::Window), words.as_slice())?;
//! let mut ask = |key: &[u8], wall| {
//!     run(&mut memory.at(Now { wall, steady: wall }), &[key], &request, Standing::Newcomer(Lane::Normal))
//! };
//!
//! let clock = At::from_ms(1_764_000_000_000);
//! ask(b"first", clock)?;
//! assert_eq!(ask(b"second", clock).unwrap_err(), Error::Full);
//! ask(b"second", clock.plus(Span::from_ms(2_000)))?; // the first has expired by then
//! assert_eq!(room.taken(), 1);
//! # Ok::<(), Error>(())
//! ```

mod keys;
mod room;

use std::sync::Arc;

pub use self::keys::Keys;
pub use self::room::Room;
use crate::effect::Effect;
use crate::engine::forecast::AHEAD_MAX;
use crate::engine::host::{Host, MadeId};
use crate::fault::{Fault, Result};
use crate::queue::{Ahead, Lane, Lines, Ticket, Waiter};
use crate::quota::policies::Policies;
use crate::quota::shape::Shape;
use crate::time::{At, Span};
use crate::value::Value;

/// The database of all keys: a memory has one.
pub const DB: i32 = 0;

/// The time, by two clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// The clock that decides: ms since the epoch.
    pub wall: At,
    /// A clock that never steps, by which requests wait.
    pub steady: At,
}

/// Keys, lines and policies. `W` is what its user keeps of a waiter.
#[derive(Debug)]
pub struct Memory<W> {
    /// The keys.
    pub keys: Keys,
    /// The waiters.
    pub lines: Lines<W>,
    /// The limits that have a name.
    pub policies: Arc<Policies>,
    /// Whether a request may wait now.
    pub may_wait: bool,
    make_id: fn() -> Option<MadeId>,
}

/// Why a request has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// Something is wrong with the request or with its key.
    Fault(Fault),
    /// There are as many keys as there may be.
    Full,
    /// No id could be made for a reservation.
    NoId,
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl<W> Memory<W> {
    /// A memory without keys. `make_id` makes the ids of reservations, which nobody should be able to guess.
    #[must_use]
    pub fn new(room: Arc<Room>, policies: Arc<Policies>, make_id: fn() -> Option<MadeId>) -> Self {
        Self { keys: Keys::new(room), lines: Lines::default(), policies, may_wait: true, make_id }
    }

    /// Takes a waiter that was admitted out of the lines. See [`Lines::served`].
    pub fn served(&mut self, ticket: Ticket, only: Option<usize>) -> Option<Waiter<W>> {
        self.lines.served(ticket, only, &*self.policies)
    }

    /// The memory at an instant, for the engine.
    pub fn at(&mut self, now: Now) -> Visit<'_, W> {
        Visit { memory: self, now }
    }
}

/// A memory at an instant.
#[derive(Debug)]
pub struct Visit<'m, W> {
    memory: &'m mut Memory<W>,
    now: Now,
}

impl<'m, W> Host for Visit<'m, W> {
    type Name = &'m [u8];
    type Key = &'m [u8];
    type Error = Error;

    fn clock(&self) -> At {
        self.now.wall
    }

    fn max_window(&self) -> Span {
        Span::MAX
    }

    fn open(&mut self, name: Self::Name) -> Self::Key {
        name
    }

    fn value<'k>(&'k self, key: &'k Self::Key) -> Result<Option<&'k Value>> {
        Ok(self.memory.keys.get(key, self.now.wall))
    }

    fn read<T>(&mut self, name: Self::Name, look: impl FnOnce(&Self, Option<&Value>) -> T) -> Result<T> {
        Ok(look(self, self.memory.keys.get(name, self.now.wall)))
    }

    fn prepare(
        &mut self,
        names: impl Iterator<Item = Self::Name> + Clone,
    ) -> core::result::Result<(), Error> {
        let has_room = self.memory.keys.hold(names, self.now.wall);
        if has_room { Ok(()) } else { Err(Error::Full) }
    }

    fn commit(
        &mut self,
        name: Self::Name,
        _: &mut Self::Key,
        effect: &Effect<'_>,
    ) -> core::result::Result<(), Error> {
        let keys = &mut self.memory.keys;
        if keys.change(name, effect, self.now.wall)? { Ok(()) } else { Err(Error::Full) }
    }

    fn policy(&self, policy: &[u8], name: Self::Name) -> Option<Arc<Shape>> {
        self.memory.policies.in_force(policy, name).cloned()
    }

    fn make_id(&mut self) -> core::result::Result<MadeId, Error> {
        (self.memory.make_id)().ok_or(Error::NoId)
    }

    fn has_waiters(&self) -> bool {
        !self.memory.lines.is_empty()
    }

    fn may_wait(&self) -> bool {
        self.memory.may_wait
    }

    fn line<T>(
        &self,
        name: Self::Name,
        lane: Lane,
        look: impl FnOnce(&mut dyn Iterator<Item = Ahead<'_>>) -> T,
    ) -> Option<T> {
        let Memory { lines, policies, .. } = &*self.memory;
        lines.all((DB, name), lane, self.now.steady, AHEAD_MAX, &**policies, look)
    }

    fn mark(&mut self, name: Self::Name) {
        self.memory.lines.mark(DB, name);
    }
}
