//! Keeps a panic from ending the server.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs `body`. If it panics, returns what `otherwise` returns.
///
/// No code here is meant to panic, and lints forbid the usual ways. If some code does, unwinding into the server's C code
/// would end the server, so every callback goes through here. A state that was being changed stays as the panic left it:
/// changes are made after everything that can fail.
pub(super) fn guarded<T>(body: impl FnOnce() -> T, otherwise: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|_| otherwise())
}
