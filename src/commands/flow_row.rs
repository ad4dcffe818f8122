//! What is replied of a flow of a line, by RL.INFO and RL.TOP.

use crate::sys::reply::Map;
use crate::waiting::FlowOfKey;

/// The number of fields.
pub(super) const FIELDS: usize = 6;

/// Its lane, its name, how many of its requests wait and were served, its part in percent of what was served of all flows of
/// the lane, and how long its first request has waited.
pub(super) fn fields(map: &mut Map<'_>, flow: &FlowOfKey) {
    map.text(b"lane", flow.lane.name().as_bytes()).text(b"flow", &flow.id);
    map.count(b"waiting", flow.waiting).count(b"served", flow.served);
    map.count(b"share_percent", flow.share_percent).count(b"longest_wait_ms", flow.waits.ms());
}
