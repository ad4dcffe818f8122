//! The commands, in a file for each kind. Their grammar is [`rl_core::grammar`].

mod answer;
mod apply;
mod file_check;
mod first;
mod flow_row;
mod info;
mod kinds;
mod limit;
mod outside;
mod parameters;
mod peek;
mod policy;
mod quota;
mod quota_reply;
mod refund;
mod reservation;
mod throttle;
mod top;

use rl_core::limit::Kind;
use rl_core::limit::bucket::BucketRule;
use rl_core::limit::slide::SlideRule;
use rl_core::limit::window::WindowRule;

use self::kinds::{decides, gives_back, makes, reads_clock};
use self::limit::Limit;
use crate::sys::command::{Command, entry, entry_with_keys};
use crate::{command_docs as docs, effects};

/// All commands of the module.
pub(crate) fn all() -> impl Iterator<Item = &'static Command> {
    LIMITS.iter().chain(OTHERS)
}

/// The commands for one limit.
static LIMITS: [Command; Kind::ALL.len()] =
    [of_limit(Kind::Slide), of_limit(Kind::Window), of_limit(Kind::Bucket)];

/// The command for one limit of an algorithm.
const fn of_limit(kind: Kind) -> Command {
    match kind {
        Kind::Slide => decides(c"RL.SLIDE", entry::<Limit<SlideRule>>(), docs::SLIDE),
        Kind::Window => decides(c"RL.WINDOW", entry::<Limit<WindowRule>>(), docs::WINDOW),
        Kind::Bucket => decides(c"RL.BUCKET", entry::<Limit<BucketRule>>(), docs::BUCKET),
    }
}

/// All other commands.
static OTHERS: &[Command] = &[
    decides(c"RL.QUOTA", entry::<quota::One>(), docs::QUOTA),
    Command {
        flags: c"write deny-oom fast blocking getkeys-api",
        ..decides(c"RL.MQUOTA", entry_with_keys::<quota::Many>(), docs::MQUOTA)
    },
    Command {
        flags: c"write deny-oom fast blocking getkeys-api",
        ..decides(c"RL.FIRST", entry_with_keys::<first::First>(), docs::FIRST)
    },
    gives_back(c"RL.SETTLE", entry::<reservation::Settle>(), docs::SETTLE),
    gives_back(c"RL.CANCEL", entry::<reservation::Cancel>(), docs::CANCEL),
    gives_back(c"RL.RENEW", entry::<reservation::Renew>(), docs::RENEW),
    reads_clock(c"RL.PEEK", entry::<peek::Peek>(), docs::PEEK),
    gives_back(c"RL.REFUND", entry::<refund::Refund>(), docs::REFUND),
    makes(c"RL.HOLD", entry::<outside::Hold>(), docs::HOLD),
    makes(c"RL.SYNC", entry::<outside::Sync>(), docs::SYNC),
    reads_clock(c"RL.INFO", entry::<info::Info>(), docs::INFO),
    top::COMMAND,
    // For replicas, files and operators: a client that may send it may write any state.
    Command {
        name: effects::COMMAND,
        flags: c"write admin fast",
        categories: c"write admin dangerous",
        own_category: false,
        run: Some(entry::<apply::Apply>()),
        docs: docs::APPLY,
        tips: None,
        subcommands: &[],
    },
    // The last, see `register_commands`.
    policy::COMMAND,
];

/// The command that is added only if the setting `cl-throttle` asks for it. It does not wait.
pub(crate) static THROTTLE: Command = makes(c"CL.THROTTLE", entry::<throttle::Throttle>(), docs::THROTTLE);
