//! What is told of a line.

use rl_core::queue::{FlowStanding, Lane};
use rl_core::time::Span;

use super::room::{any, now, with};
use crate::sys::args::Arg;
use crate::sys::context::Context;

/// How many flows of a line are told of.
const FLOWS_MAX: usize = 100;

/// A flow of the line of a key.
pub(crate) struct FlowOfKey {
    pub(crate) lane: Lane,
    pub(crate) id: Box<[u8]>,
    pub(crate) waiting: u64,
    pub(crate) served: u64,
    /// Its part in percent of what was served of all flows of the lane.
    pub(crate) share_percent: u64,
    /// How long its first request has waited.
    pub(crate) waits: Span,
}

/// How many wait for a key in each lane, and how long its first waiter waits at least.
pub(crate) fn line(context: &Context<'_>, key: Arg<'_>) -> ([usize; 4], Option<Span>) {
    if !any() {
        return ([0; 4], None);
    }
    with(context.main_thread(), |room| {
        let line = room.lines.line(context.db(), key.bytes());
        line.map_or(([0; 4], None), |line| (line.counts(), line.expects(now())))
    })
}

/// The flows of the line of a key, in each lane those with the most waiters first.
pub(crate) fn flows(context: &Context<'_>, key: Arg<'_>) -> Vec<FlowOfKey> {
    if !any() {
        return Vec::new();
    }
    with(context.main_thread(), |room| {
        let Some(line) = room.lines.line(context.db(), key.bytes()) else { return Vec::new() };
        let mut told = Vec::new();
        for lane in Lane::ALL {
            let mut flows: Vec<FlowStanding<'_>> = line.standings(lane).collect();
            let served = flows.iter().fold(0_u64, |sum, flow| sum.saturating_add(flow.served));
            flows.sort_unstable_by(|one, other| (other.waiting, one.id).cmp(&(one.waiting, other.id)));
            told.extend(flows.into_iter().take(FLOWS_MAX).map(|flow| FlowOfKey {
                lane,
                id: flow.id.into(),
                waiting: u64::try_from(flow.waiting).unwrap_or(u64::MAX),
                served: flow.served,
                share_percent: flow.served.saturating_mul(100).checked_div(served).unwrap_or(0),
                waits: flow.since.map(|since| now().since(since)).unwrap_or_default(),
            }));
        }
        told
    })
}
