//! redis-rl: rate limits as native commands of Redis and Valkey.
//!
//! | file | what it has |
//! |---|---|
//! | `commands/` | the commands: from their words to their replies |
//! | `command_docs.rs` | what `COMMAND DOCS` says of each command |
//! | `host.rs` | the server as the engine sees it |
//! | `effects.rs` | how an effect reaches a key, its expiry, replicas and the AOF |
//! | `effect_readers.rs` | whether anyone reads effects at all |
//! | `key_type.rs` | the data type `ratelimit` |
//! | `keyspace_events.rs` | what subscribers are told of decisions |
//! | `policies/` | limits that the server keeps under a name |
//! | `waiting/` | clients that wait for their turn |
//! | `top.rs` | the keys that were asked for most often |
//! | `uncounted.rs` | units with a cost that no limit of a policy counts |
//! | `settings.rs`, `arguments.rs` | `CONFIG`, load arguments |
//! | `metrics.rs`, `info_sections.rs` | counters, `INFO` |
//! | `events.rs` | which parts handle events of the server |
//! | `sys/` | the server's interface, and all unsafe code |
//!
//! The limits, and the order of a decision's steps, are the crate `rl-core`, which knows no server. A request goes one way:
//! words, request, [`rl_core::engine`], decision and effect, reply.
//!
//! Each file imports only what lies below it. Where a lower part has to call a higher one, [`load`] connects them: a policy
//! or a setting that changes is told to `waiting/`.

mod arguments;
mod command_docs;
mod commands;
mod effect_readers;
mod effects;
mod events;
mod host;
mod info_sections;
mod key_type;
mod keyspace_events;
mod metrics;
mod policies;
mod settings;
mod sys;
mod top;
mod uncounted;
mod waiting;

use std::ffi::CStr;

use arguments::Arguments;
use rl_core::value::Value;
use sys::args::Args;
use sys::command::Registered;
use sys::context::Context;
use sys::log::Level;
use sys::{command, data_type, info};

/// The ACL category of the commands that clients need, on servers where modules can have their own.
const CATEGORY: &CStr = c"ratelimit";

/// Registers everything. Returns `false` to refuse the load.
fn load(context: &mut Context<'_>, args: Args<'_>) -> bool {
    if !data_type::register::<Value>(context) || !policies::register(context, waiting::policies_changed) {
        context.log(
            Level::Warning,
            c"redis-rl: a data type, ratelimit or rl-policy, is taken by another module",
        );
        return false;
    }
    let arguments = Arguments::new(args);
    if !arguments.are_among(settings::names().chain([policies::ARGUMENT])) {
        context
            .log(Level::Warning, c"redis-rl: unknown load argument, expected pairs such as: max-window 31d");
        return false;
    }
    if !settings::load(context, arguments, waiting::set_aging) {
        return false;
    }
    let Some(file) = policies::read_file(context, arguments) else { return false };
    if !register_commands(context) {
        return false;
    }
    if !info::register::<info_sections::Sections>(context) || !events::subscribe(context) {
        return false;
    }
    top::load(context);
    waiting::load(context);
    policies::start(context, file);
    context.log(Level::Notice, c"redis-rl is ready");
    true
}

/// Registers the commands. Returns `false` to refuse the load.
///
/// This comes after all that the operator can get wrong: to refuse a load, Valkey 8.1 takes the commands out again, and one
/// with more than seven subcommands can crash it. For the same reason `RL.POLICY` is the last of them.
fn register_commands(context: &Context<'_>) -> bool {
    let category = command::add_category(context, CATEGORY).then_some(CATEGORY);
    if settings::cl_throttle() && !register_throttle(context, category) {
        return false;
    }
    let registered = |command| command::register(context, command, category) == Registered::Yes;
    if !commands::all().all(registered) {
        context.log(Level::Warning, c"redis-rl: a command RL.* could not be registered, is its name taken?");
        return false;
    }
    true
}

/// Registers `CL.THROTTLE`. Returns `false` to refuse the load.
///
/// If another module has that name already, as redis-cell does, it keeps it, so that its clients go on.
fn register_throttle(context: &Context<'_>, category: Option<&CStr>) -> bool {
    let registered = command::register(context, &commands::THROTTLE, category);
    if registered == Registered::NameTaken {
        context.log(
            Level::Warning,
            c"redis-rl: another module, redis-cell perhaps, has the command CL.THROTTLE: loaded without it",
        );
    }
    registered != Registered::No
}
