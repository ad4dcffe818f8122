//! What a request takes of the share of its flow.

use super::claim::{Claim, QuotaClaim};
use crate::quota::limit::Measure;

/// How much of a limit a request takes, scaled by the weight of its flow.
///
/// It is a fixed-point number, so that the shares of many small requests add up to the share of a large one.
pub type Share = u128;

/// The fractional bits of a [`Share`] for a cost on a single limit.
const COST_BITS: u32 = 40;
/// The fractional bits of a [`Share`] for a part of a limit.
const PART_BITS: u32 = 74;

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
    part.checked_div(Share::from(weight)).unwrap_or(part).max(1)
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
