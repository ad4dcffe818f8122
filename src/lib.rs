//! redis-rl: rate limits as native commands of Redis and Valkey.
//!
//! | file | what it is |
//! |---|---|
//! | `commands/` | one file a command: from its words to its reply |
//! | `command_docs.rs` | what `COMMAND DOCS` says of each |
//! | `host.rs` | the server as the engine sees it |
//! | `effects.rs` | how an effect reaches a key, its expiry, replicas and the AOF |
//! | `listeners.rs` | whether anyone reads effects at all |
//! | `events.rs` | who hears what the server tells of itself |
//! | `key_type.rs` | the data type `ratelimit` |
//! | `policies/` | limits that the server keeps under a name: in files, from a file, in `INFO` |
//! | `waiting/` | clients that wait for their turn |
//! | `top.rs` | the keys that were asked for most often |
//! | `settings.rs`, `arguments.rs`, `metrics.rs` | `CONFIG`, load arguments, `INFO` |
//! | `sys/` | the server's interface, and all that is unsafe |
//!
//! The limits, and the order of a decision's steps, are the crate `rl-core`, which knows no server. A request
//! walks one way: words, request, [`rl_core::engine`], decision and effect, reply.

mod arguments;
mod command_docs;
mod commands;
mod effects;
mod events;
mod host;
mod key_type;
mod listeners;
mod metrics;
mod policies;
mod settings;
mod sys;
mod top;
mod waiting;

use arguments::Arguments;
use rl_core::value::Value;
use sys::command::Registered;
use sys::context::{Args, Context, Level};
use sys::{command, data_type, info};

/// The ACL category of all that clients need, on servers where modules can have their own.
const CATEGORY: &std::ffi::CStr = c"ratelimit";

/// Registers all there is; `false` refuses the load.
fn load(context: Context<'_>, args: Args<'_>) -> bool {
    if !data_type::register::<Value>(context) || !policies::load(context) {
        context.log(
            Level::Warning,
            c"redis-rl: a data type, ratelimit or rl-policy, is taken by another module",
        );
        return false;
    }
    let category = command::add_category(context, CATEGORY).then_some(CATEGORY);
    for command in commands::ALL {
        if command::register(context, command, category) != Registered::Yes {
            context
                .log(Level::Warning, c"redis-rl: a command RL.* could not be registered, is its name taken?");
            return false;
        }
    }
    let arguments = Arguments::new(args);
    if !arguments.are_among(settings::names().chain([policies::ARGUMENT])) {
        context
            .log(Level::Warning, c"redis-rl: unknown load argument, expected pairs such as: max-window 31d");
        return false;
    }
    if !settings::load(context, arguments) {
        return false;
    }
    if settings::cl_throttle() && !throttle(context, category) {
        return false;
    }
    let Some(file) = policies::read_file(context, arguments) else { return false };
    if !info::register::<metrics::All>(context) || !events::load(context) {
        return false;
    }
    top::load();
    waiting::load(context);
    policies::start(context, file);
    context.log(Level::Notice, c"redis-rl is ready: RL.SLIDE, RL.WINDOW, RL.BUCKET, RL.QUOTA");
    true
}

/// Registers `CL.THROTTLE`, once the settings are known. Its name may be redis-cell's, and then stays so:
/// clients of either go on; `false` refuses the load.
fn throttle(context: Context<'_>, category: Option<&std::ffi::CStr>) -> bool {
    let registered = command::register(context, &commands::THROTTLE, category);
    if registered == Registered::NameTaken {
        context.log(
            Level::Warning,
            c"redis-rl: another module, redis-cell perhaps, has the command CL.THROTTLE: loaded without it",
        );
    }
    registered != Registered::No
}
