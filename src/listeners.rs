//! Whether anyone reads effects: replicas, a backlog that replicas may come back to, or an AOF.
//!
//! The server drops what is propagated when nobody reads it, and a plain command pays nothing for
//! that. A module pays for building a command first, a quarter of a decision's whole cost. So where
//! it is certain that nobody reads, the change is only marked as one, for the snapshot counter.
//!
//! Certain means: the AOF is off, which is asked whenever settings change, and nothing has happened
//! since the module was loaded that could have made a reader. A replica gets its first copy from a fork or a
//! saved file, and needs what comes after that; a replica that continues from a backlog needs one
//! that was there before, from a file or from a time as a replica. Each of these is an event, and
//! after one that may have made a reader effects are sent for as long as the server runs. In a
//! cluster they always are: slots move in ways that are not events.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use crate::sys::context::Context;
use crate::sys::events::{Event, server_info};

/// Whether there may be a reader besides the AOF.
static REPLICATED: AtomicBool = AtomicBool::new(true);
/// Whether there is an AOF, or a cluster.
static WRITTEN: AtomicBool = AtomicBool::new(true);

/// Whether an effect that is sent now may have a reader.
pub(crate) fn any() -> bool {
    REPLICATED.load(Relaxed) || WRITTEN.load(Relaxed)
}

/// Looks for readers, while the module loads.
pub(crate) fn load(context: Context<'_>) {
    REPLICATED.store(may_be_read(context), Relaxed);
    WRITTEN.store(context.has_aof_or_cluster(), Relaxed);
}

/// Looks again when there may be new ones.
pub(crate) fn hear(context: Context<'_>, event: Event) {
    let read = match event {
        Event::RoleChanged | Event::ReplicaChanged => true,
        Event::LoadStarted | Event::LoadEnded | Event::Forked | Event::ForkEnded | Event::Saved => {
            may_be_read(context)
        }
        Event::Rewriting => false, // in a process that decides nothing
        Event::Configured => {
            WRITTEN.store(context.has_aof_or_cluster(), Relaxed);
            false
        }
        Event::Flushed(_) | Event::Swapped(..) => false,
    };
    if read {
        REPLICATED.store(true, Relaxed);
    }
}

/// Whether the server has a replica, in whatever state, or a backlog, or is a replica.
fn may_be_read(context: Context<'_>) -> bool {
    let readers = server_info(context, c"replication", [c"connected_slaves", c"repl_backlog_active"]);
    context.is_replica() || readers != [Some(0), Some(0)]
}
