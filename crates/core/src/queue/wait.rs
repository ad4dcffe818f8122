//! How long a request waits, and in which lane.

use super::lane::Lane;
use crate::time::Span;

/// The parameters of `WAIT duration [PRIORITY lane]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wait {
    /// The longest time that the request waits.
    pub time: Span,
    /// The lane that it waits in.
    pub lane: Lane,
}
