//! A static of the main thread's, for the way of every request: there a mutex would cost more than what it guards.

use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// A value that is used on the main thread alone.
pub(crate) struct MainThread<T> {
    /// Whether it is being used: in the midst of a use there is no other.
    is_used: AtomicBool,
    value: UnsafeCell<T>,
}

// SAFETY: commands and callbacks run on the main thread, one at a time (rule 1 of `sys`), and what runs elsewhere
// uses no such value; it is kept in a static, which asks for this.
unsafe impl<T: Send> Sync for MainThread<T> {}

impl<T> MainThread<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self { is_used: AtomicBool::new(false), value: UnsafeCell::new(value) }
    }

    /// Uses the value; `None` where that is asked for in the midst of a use.
    #[inline]
    pub(crate) fn with<R>(&self, using: impl FnOnce(&mut T) -> R) -> Option<R> {
        if self.is_used.load(Relaxed) {
            return None;
        }
        self.is_used.store(true, Relaxed);
        let _done = Done(&self.is_used);
        // SAFETY: one thread (see above), and no other borrow: the flag was down, and is up until this one ends.
        Some(using(unsafe { &mut *self.value.get() }))
    }
}

/// Takes the flag down, also where a use panics.
struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(false, Relaxed);
    }
}
