//! Serves the lines: admits waiters whose turn has come, and ends the wait of those whose time is over.

use super::turn::{Standing, Turn};
use crate::queue::{Lines, Place, Ticket, Waiter};
use crate::time::{At, Span};

/// Why a waiter is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Served {
    /// It is admitted.
    Admitted,
    /// It never is.
    Refused,
    /// Its time is over.
    TimedOut,
}

/// A host whose requests wait.
///
/// The host sleeps until [`Lines::next`], calls [`serve`], and sleeps again.
///
/// ```
/// use std::sync::Arc;
///
/// use rl_core::engine::run::{Reply, run};
/// use rl_core::engine::serve::{Served, Server, serve};
/// use rl_core::engine::{Standing, Turn};
/// use rl_core::grammar::request::{Command, Request};
/// use rl_core::limit::Kind;
/// use rl_core::memory::{DB, Memory, Now, Room};
/// use rl_core::queue::{Lane, Lines, Place, Ticket, Waiter};
/// use rl_core::time::{At, Span};
///
/// const WORDS: [&[u8]; 6] = [b"RL.SLIDE", b"k", b"1", b"10", b"WAIT", b"30"];
///
/// /// A server of one request, which comes again and again.
/// struct Tiny(Memory<()>, At, Vec<Served>);
///
/// impl Tiny {
///     fn run(&mut self, standing: Standing) -> Option<Turn<Reply>> {
///         let request = Request::read(Command::Limit(Kind::Slide), WORDS.as_slice()).ok()?;
///         run(&mut self.0.at(Now { wall: self.1, steady: self.1 }), &[b"k"], &request, standing).ok()
///     }
/// }
///
/// impl Server for Tiny {
///     type Waiter = ();
///     type Request = ();
///     type Answer = Reply;
///
///     fn lines<T>(&mut self, look: impl FnOnce(&mut Lines<()>) -> T) -> T {
///         look(&mut self.0.lines)
///     }
///     fn served(&mut self, ticket: Ticket, at: Option<usize>) -> Option<Waiter<()>> {
///         self.0.served(ticket, at)
///     }
///     fn steady(&self) -> At {
///         self.1
///     }
///     fn lag(&self) -> Span {
///         Span::default()
///     }
///     fn request((): &()) -> Option<()> {
///         Some(())
///     }
///     fn attempt(&mut self, (): (), standing: Standing) -> Option<Turn<Reply>> {
///         self.run(standing)
///     }
///     fn answer(&mut self, _: Waiter<()>, why: Served, _: Reply) {
///         self.2.push(why);
///     }
/// }
///
/// let memory = Memory::new(Arc::new(Room::new(10)), Arc::default(), || None);
/// let mut server = Tiny(memory, At::from_ms(1_764_000_000_000), Vec::new());
/// let comes = Standing::Newcomer(Lane::Normal);
/// assert!(matches!(server.run(comes), Some(Turn::Answer { admitted: true, .. })));
///
/// // The next one waits for 10 s at most 30 s.
/// let Some(Turn::Wait { claims, .. }) = server.run(comes) else { panic!("it waits") };
/// let keys = [Place { db: DB, key: b"k".as_slice().into() }].into_iter().collect();
/// server.0.lines.join(keys, claims, Lane::Normal, server.1, Span::from_ms(30_000), ());
/// serve(&mut server, true);
///
/// let wakes = server.0.lines.next(server.1).unwrap();
/// assert_eq!(wakes.since(server.1), Span::from_ms(10_000));
/// server.1 = wakes;
/// serve(&mut server, true);
/// assert_eq!(server.2, [Served::Admitted]);
/// ```
pub trait Server {
    /// What the host keeps of a waiter.
    type Waiter;
    /// What the host runs to decide on a waiter's request again.
    type Request;
    /// What a waiter is answered.
    type Answer;

    /// Lends the lines.
    fn lines<T>(&mut self, look: impl FnOnce(&mut Lines<Self::Waiter>) -> T) -> T;

    /// Takes a waiter that was admitted out of the lines, by the policies of now. See [`Lines::served`].
    fn served(&mut self, ticket: Ticket, at: Option<usize>) -> Option<Waiter<Self::Waiter>>;

