//! The weights of flows in a policy file: `flows = { paid = 10, free = 1 }`.

use super::entry::{Entry, Read, entries};
use super::key;
use crate::fault::Fault;
use crate::quota::flow_weights::FlowWeights;

/// Returns whether an entry of a policy gives weights to flows. A limit may have the same name.
pub(super) fn are(entry: &Entry<'_>) -> bool {
    let is_limit =
        |table: &toml::de::DeTable<'_>| table.contains_key("limit") || table.contains_key("inflight");
    entry.name == "flows" && !entry.value.as_table().is_some_and(is_limit)
}

/// Returns the entry of a policy that gives weights to flows.
pub(super) fn of<'a>(policy: &Entry<'a>) -> Option<Entry<'a>> {
    let entries = policy.value.as_table().map(|table| entries(table, &policy.path));
    entries.into_iter().flatten().find(are)
}

/// Reads the weights.
pub(super) fn read(entry: &Entry<'_>) -> Read<FlowWeights> {
    let wanted = "flows must be a table of weights, such as { paid = 10, free = 1 }";
    let table = entry.value.as_table().ok_or_else(|| entry.wrong(wanted))?;
    let mut weights = FlowWeights::new();
    for flow in entries(table, &entry.path) {
        let id = key::bytes(flow.name).ok_or_else(|| flow.wrong(key::WANTED))?;
        let weight = u16::try_from(flow.count(Fault::Weight)?).map_err(|_| flow.fault(Fault::Weight))?;
        weights.add(&id, weight).map_err(|fault| flow.fault(fault))?;
    }
    Ok(weights)
}
