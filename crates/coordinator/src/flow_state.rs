//! What is told of a flow of a line.

use rl_core::queue::flow_row::FlowRow;
use serde::Serialize;

/// What a flow has in one lane of a line.
#[derive(Debug, Serialize)]
pub(crate) struct FlowState {
    pub(crate) lane: String,
    /// Its id. Bytes that are not UTF-8 are shown as U+FFFD.
    pub(crate) flow: String,
    /// The number of its requests that wait.
    pub(crate) waiting: u64,
    /// How many of its requests were served since the flow is known there.
    pub(crate) served: u64,
    /// Its part in percent of what was served of all flows of the lane.
    pub(crate) share_percent: u64,
    /// How long its first request has waited.
    pub(crate) longest_wait_ms: u64,
}

impl From<FlowRow<'_>> for FlowState {
    fn from(row: FlowRow<'_>) -> Self {
        Self {
            lane: row.lane.name().to_owned(),
            flow: String::from_utf8_lossy(row.id).into_owned(),
            waiting: u64::try_from(row.waiting).unwrap_or(u64::MAX),
            served: row.served,
            share_percent: row.share_percent,
            longest_wait_ms: row.waits.ms(),
        }
    }
}