    /// A clock that never steps.
    fn steady(&self) -> At;

    /// How long the clock that decides has stood still.
    fn lag(&self) -> Span;

    /// Whether there is time to look at one more waiter. If not, the host calls [`serve`] again soon, after it has done
    /// other work.
    fn has_time(&self) -> bool {
        true
    }

    /// The request of a waiter; `None` if its client is gone and takes nothing.
    fn request(waiter: &Self::Waiter) -> Option<Self::Request>;

    /// Runs a request again, as if it came now; `None` if it cannot run.
    fn attempt(&mut self, request: Self::Request, standing: Standing) -> Option<Turn<Self::Answer>>;

    /// Answers a waiter that was taken out of the lines.
    fn answer(&mut self, waiter: Waiter<Self::Waiter>, why: Served, answer: Self::Answer);
}

/// Serves the lines until nothing is left to do, or the host has no more time. At least one waiter is looked at.
///
/// Nobody is admitted unless `may_admit`: while the host may not write, only times run out.
pub fn serve<S: Server>(server: &mut S, may_admit: bool) {
    loop {
        let now = server.steady();
        let marked = if may_admit { server.lines(|lines| lines.marked(now)) } else { None };
        let Some(place) = marked else { break };
        look(server, &place);
        if !server.has_time() {
            break; // but one whose time is over is told so, however much there is to do
        }
    }
    loop {
        let now = server.steady();
        let Some(ticket) = server.lines(|lines| lines.overdue(now)) else { break };
        end(server, ticket);
        if !server.has_time() {
            break;
        }
    }
}

/// Takes a waiter out of the lines, and tells it how things stand.
///
/// It takes nothing of what others wait for. It is admitted if its reservation is open by now, or if it takes
/// nothing by the policies of now.
pub fn end<S: Server>(server: &mut S, ticket: Ticket) {
    let Some(waiter) = server.lines(|lines| lines.leave(ticket)) else { return };
    let Some(request) = S::request(&waiter.what) else { return };
    let standing = Standing::Leaving(waiter.stand.lane);
    if let Some(Turn::Answer { admitted, reply, .. }) = server.attempt(request, standing) {
        let why = if admitted { Served::Admitted } else { Served::TimedOut };
        server.answer(waiter, why, reply);
    }
}

/// Admits the first waiter of a line, and the next, until one has to go on waiting.
fn look<S: Server>(server: &mut S, place: &Place) {
    loop {
        let now = server.steady();
        let first = server.lines(|lines| {
            let ticket = lines.look(place, now)?;
            let waiter = lines.get(ticket)?;
            let standing =
                if waiter.is_any { Standing::FirstAt(lines.first_at(ticket, now)) } else { Standing::First };
            Some((ticket, standing, S::request(&waiter.what)))
        });
        let Some((ticket, standing, request)) = first else {
            return server.lines(|lines| lines.sleep(place, now, None));
        };
        let turn = match request {
            Some(request) => server.attempt(request, standing),
            None => {
                server.lines(|lines| lines.leave(ticket));
                return server.lines(|lines| lines.mark(place.db, &place.key));
            }
        };
        match turn {
            Some(Turn::Wait { after, claims }) => {
                // The clock that decided stands still for as long as others are served here.
                let after = Span::from_ms(after.ms().saturating_sub(server.lag().ms()));
                let until = server.steady().plus(after);
                return server.lines(|lines| {
                    if !lines.update(ticket, claims) {
                        lines.sleep(place, now, Some(until));
                    } // otherwise all lines that it left or entered are marked
                });
            }
            Some(Turn::Answer { admitted, at, reply }) => {
                let why = if admitted { Served::Admitted } else { Served::Refused };
                let left = if admitted {
                    server.served(ticket, at)
                } else {
                    server.lines(|lines| lines.leave(ticket))
                };
                if let Some(waiter) = left {
                    server.answer(waiter, why, reply);
                }
            }
            None => return server.lines(|lines| lines.sleep(place, now, None)),
        }
        if !server.has_time() {
            return server.lines(|lines| lines.mark(place.db, &place.key)); // there may be more to do
        }
    }
}
