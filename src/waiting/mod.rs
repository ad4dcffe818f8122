//! Clients that wait for their turn.
//!
//! The order of lines is [`rl_core::queue`]; here are the clients that stand in them. A request that is
//! denied and would wait [joins](join) the lines of its keys. Everything that may let someone go on
//! only *marks* a line ([`changed`], [`unlinked`], [`hear`], [`policies_changed`]); a timer then does
//! what there is to do (`serve.rs`). So nobody is answered in the middle of another's command or
//! transaction, and between an answer's decision and its sending no client's command runs.
//!
//! What waits is the command itself, its words. When it is its turn it is run again as if it had come just
//! then, but that nobody stands before it: so whatever a new request would be told (another type,
//! no such policy, no memory, no permission), one that has waited is told, too.

mod serve;

use std::collections::HashMap;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use rl_core::engine::forecast::AHEAD_MAX;
use rl_core::engine::{Standing, Turn};
use rl_core::fault::{Fault, Result};
use rl_core::queue::lines::Places;
use rl_core::queue::{Ahead, Claims, Lane, Line, Lines, Place, Ticket, Wait};
use rl_core::time::{At, Span};

use crate::metrics::{self, Highest};
use crate::settings;
use crate::sys::blocked::{self, Blocked, Holds, Id};
use crate::sys::context::{Arg, Args, Context, Lasting};
use crate::sys::events::Event;
use crate::sys::kept::Kept;
use crate::sys::reply::Reply;
use crate::sys::timer::{self, Timer};
use crate::sys::user::User;

/// Sends a reply.
pub(crate) type Answer = Box<dyn FnOnce(Context<'_>) + Send>;

/// Runs a command again that was given these words. It is not called with [`Standing::Newcomer`], and gives an answer
/// if [`Standing::Leaving`].
pub(crate) type Again = fn(Context<'_>, Args<'_>, Standing) -> Turn<Answer>;

/// Answers a request with what is wrong with it.
pub(crate) fn refuse(fault: Fault) -> Turn<Answer> {
    let reply: Answer = Box::new(move |context| {
        Reply::to(context).fault(fault);
    });
    Turn::Answer { admitted: false, reply }
}

/// A client that waits.
struct Held {
    client: Blocked,
    request: Arc<Request>,
}

/// What is run when it is its turn.
struct Request {
    words: Box<[Kept]>,
    /// Which of the words are keys.
    keys: Range<usize>,
    user: User,
    db: i32,
    again: Again,
}

/// All that wait.
#[derive(Default)]
struct Room {
    lines: Lines<Held>,
    /// Whose turn it will be, by what the server knows the client by.
    tickets: HashMap<Id, Ticket>,
    /// What clients are to be told that were released just now.
    answers: HashMap<Id, Answer>,
    /// What sees to it when there is something to do.
    timer: Option<Alarm>,
    /// Whether that is being done; the timer is set again when it has been.
    is_serving: bool,
    /// Nothing is done before.
    not_before: At,
}

/// A timer that was set.
struct Alarm {
    at: At,
    /// Whether it was due when it was set. Such a one runs before the server has answered the command
    /// that set it; one that was set before, and is due now, may take a ms or two.
    is_at_once: bool,
    timer: Timer<()>,
}

static ROOM: LazyLock<Mutex<Room>> = LazyLock::new(Mutex::default);
/// Whether anyone waits: all that a request costs for there being lines.
static ANY: AtomicBool = AtomicBool::new(false);
/// For timers.
static CONTEXT: OnceLock<Lasting> = OnceLock::new();

/// The longest that anyone has waited and then gone on.
pub(crate) static LONGEST_MS: Highest = Highest::new();

/// Looks at the room, or changes it. No call is made meanwhile in which the server may call back.
fn with<T>(look: impl FnOnce(&mut Room) -> T) -> T {
    let mut room: MutexGuard<'_, Room> = ROOM.lock().unwrap_or_else(PoisonError::into_inner);
    let result = look(&mut room);
    ANY.store(!room.lines.is_empty(), Relaxed);
    room.arm();
    result
}

/// The instant of a clock that never steps.
fn now() -> At {
    static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);
    At::from_ms(i64::try_from(BEGAN.elapsed().as_millis()).unwrap_or(i64::MAX))
}

/// Starts, while the module loads.
pub(crate) fn load(context: Context<'_>) {
    if let Some(lasting) = context.lasting() {
        let _ = CONTEXT.set(lasting); // a module is loaded once
    }
}

/// Whether anyone waits for anything.
pub(crate) fn any() -> bool {
    ANY.load(Relaxed)
}

