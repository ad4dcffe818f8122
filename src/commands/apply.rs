//! `RL.APPLY key effect`, `RL.APPLY key quota bytes` and `RL.APPLY key state bytes`: how changes reach
//! replicas and files.
//!
//! No client needs it. It is checked like any input all the same, and not refused by origin: tools
//! that move data between servers replay a replication stream as plain clients.

use std::ffi::CStr;

use rl_core::fault::{Fault, Result};
use rl_core::limit::effect::Effect;
use rl_core::quota::effect::QuotaEffect as Change;
use rl_core::value::Value;

use super::{answer, key};
use crate::change;
use crate::metrics::APPLY;
use crate::sys::command::Handler;
use crate::sys::context::{Args, Context};
use crate::sys::key::{Key, Mode};
use crate::sys::reply::Reply;
use crate::waiting;

/// The command's name.
pub(crate) const NAME: &CStr = c"RL.APPLY";
/// The word before a whole state's bytes, as a rewritten AOF has them.
pub(crate) const STATE: &CStr = c"state";
/// The word before the bytes of a change to a quota.
pub(crate) const QUOTA: &CStr = c"quota";

/// See the head of this file.
pub(crate) struct Apply;

impl Handler for Apply {
    const WORDS: (usize, usize) = (3, 4);

    fn run(context: Context<'_>, args: Args<'_>) {
        APPLY.calls.count();
        answer(context, &APPLY.errors, apply(context, args));
    }
}

fn apply(context: Context<'_>, args: Args<'_>) -> Result<()> {
    let name = key(args)?;
    let word = args.get(2).ok_or(Fault::Effect)?.bytes();
    let mut key = Key::<Value>::open(context, name, Mode::Write);
    match args.get(3) {
        None => change::apply(context, &mut key, name, &Effect::parse(word)?)?,
        Some(bytes) if word == STATE.to_bytes() => {
            let value = Value::decode(bytes.bytes()).ok_or(Fault::Effect)?;
            key.value()?; // a limit is replaced, anything else is not
            key.create(value); // its expiry follows as a command of its own
            context.signal_modified(name);
        }
        Some(bytes) if word == QUOTA.to_bytes() => {
            let held = key.value()?.map(|value| value.quota()).transpose()?;
            let change = Change::parse(bytes.bytes(), held)?;
            change::apply(context, &mut key, name, &change)?;
        }
        Some(_) => return Err(Fault::Effect),
    }
    waiting::changed(context, name);
    context.replicate_verbatim();
    Reply::to(context).ok();
    Ok(())
}
