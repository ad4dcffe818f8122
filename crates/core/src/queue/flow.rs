//! A flow: the requests of one caller among those of a lane, with its share of what the lane gets.

use std::sync::Arc;

use super::claim::{Claim, QuotaClaim};
use super::lane::Lane;
use crate::quota::limit::Measure;

/// The least and the greatest weight of a flow.
pub const WEIGHTS: core::ops::RangeInclusive<u64> = 1..=1_000;

/// How much of a limit a request takes, scaled by the weight of its flow.
///
/// It is a fixed-point number, so that the shares of many small requests add up to the share of a large one.
pub type Share = u128;

/// The fractional bits of a [`Share`] for a cost on a single limit.
const COST_BITS: u32 = 40;
/// The fractional bits of a [`Share`] for a part of a limit.
const PART_BITS: u32 = 74;

/// The flow of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow {
    /// Its id, which may be any bytes.
    pub id: Arc<[u8]>,
    /// Its weight, one of [`WEIGHTS`].
    pub weight: u16,
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

/// What a claim takes from the share of a flow of this weight.
///
/// On a single limit it is the cost. On a quota it is the largest part of a limit that the request takes, its dominant
/// share: a flow that takes many tokens and one that makes many requests are compared by what is scarcest for each.
#[must_use]
pub fn share(claim: &Claim, weight: u16) -> Share {
    let part = match claim {
        Claim::Limit(request) => Share::from(request.cost) << COST_BITS,
        Claim::Quota(claim) => dominant(claim),
    };
    (part / Share::from(weight.max(1))).max(1)
}

fn dominant(claim: &QuotaClaim) -> Share {
    let limits = claim.shape.limits().iter().enumerate().filter(|(_, limit)| !limit.is_shadow);
    let parts = limits.map(|(index, limit)| {
        let most = match &limit.measure {
            Measure::Rate(rule) => rule.quota(),
            Measure::InFlight(most) => *most,
        };
        let cost = claim.costs.get(index).copied().unwrap_or(0);
        let takes = Share::from(limit.takes(cost, claim.ttl).min(most));
        (takes << PART_BITS).checked_div(Share::from(most)).unwrap_or(0)
    });
    parts.max().unwrap_or(0)
}
