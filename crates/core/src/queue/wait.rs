//! How long a request waits, in which lane, and in which flow.

use std::sync::Arc;

use super::flow::{Flow, Position};
use super::lane::Lane;
use crate::time::Span;
use crate::words::Words;

/// The parameters of `WAIT duration [PRIORITY lane] [FLOW id [WEIGHT w]]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wait {
    /// The longest time that the request waits.
    pub time: Span,
    /// The lane that it waits in.
    pub lane: Lane,
    /// The flow that it belongs to; `None` for the flow of no name.
    pub flow: Option<FlowWords>,
}

/// What a request says of its flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowWords {
    /// The index of the word that is its id.
    pub at: usize,
    /// The weight, if the request gives one.
    pub weight: Option<u16>,
}

impl Wait {
    /// Returns where the request of these words wants to stand. See [`Position::is_any`].
    #[must_use]
    pub fn position<W: Words + ?Sized>(&self, words: &W, is_any: bool) -> Position {
        let flow = self.flow.and_then(|FlowWords { at, weight }| {
            let id = Arc::from(words.word(at)?);
            Some(Box::new(Flow { id, weight }))
        });
        Position { lane: self.lane, flow, is_any }
    }
}
