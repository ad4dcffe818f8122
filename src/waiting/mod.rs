//! Clients that wait for their turn.
//!
//! The order of lines is [`rl_core::queue`], and [`rl_core::engine::serve`] serves them. Here are the clients
//! that stand in them. A request that is denied and wants to wait joins the lines of its keys. Everything that
//! may admit a waiter only *marks* a line. A timer then serves the marked lines. So nobody is answered in the
//! midst of another client's command or transaction, and no client's command runs between the decision for a
//! waiter and its answer.
//!
//! A waiter is its command's words. When it is its turn the command runs again as if it had just come, but with
//! nobody ahead of it. So it is told whatever a new request would be told: another type, no such policy, no
//! memory, no permission.
//!
//! - [`room`]: all waiters, and the timer
//! - [`join`]: how a request queues
//! - [`marks`]: what marks a line
//! - [`serve`]: admits waiters and ends their wait
//! - [`told`]: what is told of a line
//! - [`clients`]: what the server tells of a client that waits

mod clients;
mod join;
mod marks;
mod room;
mod serve;
mod told;

pub(crate) use self::join::{Queues, join, line_of};
pub(crate) use self::marks::{changed, hear, policies_changed, set_aging, unlinked};
pub(crate) use self::room::{Answer, any, counts, refuse};
pub(crate) use self::told::{FlowOfKey, flows, line, longest_flows};
use crate::sys::context::Context;

/// Prepares the timers, while the module loads.
pub(crate) fn load(context: &Context<'_>) {
    room::load(context, serve::wake);
}
