//! Proof that code runs on the server's main thread, and statics that only such code can use.
//!
//! "Main thread" is meant in the server's own sense. The server runs commands and callbacks one at a time, on its main
//! thread or on a thread of another module that has taken the server's global lock. Both count here: what matters is that
//! no two of them run at once, and that the lock orders one after the other.

use std::cell::{Cell, UnsafeCell};
use std::marker::PhantomData;

/// Proof that the current thread holds the server's global lock. It costs nothing and cannot be sent to another thread.
#[derive(Clone, Copy)]
pub(crate) struct MainThread<'a>(PhantomData<*const &'a ()>);

impl<'a> MainThread<'a> {
    /// # Safety
    /// The server called a callback that runs under its global lock, or in a forked child, which has one thread. `'a` ends
    /// no later than that callback.
    #[inline(always)]
    pub(super) const unsafe fn assume() -> Self {
        Self(PhantomData)
    }
}

/// A static value of the main thread. It takes no lock, so a forked child never finds it locked.
pub(crate) struct MainThreadCell<T> {
    in_use: Cell<bool>,
    value: UnsafeCell<T>,
}

// SAFETY: both fields are used only in `with`, which asks for proof that the thread holds the server's lock. So no two
// threads use them at once. The value may be used on one thread after another, hence `T: Send`.
unsafe impl<T: Send> Sync for MainThreadCell<T> {}

impl<T> MainThreadCell<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self { in_use: Cell::new(false), value: UnsafeCell::new(value) }
    }

    /// Lends the value to `f`. Returns `None` if an outer call to `with` is lending it already.
    #[inline]
    pub(crate) fn with<R>(&self, _: MainThread<'_>, f: impl FnOnce(&mut T) -> R) -> Option<R> {
        if self.in_use.replace(true) {
            return None;
        }
        let _release = Release(&self.in_use);
        // SAFETY: one thread at a time gets here (see above). On this thread there is no other reference: `in_use` was
        // false, and stays true until this one ends.
        Some(f(unsafe { &mut *self.value.get() }))
    }
}

/// Clears the flag on every way out, also when `f` panics.
struct Release<'a>(&'a Cell<bool>);

impl Drop for Release<'_> {
    fn drop(&mut self) {
        self.0.set(false);
    }
}
