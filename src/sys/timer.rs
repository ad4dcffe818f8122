//! Timers that run once.
//!
//! What a timer runs with is owned by one side at any time: by the server from [`after`] on, and by
//! Rust again when it runs or is stopped.

use std::ffi::c_void;
use std::marker::PhantomData;
use std::ptr::null_mut;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use redis_module::raw;
use rl_core::time::Span;

use super::api::api;
use super::context::Context;
use super::guard::guarded;

/// The longest that a timer is set for. A server of 7.0 that sets one anew, because another has run, for
/// longer than 2^31 microseconds (36 minutes) counts beyond an integer, and turns in circles until then.
pub(crate) const LONGEST: Span = Span::from_ms(30 * 60 * 1_000);

/// A timer that was set. It runs also if this is dropped.
pub(crate) struct Timer<T> {
    id: raw::RedisModuleTimerID,
    ran: Arc<AtomicBool>,
    payload: PhantomData<fn() -> T>,
}

/// What the server keeps for it.
struct Armed<T> {
    ran: Arc<AtomicBool>,
    payload: T,
    run: fn(Context<'_>, T),
}

/// Runs `run` with `payload` when `delay` or [`LONGEST`] has passed, or as soon after as the server has
/// time: never before what runs now has ended.
pub(crate) fn after<T: Send + 'static>(
    context: Context<'_>,
    delay: Span,
    payload: T,
    run: fn(Context<'_>, T),
) -> Timer<T> {
    let ran = Arc::new(AtomicBool::new(false));
    let armed = Box::into_raw(Box::new(Armed { ran: Arc::clone(&ran), payload, run }));
    let delay = delay.min(LONGEST).ms().cast_signed();
    // SAFETY: the context is live (rule 2 of `sys`), the callback has the type that is asked for, and
    // takes the pointer back as what it is made from here.
    let id = unsafe { api!(RedisModule_CreateTimer(context.as_ptr(), delay, Some(fire::<T>), armed.cast())) };
    Timer { id, ran, payload: PhantomData }
}

impl<T> Timer<T> {
    /// Stops it, and gives back what it would have run with; nothing if it has run, or is running.
    ///
    /// A server frees a timer after its callback, whatever happened to it meanwhile, so one that is
    /// running must not be stopped. And an id is not looked up once it may stand for another timer.
    pub(crate) fn stop(self, context: Context<'_>) -> Option<T> {
        if self.ran.load(Relaxed) {
            return None;
        }
        let mut armed = null_mut();
        // SAFETY: the context is live (rule 2). The timer has not begun to run, so the id is still its
        // own, and what the server gives up is the pointer that `after` made for this type.
        unsafe {
            let stopped = api!(RedisModule_StopTimer(context.as_ptr(), self.id, &raw mut armed)) == 0;
            stopped.then(|| Box::from_raw(armed.cast::<Armed<T>>()).payload)
        }
    }
}

unsafe extern "C" fn fire<T>(context: *mut raw::RedisModuleCtx, armed: *mut c_void) {
    // SAFETY: the server passes a context that lives until this returns, and what `after` gave it for
    // this type, which it does not use any more.
    let (context, armed) = unsafe { (Context::new(context), Box::from_raw(armed.cast::<Armed<T>>())) };
    let Armed { ran, payload, run } = *armed;
    ran.store(true, Relaxed);
    guarded(|| run(context, payload), || ());
}
