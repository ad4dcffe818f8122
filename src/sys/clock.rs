//! The server's clock.

use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

use redis_module::raw;
use rl_core::time::{At, Span};

use super::api::api;
use super::context::Context;
use super::server_info::server_info;

/// What [`Context::now`] returned the last time that it had to find out.
static LAST_NOW: AtomicI64 = AtomicI64::new(0);

impl Context<'_> {
    /// The current time by the server's clock: one instant for all of a command, transaction or script.
    pub(crate) fn now(&self) -> At {
        // SAFETY: rule 3 of `sys`. The call takes nothing.
        if let Some(cached) = unsafe { raw::RedisModule_CachedMicroseconds } {
            // SAFETY: as above.
            return At::from_ms(unsafe { cached() }.div_euclid(1_000));
        }
        let ms = real_time_ms();
        // If a transaction froze the clock since the last answer, it did so between that answer and now. Where both are
        // in one millisecond, as nearly always on a busy server, the answer is the same.
        if LAST_NOW.load(Relaxed) == ms {
            return At::from_ms(ms);
        }
        let frozen = if self.in_transaction() { self.frozen_clock() } else { None };
        let ms = frozen.map_or(ms, |us| us.div_euclid(1_000));
        LAST_NOW.store(ms, Relaxed);
        At::from_ms(ms)
    }

    /// For how long the clock of [`Context::now`] has stood still.
    pub(crate) fn stood_still(&self) -> Span {
        At::from_ms(real_time_ms()).since(self.now())
    }

    /// The instant at which the server began the running transaction or script, in microseconds.
    ///
    /// A server of 7.0 has no call for it, but prints it in `INFO server`. That costs some microseconds, so only
    /// transactions ask for it.
    #[cold]
    fn frozen_clock(&self) -> Option<i64> {
        let [us] = server_info(self, c"server", [c"server_time_usec"]);
        us.filter(|us| *us > 0)
    }
}

/// The current Unix time in milliseconds.
fn real_time_ms() -> i64 {
    // SAFETY: the call takes nothing.
    unsafe { api!(RedisModule_Milliseconds()) }
}
