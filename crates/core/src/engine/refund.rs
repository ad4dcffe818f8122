//! Gives back what was admitted and not used.

use super::host::{self, Host};
use crate::effect::Effect;
use crate::limit::effect::LimitEffect;
use crate::limit::state::State;

/// Gives `cost` back, down to nothing used, and tells what remains; 0 if the key does not exist.
///
/// # Errors
/// [`crate::fault::Fault::WrongType`], and the host's own.
pub fn refund<H: Host>(host: &mut H, name: H::Name, cost: u64) -> Result<u64, H::Error> {
    let clock = host.clock();
    let mut key = host.open(name);
    let Some(state) = host::any_limit(host.value(&key)?, clock)? else { return Ok(0) };
    if let Some(at) = state.refundable(clock).filter(|_| cost > 0) {
        host.commit(name, &mut key, &Effect::Limit(LimitEffect::Refund { at, cost }))?;
        host.mark(name);
    }
    let remaining = |state: &State| state.peek(0, clock).remaining;
    Ok(host::any_limit(host.value(&key)?, clock)?.map_or(0, remaining))
}
