//! What the server tells of itself, and the parts of the module that hear it. A server keeps one
//! listener for each kind of event and module, so it is here that they are told apart.

use crate::sys::context::Context;
use crate::sys::events::{self, Event, Listener};
use crate::{listeners, policies, waiting};

struct Parts;

impl Listener for Parts {
    fn hear(context: Context<'_>, event: Event) {
        listeners::hear(context, event);
        policies::hear(context, event);
        waiting::hear(event);
    }
}

/// Starts to listen, while the module loads.
pub(crate) fn load(context: Context<'_>) -> bool {
    listeners::load(context);
    events::subscribe::<Parts>(context)
}
