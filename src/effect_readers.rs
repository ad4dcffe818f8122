//! Whether anyone reads effects: replicas, a backlog that replicas may continue from, or an AOF.
//!
//! The server drops what is propagated when nobody reads it, and a command of its own pays nothing for that. But a module has
//! to build a command first, which costs a quarter of a whole decision. So where it is certain that nobody reads, a change is
//! only marked as one, for the snapshot counter.
//!
//! It is certain if two things hold:
//!
//! * The AOF is off. That is asked again whenever settings change.
//! * Nothing has happened since the module was loaded that could have made another reader. A replica gets its first copy from
//!   a fork or a saved file and needs what comes after it. A replica that continues from a backlog needs one that was there
//!   before, from a file or from a time as a replica. Each of these is an event. After such an event, effects are sent for as
//!   long as the server runs.
//!
//! A node of a cluster that can stream slots to another one (Redis from 8.4, Valkey from 9.0) always sends them: that reader comes
//! without an event before it. An earlier node moves slots key by key, with MIGRATE, which dumps the value of a key and
//! deletes it. So there are no other readers than on a server alone.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use crate::sys::context::Context;
use crate::sys::events::ServerEvent;
use crate::sys::server_info::server_info;

/// Whether there may be a reader other than the AOF.
static REPLICATED: AtomicBool = AtomicBool::new(true);
/// Whether there is an AOF, or a cluster whose nodes stream slots.
static WRITTEN: AtomicBool = AtomicBool::new(true);

/// Whether an effect that is sent now may have a reader.
#[inline]
pub(crate) fn any() -> bool {
    REPLICATED.load(Relaxed) || WRITTEN.load(Relaxed)
}

/// Looks for readers, while the module loads.
pub(crate) fn load(context: &Context<'_>) {
    REPLICATED.store(may_be_read(context), Relaxed);
    WRITTEN.store(context.has_aof_or_streams_slots(), Relaxed);
}

/// Looks again after an event that may have made a reader.
pub(crate) fn handle(context: &Context<'_>, event: ServerEvent) {
    let read = match event {
        ServerEvent::RoleChanged | ServerEvent::ReplicaChanged => true,
        ServerEvent::LoadStarted
        | ServerEvent::LoadEnded
        | ServerEvent::Forked
        | ServerEvent::ForkEnded
        | ServerEvent::Saved => may_be_read(context),
        ServerEvent::RewriteStarted => false, // this process decides nothing
        ServerEvent::Configured => {
            WRITTEN.store(context.has_aof_or_streams_slots(), Relaxed);
            false
        }
        // The events of the load itself come, too.
        ServerEvent::StagedLoadStarted
        | ServerEvent::StagedLoadAborted
        | ServerEvent::StagedLoadCompleted
        | ServerEvent::Flushed(_)
        | ServerEvent::Swapped(..)
        | ServerEvent::SlotsMoved => false,
    };
    if read {
        REPLICATED.store(true, Relaxed);
    }
}

/// Whether the server has a replica in whatever state, or a backlog, or is a replica.
fn may_be_read(context: &Context<'_>) -> bool {
    let readers = server_info(context, c"replication", [c"connected_slaves", c"repl_backlog_active"]);
    context.is_replica() || readers != [Some(0), Some(0)]
}
