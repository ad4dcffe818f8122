//! `RL.TOP [RESET | [DENIED | ADMITTED | HELD | FLOWS] [COUNT n]]`: the keys that were asked for most often, or the flows with the
//! most waiters.

use rl_core::grammar::top::{self as request, Top as Request};

use super::answer::fail;
use super::flow_row;
use crate::metrics::TOP;
use crate::sys::args::Args;
use crate::sys::command::{Command, Handler, entry};
use crate::sys::context::Context;
use crate::sys::reply::Reply;
use crate::{command_docs as docs, top, waiting};

/// It tells the names of keys, of which its user may be allowed none: for who operates the server, as `SLOWLOG`.
pub(super) const COMMAND: Command = Command {
    name: c"RL.TOP",
    flags: c"admin allow-loading allow-stale",
    categories: c"admin dangerous slow",
    own_category: false,
    run: Some(entry::<Top>()),
    docs: docs::TOP,
    tips: Some(c"nondeterministic_output"),
    subcommands: &[],
};

struct Top;

impl Handler for Top {
    const WORDS: (usize, usize) = (1, 4);
    const CHANGES_KEYS: bool = false;

    fn run(context: &mut Context<'_>, args: Args<'_>, reply: Reply<'_>) {
        TOP.calls.count();
        match request::top(&args) {
            Ok(request) => run(context, request, reply),
            Err(fault) => fail(reply, &TOP.errors, fault),
        }
    }
}

fn run(context: &Context<'_>, request: Request, reply: Reply<'_>) {
    match request {
        Request::Reset => {
            top::reset(context.main_thread());
            reply.ok();
        }
        Request::Flows(most) => {
            let all = waiting::longest_flows(context, most);
            let mut list = reply.array(all.len());
            for (key, flow) in &all {
                list.element(|place| {
                    let mut map = place.map(flow_row::FIELDS.saturating_add(1));
                    flow_row::fields(map.text(b"key", key), flow);
                });
            }
        }
        Request::Of(by, most) => {
            let all = top::heaviest(context, by, most);
            let mut list = reply.array(all.len());
            for heavy in &all {
                list.element(|place| {
                    place.array(3).text(&heavy.name).count(heavy.count).count(heavy.error);
                });
            }
        }
    }
}