/// Lends the waiters that a request of `lane` has to stand behind in the line of a key; `None` if there is none.
pub(crate) fn ahead<T>(
    context: Context<'_>,
    key: Arg<'_>,
    lane: Lane,
    look: impl FnOnce(&mut dyn Iterator<Item = Ahead<'_>>) -> T,
) -> Option<T> {
    if !any() {
        return None;
    }
    with(|room| room.lines.ahead((context.db(), key.bytes()), lane, now(), AHEAD_MAX, look))
}

/// Makes the client of a command wait, whose keys are these of its words. It is not answered now.
///
/// # Errors
/// [`Fault::Busy`].
pub(crate) fn join(
    context: Context<'_>,
    args: Args<'_>,
    keys: Range<usize>,
    wait: Wait,
    claims: Claims,
    again: Again,
) -> Result<()> {
    let db = context.db();
    let place = |at| Some(Place { db, key: args.get(at)?.bytes().into() });
    let places: Places = keys.clone().filter_map(place).collect();
    with(|room| {
        let (most, per_key) = settings::waiters_at_most();
        let claimed = claims.iter().filter_map(|(key, _)| places.get(*key));
        let is_full = |place: &Place| room.lines.line(db, &place.key).map_or(0, Line::len) >= per_key;
        let busy = room.lines.len() >= most || claimed.into_iter().any(is_full);
        if busy { Err(Fault::Busy) } else { Ok(()) }
    })
    .inspect_err(|_| metrics::BUSY.count())?;
    let user = context.may_block().ok_or(Fault::Busy)?; // the engine has asked whether it may
    let words = (0..args.len()).filter_map(|at| args.get(at)).filter_map(Kept::new).collect();
    let request = Request { words, keys, user, db, again };
    let client = blocked::block::<Clients>(context).ok_or(Fault::Busy)?;
    let id = client.id();
    let held = Held { client, request: Arc::new(request) };
    with(|room| {
        let ticket = room.lines.join(places, claims, wait.lane, now(), wait.time, held);
        room.tickets.insert(id, ticket);
    });
    Ok(())
}

/// Something has happened to a key that may let someone go on.
pub(crate) fn changed(context: Context<'_>, key: Arg<'_>) {
    if any() {
        with(|room| room.lines.mark(context.db(), key.bytes()));
    }
}

/// A key is gone that held a value of the module's.
pub(crate) fn unlinked(db: i32, key: &[u8]) {
    if any() {
        with(|room| room.lines.mark(db, key));
    }
}

/// A policy has changed.
pub(crate) fn policies_changed() {
    if any() {
        with(|room| room.lines.mark_all(None));
    }
}

/// Makes waiters rise one lane each time they have waited so long, or never.
pub(crate) fn set_aging(aging: Option<Span>) {
    with(|room| room.lines.set_aging(aging));
}

/// Hears what the server tells of itself.
pub(crate) fn hear(event: Event) {
    if !any() {
        return;
    }
    match event {
        Event::Flushed(db) => with(|room| room.lines.mark_all(db)),
        Event::Swapped(first, second) => with(|room| {
            room.lines.mark_all(Some(first));
            room.lines.mark_all(Some(second));
        }),
        Event::LoadEnded | Event::RoleChanged => with(|room| room.lines.mark_all(None)),
        _ => {}
    }
}

/// How many wait for a key, by lane, and how long the first of them has to, at least.
pub(crate) fn line(context: Context<'_>, key: Arg<'_>) -> ([usize; 4], Option<Span>) {
    if !any() {
        return ([0; 4], None);
    }
    with(|room| {
        let line = room.lines.line(context.db(), key.bytes());
        line.map_or(([0; 4], None), |line| (line.counts(), line.expects(now())))
    })
}

/// How many wait, by lane; nothing where that cannot be told, in a report of a crash.
pub(crate) fn counts() -> Option<[usize; 4]> {
    ROOM.try_lock().ok().map(|room| room.lines.counts())
}

impl Room {
    /// The lane that a client asked for, if it waits.
    fn lane(&self, id: Id) -> Option<Lane> {
        Some(self.lines.get(*self.tickets.get(&id)?)?.stand.lane)
    }

    /// Takes one out of its lines that the server tells of; nothing if it has been released.
    fn leave(&mut self, id: Id) -> Option<Held> {
        let ticket = self.tickets.get(&id)?;
        self.take(*ticket)
    }

    /// Takes one out of its lines.
    fn take(&mut self, ticket: Ticket) -> Option<Held> {
        let held = self.lines.leave(ticket)?.what;
        self.tickets.remove(&held.client.id());
        Some(held)
    }

    /// Sets the timer for when there is something to do, if it is not set for before.
    fn arm(&mut self) {
        let now = now();
        let Some(next) = self.lines.next(now).filter(|_| !self.is_serving) else { return };
        let next = next.max(self.not_before).min(now.plus(timer::LONGEST)); // then it is set once more
        let is_at_once = next <= now;
        if self.timer.as_ref().is_some_and(|set| set.at <= next && (set.is_at_once || !is_at_once)) {
            return;
        }
        let Some(context) = CONTEXT.get().map(Lasting::context) else { return };
        if let Some(set) = self.timer.take() {
            set.timer.stop(context);
        }
        let timer = timer::after(context, next.since(now), (), serve::wake);
        self.timer = Some(Alarm { at: next, is_at_once, timer });
    }
}

/// The clients as the server tells of them.
struct Clients;

impl Holds for Clients {
    fn released(context: Context<'_>, id: Id) {
        if let Some(answer) = with(|room| room.answers.remove(&id)) {
            answer(context);
        }
    }

    fn timed_out(context: Context<'_>, args: Args<'_>, id: Id) {
        let lane = with(|room| room.lane(id));
        let left = with(|room| room.leave(id));
        if let (Some(lane), Some(Held { client, request })) = (lane, left) {
            metrics::UNBLOCKED.count();
            serve::refusal(context, args, &request, lane)(context);
            client.release();
        }
    }

    fn gone(id: Id) {
        let left = with(|room| {
            room.answers.remove(&id);
            room.leave(id)
        });
        if let Some(Held { client, .. }) = left {
            metrics::GONE.count();
            client.release();
        }
    }
}
