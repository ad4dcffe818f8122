//! Who waits for a limit, and whose turn it is.
//!
//! A request that is denied may wait in the *line* of each of its keys. All that is decided about
//! lines is here, without a server: the order, who stands before whom, and when there is something
//! to do next. What a waiter is, how it is answered, and what a limit says are its user's.
//!
//! **Order.** One order holds for all waiters of a server: the higher [`Lane`] first, then the
//! smaller [`Ticket`], which grow as waiters come. With aging a waiter rises one lane each time it has
//! waited so long; it keeps its ticket, and so is before all that came later to the lane it rises to.
//!
//! **Turns.** It is a waiter's turn when it is the first in *each* of its lines. So of all waiters the
//! first in the order has its turn whatever its keys: there is always one that nobody stands before
//! (no deadlock), and since nobody passes a waiter but those of higher lanes, each comes to be it
//! (nobody starves, unless higher lanes never end and there is no aging).
//!
//! **No barging.** Whoever comes has to stand behind every waiter of its own lane or a higher one,
//! also where less is asked for than the first of them waits for.
//!
//! - [`wait`]: what a request says of it, [`lane`]: the four lanes
//! - [`line`]: one line, [`waiting`]: all of them, and what is to be done when

pub mod claim;
pub mod lane;
pub mod line;
pub mod lines;
pub mod wait;

pub use self::claim::{Ahead, Claim, Claims, QuotaClaim};
pub use self::lane::Lane;
pub use self::line::{Line, Stand, Ticket};
pub use self::lines::{Lines, Place, Waiter};
pub use self::wait::Wait;
