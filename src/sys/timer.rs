//! Timers that run once.
//!
//! At any time one side owns what a timer runs with: the server from [`after`] on, and Rust again when the timer runs or is
//! stopped.

use std::ffi::c_void;
use std::marker::PhantomData;
use std::ptr::null_mut;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use redis_module::raw;
use rl_core::time::Span;

use super::api::api;
use super::context::{Context, with_context};
use super::detached_context::Timers;
use super::guard::guarded;

/// The longest delay of a timer, 30 minutes.
///
/// When a timer has run, a server of 7.0 arms the next one. If that is due in more than 2^31 microseconds (36 minutes), the
/// number overflows, and the server spins until then.
pub(crate) const LONGEST: Span = Span::from_ms(30 * 60 * 1_000);

/// A timer that was set. It runs even if this is dropped.
pub(crate) struct Timer<T> {
    id: raw::RedisModuleTimerID,
    has_run: Arc<AtomicBool>,
    payload: PhantomData<fn() -> T>,
}

/// What the server keeps for a timer.
struct Armed<T> {
    has_run: Arc<AtomicBool>,
    payload: T,
    run: fn(&mut Context<'_>, T),
}

/// Runs `run` with `payload` after `delay`, or after [`LONGEST`] if that is shorter, as soon as the server has time. It never
/// runs before the current callback has ended.
pub(crate) fn after<T: Send + 'static>(
    timers: Timers<'_>,
    delay: Span,
    payload: T,
    run: fn(&mut Context<'_>, T),
) -> Timer<T> {
    let has_run = Arc::new(AtomicBool::new(false));
    let armed = Box::into_raw(Box::new(Armed { has_run: Arc::clone(&has_run), payload, run }));
    let delay = delay.min(LONGEST).ms().cast_signed();
    // SAFETY: the context is live and this is the main thread: there is a `Timers`. The callback has the type asked for, and
    // turns the pointer back into what it was made from here.
    let id = unsafe { api!(RedisModule_CreateTimer(timers.as_ptr(), delay, Some(fire::<T>), armed.cast())) };
    Timer { id, has_run, payload: PhantomData }
}

impl<T> Timer<T> {
    /// Stops the timer and returns its payload. Returns `None` if it has run or is running.
    ///
    /// A timer that is running must not be stopped, since the server frees it after its callback in any case. An id is not
    /// looked up after the timer has run, as it may belong to another timer by then.
    pub(crate) fn stop(self, timers: Timers<'_>) -> Option<T> {
        if self.has_run.load(Relaxed) {
            return None;
        }
        let mut armed = null_mut();
        // SAFETY: the context is live and this is the main thread. The timer has not begun to run, so the id is still its
        // own. What the server gives back is the pointer that `after` made for this type.
        unsafe {
            let stopped = api!(RedisModule_StopTimer(timers.as_ptr(), self.id, &raw mut armed)) == 0;
            stopped.then(|| Box::from_raw(armed.cast::<Armed<T>>()).payload)
        }
    }
}

unsafe extern "C" fn fire<T>(context: *mut raw::RedisModuleCtx, armed: *mut c_void) {
    // SAFETY: the server passes a context that lives until this returns, and the pointer that `after` gave it for this type.
    // It does not use that pointer again.
    unsafe {
        let Armed { has_run, payload, run } = *Box::from_raw(armed.cast::<Armed<T>>());
        has_run.store(true, Relaxed);
        with_context(context, |context| guarded(|| run(context, payload), || ()));
    }
}
