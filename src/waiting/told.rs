//! What is told of a line.

use rl_core::queue::Lane;
use rl_core::queue::flow_row::{FlowRow, longest, rows};
use rl_core::time::Span;
use rl_core::top::NAME_MAX;

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
        let of = |lane| rows(line, now()).filter(move |row| row.lane == lane).map(|row| ((), row));
        let told = Lane::ALL.into_iter().flat_map(|lane| longest(of(lane), FLOWS_MAX));
        told.map(|((), row)| row.into()).collect()
    })
}

/// The flows of the selected database with the most waiters, at most `most`, each with the first [`NAME_MAX`] bytes of the
/// key of its line.
pub(crate) fn longest_flows(context: &Context<'_>, most: usize) -> Vec<(Box<[u8]>, FlowOfKey)> {
    if !any() {
        return Vec::new();
    }
    with(context.main_thread(), |room| {
        let found = longest(room.lines.flow_rows(context.db(), now()), most).into_iter();
        found.map(|(key, row)| (key.get(..NAME_MAX).unwrap_or(key).into(), row.into())).collect()
    })
}

impl From<FlowRow<'_>> for FlowOfKey {
    fn from(row: FlowRow<'_>) -> Self {
        let FlowRow { lane, id, waiting, served, share_percent, waits } = row;
        let waiting = u64::try_from(waiting).unwrap_or(u64::MAX);
        Self { lane, id: id.into(), waiting, served, share_percent, waits }
    }
}
