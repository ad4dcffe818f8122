//! How an effect reaches a key, replicas and files: the same steps on the primary, on a replica and
//! from an AOF.

use std::ffi::CStr;

use rl_core::effect::Effect;
use rl_core::fault::Result;
use rl_core::limit::decision::Expiry;
use rl_core::value::Value;

use crate::effect_readers;
use crate::sys::args::Arg;
use crate::sys::context::Context;
use crate::sys::key::WriteKey;

/// The command that carries effects.
pub(crate) const COMMAND: &CStr = c"RL.APPLY";
/// The word before the bytes of a whole value, as a rewritten AOF has them.
pub(crate) const STATE: &CStr = c"state";
/// The word that stood before the effect of a quota up to version 0.1.
pub(crate) const QUOTA: &CStr = c"quota";

/// Applies an effect to what the key holds, or makes the key.
///
/// A refund that empties a key leaves its expiry where it was: until then the key still tells its
/// parameters.
#[inline(always)] // the kind of the effect is known where it is made
pub(crate) fn apply(
    context: &mut Context<'_>,
    key: &mut WriteKey<'_, Value>,
    name: Arg<'_>,
    effect: &Effect<'_>,
) -> Result<()> {
    let expiry = match key.value_mut(context)? {
        Some(value) => effect.apply(value)?,
        None => match effect.create() {
            Some((value, expiry)) => {
                key.create(context, value)?;
                expiry
            }
            None => return Ok(()),
        },
    };
    if let Expiry::Moved { to: at, .. } = expiry {
        key.expire_at(context, at)?;
    }
    context.signal_modified(name);
    Ok(())
}

/// Tells replicas and the AOF of an effect that was applied here.
#[inline(always)] // as `apply`
pub(crate) fn replicate(context: &mut Context<'_>, name: Arg<'_>, effect: &Effect<'_>) {
    if effect_readers::any() {
        effect.encode(|bytes| context.replicate(COMMAND, name, bytes));
    } else {
        context.replicate_verbatim(); // nobody reads it: this only counts the change for the next snapshot
    }
}
