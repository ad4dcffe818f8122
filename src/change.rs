//! How an effect reaches a key: the same steps on the primary, on a replica and from an AOF.

use rl_core::decision::Expiry;
use rl_core::effect::Effect;
use rl_core::fault::Result;
use rl_core::state::State;

use crate::commands::apply;
use crate::listeners;
use crate::sys::context::{Arg, Context};
use crate::sys::key::Key;

/// Applies `effect` to what the key holds, or makes the key.
///
/// A refund that empties a key leaves its expiry where it was: the key is gone no later than it
/// would have been, and until then still tells its parameters.
pub(crate) fn apply(
    context: Context<'_>,
    key: &mut Key<'_, State>,
    name: Arg<'_>,
    effect: &Effect,
) -> Result<()> {
    let expiry = match key.value()? {
        Some(state) => effect.apply(state)?,
        None => match effect.create() {
            Some((state, expiry)) => {
                key.create(state);
                expiry
            }
            None => return Ok(()),
        },
    };
    announce(context, key, name, expiry);
    Ok(())
}

/// What follows a change of a key's value: its expiry, and word to those who watch it.
pub(crate) fn announce(context: Context<'_>, key: &mut Key<'_, State>, name: Arg<'_>, expiry: Expiry) {
    if let Expiry::At(at) = expiry {
        key.expire_at(at);
    }
    context.signal_modified(name);
}

/// Tells replicas and the AOF of an effect that was applied here.
pub(crate) fn replicate(context: Context<'_>, name: Arg<'_>, effect: &Effect) {
    if listeners::any(context) {
        context.replicate(apply::NAME, name, effect.to_text().as_bytes());
    } else {
        context.replicate_verbatim(); // nobody reads it: this marks the change for the snapshot counter
    }
}
