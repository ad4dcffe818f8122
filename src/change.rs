//! How an effect reaches a key: the same steps on the primary, on a replica and from an AOF.

use rl_core::effect::Effect;
use rl_core::fault::Result;
use rl_core::state::State;

use crate::commands::apply;
use crate::sys::context::{Arg, Context};
use crate::sys::key::Key;

/// Applies `effect` and tells replicas and the AOF: what a decision on the primary ends with.
pub(crate) fn commit(
    context: Context<'_>,
    key: &mut Key<'_, State>,
    name: Arg<'_>,
    effect: &Effect,
) -> Result<()> {
    change(context, key, name, effect)?;
    context.replicate(apply::NAME, name, effect.to_text().as_bytes());
    Ok(())
}

/// Applies `effect` and moves the key's expiry to the instant from which a new key would answer
/// alike, if that has moved.
///
/// A refund that empties a key leaves its expiry where it was: the key is gone no later than it
/// would have been, and until then still tells its parameters.
pub(crate) fn change(
    context: Context<'_>,
    key: &mut Key<'_, State>,
    name: Arg<'_>,
    effect: &Effect,
) -> Result<()> {
    let expiry = match key.value()? {
        Some(state) => {
            let before = state.empty_at();
            effect.apply(state)?;
            state.empty_at().filter(|after| Some(*after) != before)
        }
        None => match effect.create()? {
            Some(state) => {
                let expiry = state.empty_at();
                key.create(state);
                expiry
            }
            None => return Ok(()),
        },
    };
    if let Some(at) = expiry {
        key.expire_at(at);
    }
    context.signal_modified(name);
    Ok(())
}
