//! An alarm by a clock that never steps.
//!
//! The server's timers for modules go by the wall clock: if it is set back by an hour, they are an hour late. An alarm
//! is a timer of the system (`timerfd`) instead, which the server's event loop watches.

use std::ffi::{c_int, c_void};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr::{null_mut, without_provenance_mut};
use std::sync::OnceLock;

use redis_module::raw;
use rl_core::time::Span;

use super::guard::guarded;
use super::main_thread::MainThread;

/// What an alarm does when it rings.
pub(crate) type Ring = fn(MainThread<'_>);

/// An alarm. It is set and rings again and again, for as long as the server runs.
pub(crate) struct Alarm(OwnedFd);

static RING: OnceLock<Ring> = OnceLock::new();

impl Alarm {
    /// Makes the only alarm. Returns `None` if the system or the server has nothing of the kind.
    pub(crate) fn new(_: MainThread<'_>, ring: Ring) -> Option<Self> {
        // SAFETY: the pointer is filled in and no longer changes (rule 3 of `sys`).
        let watch = unsafe { raw::RedisModule_EventLoopAdd }?;
        RING.set(ring).ok()?;
        // SAFETY: the call takes no pointers. What it returns is a new file of ours, or negative.
        let file = unsafe {
            let file = libc::timerfd_create(libc::CLOCK_MONOTONIC, libc::TFD_NONBLOCK | libc::TFD_CLOEXEC);
            (file >= 0).then(|| OwnedFd::from_raw_fd(file))?
        };
        let mask = raw::REDISMODULE_EVENTLOOP_READABLE.cast_signed();
        // SAFETY: this is the main thread. The file stays open for as long as the server watches it: the alarm is
        // returned only then, and is kept in a static. The callback has the type asked for and uses no data.
        let watched = unsafe { watch(file.as_raw_fd(), mask, Some(rings), null_mut()) };
        (watched == 0).then_some(Self(file))
    }

    /// Sets the alarm to ring after `delay`, and no longer when it was to ring before.
    pub(crate) fn set(&self, _: MainThread<'_>, delay: Span) {
        let ms = delay.ms().max(1); // zero would turn it off
        let time = libc::timespec {
            tv_sec: libc::time_t::try_from(ms / 1_000).unwrap_or(libc::time_t::MAX),
            tv_nsec: libc::c_long::try_from((ms % 1_000).saturating_mul(1_000_000)).unwrap_or(0),
        };
        let once = libc::itimerspec { it_interval: libc::timespec { tv_sec: 0, tv_nsec: 0 }, it_value: time };
        // SAFETY: the file is a timer and open. The structure lives until the call returns, which wants no other back.
        unsafe { libc::timerfd_settime(self.0.as_raw_fd(), 0, &raw const once, without_provenance_mut(0)) };
    }
}

unsafe extern "C" fn rings(file: c_int, _: *mut c_void, _: c_int) {
    let mut count = [0_u8; 8];
    // SAFETY: the buffer has the eight bytes that a timer's file gives. If there is nothing to read, the call says so.
    unsafe { libc::read(file, count.as_mut_ptr().cast(), count.len()) };
    // SAFETY: the server runs the callbacks of its event loop on its main thread, under its global lock.
    let main_thread = unsafe { MainThread::assume() };
    if let Some(ring) = RING.get() {
        guarded(|| ring(main_thread), || ());
    }
}
