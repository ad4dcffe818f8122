//! How a request stands when it is told when to come again.

use crate::limit::decision::{Retry, wait_ms};
use crate::time::At;

/// How a request stands when it is told when to come again.
#[derive(Clone, Debug)]
pub enum Stands<D> {
    /// It came now and was decided so. It stands behind the waiters of its lane and higher ones.
    Decided(D),
    /// It leaves the line, and takes nothing even if its limits would admit it.
    Leaves,
}

/// The retry of a request that is admitted at `then`.
pub(super) fn later(clock: At, then: Option<At>) -> Retry {
    then.map_or(Retry::Never, |then| Retry::After(wait_ms(clock, then).max(1)))
}
