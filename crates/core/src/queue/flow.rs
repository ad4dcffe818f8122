//! A flow: the requests of one caller among those of a lane, with its share of what the lane gets.

use std::sync::Arc;

use super::lane::Lane;

/// The least and the greatest weight of a flow.
pub const WEIGHTS: core::ops::RangeInclusive<u64> = 1..=1_000;

/// The flow of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow {
    /// Its id, which may be any bytes.
    pub id: Arc<[u8]>,
    /// The weight that the request gives it, one of [`WEIGHTS`]. Without one it has that of the policy, or 1.
    pub weight: Option<u16>,
}

/// Where a request wants to stand in its lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The lane.
    pub lane: Lane,
    /// The flow in that lane. `None` is the flow of no name, whose weight is 1.
    pub flow: Option<Box<Flow>>,
    /// Whether it goes as soon as it is first in one of its lines. If not, it goes when it is first in all of them.
    pub is_any: bool,
}

impl From<Lane> for Position {
    fn from(lane: Lane) -> Self {
        Self { lane, flow: None, is_any: false }
    }
}
