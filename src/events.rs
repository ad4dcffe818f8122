//! Which parts of the module handle events of the server. A module can have one handler for each kind of event, so this is
//! where they are passed on.

use crate::sys::context::Context;
use crate::sys::events::{self, EventHandler, ServerEvent};
use crate::{effect_readers, keyspace_events, policies, waiting};

struct Parts;

impl EventHandler for Parts {
    fn handle(context: &mut Context<'_>, event: ServerEvent) {
        effect_readers::handle(context, event);
        keyspace_events::handle(context, event);
        policies::handle(context, event);
        waiting::hear(context.main_thread(), event);
    }
}

/// Subscribes to all events, while the module loads.
pub(crate) fn subscribe(context: &Context<'_>) -> bool {
    keyspace_events::load(context);
    let subscribed = events::subscribe::<Parts>(context);
    effect_readers::load(context); // it depends on which events there are
    subscribed
}
