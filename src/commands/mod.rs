//! The commands, in a file for each kind. Their grammar is [`rl_core::grammar`].

mod answer;
mod apply;
mod file_check;
mod info;
mod kinds;
mod limit;
mod parameters;
mod peek;
mod policy;
mod quota;
mod quota_reply;
mod refund;
mod reservation;
mod throttle;
mod top;

use self::kinds::{decides, gives_back, reads_clock};
use crate::sys::command::{Command, entry, entry_with_keys};
use crate::{command_docs as docs, effects};

/// All commands of the module.
pub(crate) static ALL: &[Command] = &[
    decides(c"RL.SLIDE", entry::<limit::Slide>(), docs::SLIDE),
    decides(c"RL.WINDOW", entry::<limit::Window>(), docs::WINDOW),
    decides(c"RL.BUCKET", entry::<limit::Bucket>(), docs::BUCKET),
    decides(c"RL.QUOTA", entry::<quota::One>(), docs::QUOTA),
    Command {
        flags: c"write deny-oom fast blocking getkeys-api",
        ..decides(c"RL.MQUOTA", entry_with_keys::<quota::Many>(), docs::MQUOTA)
    },
    gives_back(c"RL.SETTLE", entry::<reservation::Settle>(), docs::SETTLE),
    gives_back(c"RL.CANCEL", entry::<reservation::Cancel>(), docs::CANCEL),
    gives_back(c"RL.RENEW", entry::<reservation::Renew>(), docs::RENEW),
    reads_clock(c"RL.PEEK", entry::<peek::Peek>(), docs::PEEK),
    gives_back(c"RL.REFUND", entry::<refund::Refund>(), docs::REFUND),
    reads_clock(c"RL.INFO", entry::<info::Info>(), docs::INFO),
    policy::COMMAND,
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
];

/// The command that is added only if the setting `cl-throttle` asks for it. It does not wait.
pub(crate) static THROTTLE: Command = Command {
    flags: c"write deny-oom fast",
    categories: c"write fast",
    ..decides(c"CL.THROTTLE", entry::<throttle::Throttle>(), docs::THROTTLE)
};
