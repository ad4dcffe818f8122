//! No alarm: this system has no timers of the kind, so the server's own are used.

use rl_core::time::Span;

use super::main_thread::MainThread;

/// What an alarm does when it rings.
pub(crate) type Ring = fn(MainThread<'_>);

/// An alarm, of which there is none here.
pub(crate) enum Alarm {}

impl Alarm {
    /// Makes none.
    pub(crate) fn new(_: MainThread<'_>, _: Ring) -> Option<Self> {
        None
    }

    /// Is never called.
    pub(crate) fn set(&self, _: MainThread<'_>, _: Span) {
        match *self {}
    }
}
