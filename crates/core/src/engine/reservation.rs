//! The end of a reservation, and its renewal.

use super::host::{self, Host};
use crate::effect::Effect;
use crate::quota::effect::QuotaEffect;
use crate::time::At;

/// Makes the effect of an instant if the reservation `id` is open then. Returns whether it was.
///
/// # Errors
/// [`crate::fault::Fault::WrongType`], and the host's own.
pub fn conclude<'e, H: Host>(
    host: &mut H,
    name: H::Name,
    id: &'e [u8],
    effect: impl FnOnce(At) -> QuotaEffect<'e>,
) -> Result<bool, H::Error> {
    let clock = host.clock();
    let mut key = host.open(name);
    let Some(held) = host::quota(host.value(&key)?, clock)? else { return Ok(false) };
    let at = held.now(clock);
    if held.reservations().and_then(|open| open.get(id, at)).is_none() {
        return Ok(false);
    }
    host.commit(name, &mut key, &Effect::Quota(effect(at)))?;
    host.mark(name);
    Ok(true)
}
