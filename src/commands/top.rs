//! `RL.TOP [RESET | [DENIED | ADMITTED] [COUNT n]]`: the keys that were asked for most often.

use rl_core::fault::Result;
use rl_core::grammar::top::{self as request, Top as Request};

use super::{answer, len};
use crate::metrics::TOP;
use crate::sys::command::{Command, Handler, entry};
use crate::sys::context::{Args, Context};
use crate::sys::reply::Reply;
use crate::{command_docs as docs, top};

/// It tells the names of keys, of which its user may be allowed none: for who operates the server, as `SLOWLOG`.
pub(super) const COMMAND: Command = Command {
    name: c"RL.TOP",
    flags: c"admin allow-loading allow-stale",
    categories: c"admin dangerous slow",
    own_category: false,
    run: Some(entry::<Top>),
    docs: docs::TOP,
    subcommands: &[],
};

struct Top;

impl Handler for Top {
    const WORDS: (usize, usize) = (1, 4);

    fn run(context: Context<'_>, args: Args<'_>) {
        TOP.calls.count();
        answer(context, &TOP.errors, run(context, args));
    }
}

fn run(context: Context<'_>, args: Args<'_>) -> Result<()> {
    let reply = Reply::to(context);
    match request::top(&args)? {
        Request::Reset => {
            top::reset();
            reply.ok();
        }
        Request::Of(verdict, most) => {
            let all = top::heaviest(context, verdict, most);
            reply.array(len(all.len()));
            for heavy in &all {
                reply.array(3).text(&heavy.name).count(heavy.count).count(heavy.error);
            }
        }
    }
    Ok(())
}
