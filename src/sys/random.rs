//! The server's own random numbers.

use super::api::api;
use super::main_thread::MainThread;

/// `N` random characters from `0-9 a-f` that nobody can guess.
pub(crate) fn hex<const N: usize>(_: MainThread<'_>) -> [u8; N] {
    let mut hex = [0; N];
    // SAFETY: the call writes N characters, without a NUL behind them, to the array. The server's generator has one state
    // for all, which the main thread may use.
    unsafe { api!(RedisModule_GetRandomHexChars(hex.as_mut_ptr().cast(), N)) }
    hex
}
