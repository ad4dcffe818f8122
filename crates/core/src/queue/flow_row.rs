//! What is told of the flows of a line.

use super::lane::Lane;
use super::line::Line;
use crate::time::{At, Span};

/// What a flow has in one lane of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowRow<'a> {
    /// The lane.
    pub lane: Lane,
    /// The id of the flow.
    pub id: &'a [u8],
    /// The number of its requests that wait.
    pub waiting: usize,
    /// How many of its requests were served since the flow is known there.
    pub served: u64,
    /// Its part in percent of what was served of all flows of the lane.
    pub share_percent: u64,
    /// How long its first request has waited.
    pub waits: Span,
}

/// Iterates over the flows of a line, lane by lane.
pub fn rows(line: &Line, now: At) -> impl Iterator<Item = FlowRow<'_>> {
    Lane::ALL.into_iter().flat_map(move |lane| {
        let served = line.standings(lane).fold(0_u64, |sum, flow| sum.saturating_add(flow.served));
        line.standings(lane).map(move |flow| FlowRow {
            lane,
            id: flow.id,
            waiting: flow.waiting,
            served: flow.served,
            share_percent: flow.served.saturating_mul(100).checked_div(served).unwrap_or(0),
            waits: flow.since.map(|since| now.since(since)).unwrap_or_default(),
        })
    })
}

/// Returns the flows with the most waiters, at most `most`: the longest first. `of` is what each belongs to.
///
/// It takes memory for `most` flows, however many there are.
pub fn longest<'a, T: Copy + Ord>(
    rows: impl Iterator<Item = (T, FlowRow<'a>)>,
    most: usize,
) -> Vec<(T, FlowRow<'a>)> {
    let sort = |found: &mut Vec<(T, FlowRow<'a>)>| {
        found.sort_unstable_by(|(of, row), (other_of, other)| {
            let rank = (other.waiting, of, row.lane, row.id);
            rank.cmp(&(row.waiting, other_of, other.lane, other.id))
        });
        found.truncate(most);
    };
    let mut found = Vec::new();
    for row in rows {
        found.push(row);
        if found.len() >= most.saturating_mul(2).max(64) {
            sort(&mut found);
        }
    }
    sort(&mut found);
    found
}
