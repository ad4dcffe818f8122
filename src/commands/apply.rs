//! `RL.APPLY key effect` and `RL.APPLY key state bytes`: how changes reach replicas and files.
//!
//! No client needs it. It is checked like any input all the same, and not refused by origin alone: tools
//! that move data between servers replay a replication stream as plain clients. Who may send it is a
//! matter of ACL rules. Redis 7.0 has no categories for a module's commands, so there a user needs the
//! right to run `REPLICAOF`, too.
//!
//! AOFs of versions up to 0.1 hold two more forms: an effect as text, and `RL.APPLY key quota bytes`.

use std::ffi::CStr;

use rl_core::effect::Effect;
use rl_core::fault::{Fault, Result};
use rl_core::value::Value;

use super::answer::{answer, key};
use super::file_check::check;
use crate::effects::{self, QUOTA, STATE};
use crate::metrics::APPLY;
use crate::settings;
use crate::sys::args::{Arg, Args};
use crate::sys::command::{Handler, has_categories};
use crate::sys::context::Context;
use crate::sys::reply::Reply;
use crate::waiting;

/// `RL.APPLY`
pub(crate) struct Apply;

impl Handler for Apply {
    const WORDS: (usize, usize) = (3, 4);

    fn run(context: &mut Context<'_>, args: Args<'_>, reply: Reply<'_>) {
        APPLY.calls.count();
        if !may_apply(context) {
            APPLY.errors.count();
            return reply.error(REFUSED);
        }
        let applied = apply(&mut context.reborrow(), args);
        let about = args.get(1).map_or(&b""[..], Arg::bytes);
        answer(reply, &APPLY.errors, check(context, about, applied), |reply, ()| reply.ok());
    }
}

/// The answer to a client whose user may not write any state.
const REFUSED: &CStr =
    c"NOPERM RL.APPLY needs the right to run REPLICAOF on this server, see rl.apply-from-clients";

/// Whether whoever sends the command may write any state.
fn may_apply(context: &Context<'_>) -> bool {
    has_categories(context)
        || settings::apply_from_clients()
        || context.is_obeying()
        || context.may_replicaof()
}

fn apply<'a>(context: &mut Context<'a>, args: Args<'a>) -> Result<()> {
    let name = key(args)?;
    let word = args.get(2).ok_or(Fault::Effect)?.bytes();
    let mut key = context.open_write::<Value>(name);
    match args.get(3) {
        None => {
            let is_text = word.first().is_some_and(u8::is_ascii_lowercase);
            let effect =
                if is_text { Effect::decode_text(word)? } else { Effect::decode(word, key.value(context)?)? };
            effects::apply(context, &mut key, name, &effect)?;
        }
        Some(bytes) if word == STATE.to_bytes() => {
            let value = Value::decode(bytes.bytes()).ok_or(Fault::Effect)?;
            key.value(context)?; // a limit is replaced, anything else is not
            key.create(context, value)?; // its expiry follows as a command of its own
            context.signal_modified(name);
        }
        Some(bytes) if word == QUOTA.to_bytes() => {
            let effect = Effect::decode_quota(bytes.bytes(), key.value(context)?)?;
            effects::apply(context, &mut key, name, &effect)?;
        }
        Some(_) => return Err(Fault::Effect),
    }
    waiting::changed(context, name);
    context.replicate_verbatim();
    Ok(())
}
