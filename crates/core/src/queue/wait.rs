//! How long a request waits, and in which lane.

use super::lane::Lane;
use crate::time::Span;

/// The parameters of `WAIT duration [PRIORITY lane]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wait {
    /// The longest time to wait.
    pub time: Span,
    /// The lane to wait in.
    pub lane: Lane,
}
