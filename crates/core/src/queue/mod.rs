//! The lines in which denied requests wait, and the order in which waiters are admitted.
//!
//! A denied request may wait in the *line* of each of its keys. This module decides, without a server, who
//! is ahead of whom and when there is something to do next. It does not answer waiters and does not ask
//! limits: its user does both.
//!
//! **Order.** All waiters of a server have one order: the higher [`Lane`] first, then the smaller
//! [`Ticket`]. A later waiter has a larger ticket. With aging, a waiter rises one lane each time that
//! it has waited for that long. It keeps its ticket, so it goes before all later waiters of its new lane.
//!
//! **Turns.** It is a waiter's turn when it is the first in *each* of its lines. The first waiter of the
//! whole order always has its turn, whatever its keys, so there is no deadlock. Only waiters of higher
//! lanes can pass a waiter, so each waiter becomes the first at some time. A waiter starves only if higher
//! lanes never empty and aging is off.
//!
//! A waiter may also go as soon as it is the first in *one* of its lines ([`Position::is_any`]). Nobody blocks it in the
//! others, and it blocks nobody there. When it goes it leaves all lines at once.
//!
//! **No barging.** A new request queues behind every waiter of its own lane or a higher one, even if it
//! asks for less than the first of them.
//!
//! ```
//! use rl_core::grammar::limit::slide;
//! use rl_core::queue::{Claim, Lane, Lines, Place};
//! use rl_core::time::{At, Span};
//!
//! let words: [&[u8]; 4] = [b"RL.SLIDE", b"key", b"1", b"60"];
//! let request = slide(words.as_slice())?;
//! let place = Place { db: 0, key: b"key".as_slice().into() };
//! let (now, wait) = (At::from_ms(0), Span::from_ms(30_000));
//!
//! let mut lines = Lines::default();
//! let mut join = |lane, name| {
//!     let keys = [place.clone()].into_iter().collect();
//!     let claims = [(0, Claim::Limit(request))].into_iter().collect(); // of the first key
//!     lines.join(keys, claims, lane, now, wait, name)
//! };
//! let (low, high) = (join(Lane::Low, "batch"), join(Lane::High, "user"));
//!
//! assert_eq!(lines.marked(now), Some(place.clone())); // something has happened to this line
//! assert_eq!(lines.look(&place, now), Some(high));
//! assert_eq!(lines.leave(high).unwrap().what, "user"); // it is admitted
//! assert_eq!(lines.look(&place, now), Some(low));
//! lines.sleep(&place, now, Some(At::from_ms(60_000))); // its limit does not admit it before
//! assert_eq!(lines.next(now), Some(At::from_ms(30_000))); // and by then it has waited long enough
//! # Ok::<(), rl_core::fault::Fault>(())
//! ```
//!
//! - [`wait`]: the parameters of `WAIT`, [`lane`]: the four lanes, [`claim`]: what a waiter takes
//! - [`flow`]: the flows of a lane, `fair`: their order, [`share`]: what a request takes of its flow's share,
//!   [`flow_row`]: what is told of them
//! - [`mod@line`]: one line, [`lines`]: all lines, and when to look at each, `knot`: waiters that block each other

pub mod claim;
mod fair;
pub mod flow;
pub mod flow_row;
mod knot;
pub mod lane;
pub mod line;
pub mod lines;
pub mod share;
pub mod ticket;
pub mod wait;
pub mod waiter;

pub use self::claim::{Ahead, Claim, Claims, QuotaClaim};
pub use self::fair::Standing as FlowStanding;
pub use self::flow::{Flow, Position};
pub use self::lane::Lane;
pub use self::line::{Line, Stand};
pub use self::lines::Lines;
pub use self::ticket::Ticket;
pub use self::wait::Wait;
pub use self::waiter::{KeySet, Place, Places, Waiter};
