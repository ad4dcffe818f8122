//! redis-rl: rate limits as native commands of Redis and Valkey.
//!
//! | file | what it is |
//! |---|---|
//! | `commands/` | one file a command: from its words to its reply |
//! | `command_docs.rs` | what `COMMAND DOCS` says of each |
//! | `change.rs` | how an effect reaches a key, its expiry, replicas and the AOF |
//! | `listeners.rs` | whether anyone reads effects at all |
//! | `key_type.rs` | the data type `ratelimit` |
//! | `settings.rs`, `metrics.rs` | `CONFIG` and `INFO` |
//! | `sys/` | the server's interface, and all that is unsafe |
//!
//! The limits themselves are the crate `rl-core`, which knows of no server. A request walks one way:
//! words, [`rl_core::request::Request`], decision, effect, reply.

mod change;
mod command_docs;
mod commands;
mod key_type;
mod listeners;
mod metrics;
mod settings;
mod sys;

use rl_core::state::State;
use sys::context::{Args, Context, Level};
use sys::{command, data_type, info};

/// The ACL category of all that clients need, on servers where modules can have their own.
const CATEGORY: &std::ffi::CStr = c"ratelimit";

/// Registers all there is; `false` refuses the load.
fn load(context: Context<'_>, args: Args<'_>) -> bool {
    if !data_type::register::<State>(context) {
        context.log(Level::Warning, c"redis-rl: the data type ratelimit is taken by another module");
        return false;
    }
    let category = command::add_category(context, CATEGORY).then_some(CATEGORY);
    for command in commands::ALL {
        if !command::register(context, command, category) {
            context
                .log(Level::Warning, c"redis-rl: a command RL.* could not be registered, is its name taken?");
            return false;
        }
    }
    if !settings::load(context, args) {
        return false;
    }
    if !info::register::<metrics::Section>(context) || !listeners::load(context) {
        return false;
    }
    context.log(Level::Notice, c"redis-rl is ready: RL.SLIDE, RL.WINDOW, RL.BUCKET");
    true
}
