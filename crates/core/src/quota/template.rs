//! The words of a request that asked a shape before.
//!
//! A shape keeps a few of these. [`crate::grammar::template`] fills them and compares the next request
//! with them, so that it is not read word by word again.

use crate::queue::wait::Wait;
use crate::time::Span;

/// The words of one request, with gaps for its costs and its reservation id.
#[derive(Debug)]
pub struct Template {
    /// How many words the request has, including the command and its key.
    pub(crate) count: usize,
    /// Each fixed word after its length, and a mark for each gap.
    pub(crate) words: Box<[u8]>,
    /// The cost of each limit where the request names none.
    pub(crate) costs: Box<[u64]>,
    /// For each cost in the request, a bit set of the limits that count its unit.
    pub(crate) limits_of: Box<[u16]>,
    /// How long the request reserves, if it does.
    pub(crate) ttl: Option<Span>,
    /// How long the request waits, if it does.
    pub(crate) wait: Option<Wait>,
}
