//! All waiters of the server, and the timer by which they are served.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use rl_core::engine::{Standing, Turn};
use rl_core::fault::Fault;
use rl_core::queue::{Lane, Lines, Ticket};
use rl_core::time::At;

use crate::sys::alarm::Alarm;
use crate::sys::args::Args;
use crate::sys::blocked::{Blocked, Id};
use crate::sys::context::Context;
use crate::sys::detached_context::DetachedContext;
use crate::sys::main_thread::MainThread;
use crate::sys::owned_string::OwnedString;
use crate::sys::reply::Reply;
use crate::sys::timer::{self, Timer};
use crate::sys::user::User;

/// Sends a reply.
pub(crate) type Answer = Box<dyn FnOnce(Reply<'_>) + Send>;

/// Runs the command of a waiter again. It is never called with [`Standing::Newcomer`], and always answers with
/// [`Standing::Leaving`].
pub(crate) type Again = fn(&mut Context<'_>, Args<'_>, Standing) -> Turn<Answer>;

/// Answers a request with a fault.
pub(crate) fn refuse(fault: Fault) -> Turn<Answer> {
    let reply: Answer = Box::new(move |place| place.fault(fault));
    Turn::answer(false, reply)
}

/// A client that waits.
pub(super) struct WaitingClient {
    pub(super) client: Blocked,
    pub(super) request: Arc<Request>,
}

/// The command of a waiter, which runs again when it is its turn.
pub(super) struct Request {
    pub(super) words: Box<[OwnedString]>,
    /// The words that are keys.
    pub(super) keys: Range<usize>,
    pub(super) user: User,
    pub(super) db: i32,
    pub(super) again: Again,
}

/// All waiters of the server.
#[derive(Default)]
pub(super) struct Room {
    pub(super) lines: Lines<WaitingClient>,
    /// The ticket of each client.
    pub(super) tickets: HashMap<Id, Ticket>,
    /// The answers of the clients that were released and have not been told yet.
    pub(super) answers: HashMap<Id, Answer>,
    /// The timer for the next instant at which there is something to do.
    pub(super) timer: Option<SetTimer>,
    /// Whether the lines are being served. The timer is set again afterwards.
    pub(super) is_serving: bool,
    /// The lines are not served before this instant.
    pub(super) not_before: At,
}

/// A timer that was set.
pub(super) struct SetTimer {
    at: At,
    /// Whether it was due when it was set. Such a timer runs before the server has answered the command
    /// that set it. A timer that was set earlier and is due now may take a millisecond or two.
    is_at_once: bool,
    /// `None` if the alarm is set instead.
    timer: Option<Timer<()>>,
}

static ROOM: LazyLock<Mutex<Room>> = LazyLock::new(Mutex::default);
/// Whether anybody waits. This is all that lines cost a request while nobody does.
static ANY: AtomicBool = AtomicBool::new(false);
/// The context in which timers are set.
static CONTEXT: OnceLock<DetachedContext> = OnceLock::new();
/// The alarm for what is due later. Without one, a timer of the server's is set, which goes by the wall clock.
static ALARM: OnceLock<Alarm> = OnceLock::new();
/// What a timer runs: it serves the lines.
static WAKE: OnceLock<Wake> = OnceLock::new();

/// Serves the lines.
type Wake = fn(&mut Context<'_>, ());

/// Lends the room. Nothing is called meanwhile in which the server may call back.
pub(super) fn with<T>(main_thread: MainThread<'_>, look: impl FnOnce(&mut Room) -> T) -> T {
    let mut room: MutexGuard<'_, Room> = ROOM.lock().unwrap_or_else(PoisonError::into_inner);
    let result = look(&mut room);
    ANY.store(!room.lines.is_empty(), Relaxed);
    room.arm(main_thread);
    result
}

/// Reads a clock that never steps.
pub(super) fn now() -> At {
    static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);
    At::from_ms(i64::try_from(BEGAN.elapsed().as_millis()).unwrap_or(i64::MAX))
}

/// Prepares the timers, while the module loads. `wake` serves the lines.
pub(super) fn load(context: &Context<'_>, wake: Wake) {
    let _ = WAKE.set(wake); // a module is loaded once
    if let Some(detached) = DetachedContext::new(context) {
        let _ = CONTEXT.set(detached); // as above
    }
    // When it rings, a timer is set that is due at once: the lines are served in a timer's context.
    if let Some(alarm) =
        Alarm::new(context.main_thread(), |main_thread| with(main_thread, |room| room.timer = None))
    {
        let _ = ALARM.set(alarm); // as above
    }
}

/// Whether anybody waits for anything.
pub(crate) fn any() -> bool {
    ANY.load(Relaxed)
}

/// How many wait in each lane, and how many flows wait or owe; `None` if that cannot be told, as in the report of a crash.
pub(crate) fn counts() -> Option<([usize; 4], usize)> {
    ROOM.try_lock().ok().map(|room| (room.lines.counts(), room.lines.flows()))
}

impl Room {
    /// The lane that a client asked for, if it waits.
    pub(super) fn lane(&self, id: Id) -> Option<Lane> {
        Some(self.lines.get(*self.tickets.get(&id)?)?.stand.lane)
    }

    /// Takes a client out of its lines, unless it has been released.
    pub(super) fn leave(&mut self, id: Id) -> Option<WaitingClient> {
        let ticket = self.tickets.get(&id)?;
        self.take(*ticket)
    }

    fn take(&mut self, ticket: Ticket) -> Option<WaitingClient> {
        let held = self.lines.leave(ticket)?.what;
        self.tickets.remove(&held.client.id());
        Some(held)
    }

    /// Sets the timer for the next instant at which there is something to do, unless it is set for an earlier one.
    fn arm(&mut self, main_thread: MainThread<'_>) {
        let now = now();
        let Some(next) = self.lines.next(now).filter(|_| !self.is_serving) else { return };
        let next = next.max(self.not_before).min(now.plus(timer::LONGEST)); // it is set again then
        let is_at_once = next <= now;
        if self.timer.as_ref().is_some_and(|set| set.at <= next && (set.is_at_once || !is_at_once)) {
            return;
        }
        let Some((context, wake)) = CONTEXT.get().zip(WAKE.get()) else { return };
        let timers = context.timers(main_thread);
        if let Some(timer) = self.timer.take().and_then(|set| set.timer) {
            timer.stop(timers);
        }
        let delay = next.since(now);
        let timer = match ALARM.get().filter(|_| !is_at_once) {
            Some(alarm) => {
                alarm.set(main_thread, delay);
                None
            }
            None => Some(timer::after(timers, delay, (), *wake)),
        };
        self.timer = Some(SetTimer { at: next, is_at_once, timer });
    }
}
