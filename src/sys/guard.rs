//! A panic ends one command, not the server.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs `body`; `otherwise` gives the answer if it panics.
///
/// No code here is meant to panic, and the lints see to the usual ways. If one is found after all,
/// unwinding into the server's C code would end it, so every entry goes through here. A state that
/// was being changed stays as it was left: changes are made after all that can fail.
pub(crate) fn guarded<T>(body: impl FnOnce() -> T, otherwise: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|_| otherwise())
}
