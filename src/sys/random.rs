//! The server's own random numbers.

use super::api::api;

/// Characters that nobody can guess, `0-9 a-f`.
pub(crate) fn hex<const N: usize>() -> [u8; N] {
    let mut hex = [0; N];
    // SAFETY: the call writes so many characters, and no NUL behind them, to where it is told.
    unsafe { api!(RedisModule_GetRandomHexChars(hex.as_mut_ptr().cast(), N)) }
    hex
}
