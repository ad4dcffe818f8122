//! No lock of ours is held in a process that the server forks.
//!
//! The server forks to write files. The child runs callbacks of this module: they save values and policies, write them into an
//! AOF, and handle events. If a thread of the parent held a lock at the moment of the fork, that lock would stay locked in the
//! child for ever, as the thread is not there. So none may be:
//!
//! * The server forks on its main thread, and only between callbacks, or in a call that may run other code. Statics of the main
//!   thread take no lock ([`super::main_thread::MainThreadCell`]). The lock of the waiters is never held during such a call.
//! * Values are freed on background threads, too. The last value with a set of parameters or limits takes it out of a table of
//!   `rl-core`, which has a lock. The C library calls the functions here before and after each fork: they take these locks
//!   first, and release them in both processes.
//!
//! Nothing that a child runs today takes one of these locks. With this it may.

use std::cell::UnsafeCell;
use std::ffi::c_int;

use rl_core::quota::shape::{ShapesLock, lock_shapes};
use rl_core::{ParameterSetsLock, lock_parameter_sets};

use super::main_thread::MainThread;

/// The locks, while a thread forks.
struct Held(UnsafeCell<Option<(ParameterSetsLock, ShapesLock)>>);

// SAFETY: the cell is used only while its user holds both locks, so by one thread at a time.
unsafe impl Sync for Held {}

static HELD: Held = Held(UnsafeCell::new(None));

unsafe extern "C" {
    fn pthread_atfork(
        before: Option<extern "C" fn()>,
        in_parent: Option<extern "C" fn()>,
        in_child: Option<extern "C" fn()>,
    ) -> c_int;
}

/// Registers the functions, while the module loads. Returns `false` if memory is out.
pub(super) fn load(_: MainThread<'_>) -> bool {
    // SAFETY: the functions have the types asked for. A module with a data type is never unloaded, so they stay.
    unsafe { pthread_atfork(Some(take), Some(release), Some(release)) == 0 }
}

extern "C" fn take() {
    let locks = (lock_parameter_sets(), lock_shapes());
    // SAFETY: this thread holds both locks.
    unsafe { *HELD.0.get() = Some(locks) }
}

extern "C" fn release() {
    // SAFETY: this thread holds both locks: it took them before the fork. They are released after the cell was emptied, at
    // the end of the statement after this one.
    let locks = unsafe { (*HELD.0.get()).take() };
    drop(locks);
}
