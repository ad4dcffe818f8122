//! A policy as JSON. The limits are those that `PUT` takes.

use std::collections::BTreeMap;

use rl_core::quota::policy_entry::PolicyEntry;
use rl_core::quota::shape::Shape;
use schemars::JsonSchema;
use serde::Serialize;

use super::answer::MAX;

/// The names of all policies.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Policies", deny_unknown_fields)]
pub(super) struct PoliciesAnswer<'a> {
    /// Sorted.
    pub(super) policies: &'a [String],
}

/// A policy.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "PolicyAnswer", deny_unknown_fields)]
pub(super) struct PolicyAnswer<'a> {
    name: &'a str,
    /// The key, if the limits are those that it has of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    key: Option<&'a str>,
    limits: Vec<PolicyLimit>,
    /// The weight of each flow that the policy names.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(with = "BTreeMap<String, u16>")]
    flows: BTreeMap<String, u16>,
}

/// The keys that have limits of their own under a policy.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Overrides", deny_unknown_fields)]
pub(super) struct OverridesAnswer {
    /// Sorted.
    pub(super) overrides: Vec<String>,
}

/// A limit of a policy.
#[derive(Debug, Default, Serialize, JsonSchema, PartialEq, Eq)]
#[schemars(rename = "LimitOfPolicy", deny_unknown_fields)]
struct PolicyLimit {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "u64", range(max = MAX))]
    limit: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    window: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    unit: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    algorithm: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    offset: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "u64", range(max = MAX))]
    capacity: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "u64", range(max = MAX))]
    inflight: Option<u64>,
    /// Whether it only counts, and denies nobody.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schemars(with = "bool", extend("const" = true))]
    shadow: bool,
}

impl<'a> PolicyAnswer<'a> {
    /// The policy of this name.
    pub(super) fn of(name: &'a str, policy: &PolicyEntry) -> Self {
        let flow = |(id, weight): (&[u8], u16)| (String::from_utf8_lossy(id).into_owned(), weight);
        let flows = policy.flows.iter().map(flow).collect();
        Self { name, key: None, limits: limits(&policy.shape), flows }
    }

    /// The limits that a key has under the policy of this name.
    pub(super) fn of_key(name: &'a str, key: &'a str, shape: &Shape) -> Self {
        Self { name, key: Some(key), limits: limits(shape), flows: BTreeMap::new() }
    }
}

fn limits(shape: &Shape) -> Vec<PolicyLimit> {
    let mut words = shape.words().into_iter().map(|word| String::from_utf8_lossy(&word).into_owned());
    let (mut limits, mut next) = (Vec::new(), words.next());
    while next.take().is_some() {
        let mut limit = PolicyLimit { name: words.next().unwrap_or_default(), ..PolicyLimit::default() };
        let most = words.next().and_then(|most| most.parse().ok());
        match words.next() {
            Some(word) if word == "INFLIGHT" => limit.inflight = most,
            window => {
                (limit.limit, limit.window) = (most, window.map(short));
                limit.unit = words.by_ref().nth(1); // after UNIT
                limit.algorithm = words.next().map(|kind| kind.to_ascii_lowercase());
            }
        }
        loop {
            next = words.next();
            match next.as_deref() {
                Some("OFFSET") => limit.offset = words.next().filter(|offset| offset != "0ms").map(short),
                Some("SHADOW") => limit.shadow = true,
                Some("LIMIT") | None => break,
                Some(capacity) => limit.capacity = capacity.parse().ok(),
            }
        }
        limits.push(limit);
    }
    limits
}

/// A duration in ms, in the largest unit in which it is whole and has a short number.
fn short(written: String) -> String {
    const UNITS: [(i64, &str, i64); 4] =
        [(86_400_000, "d", 3_650), (3_600_000, "h", 9_999), (60_000, "m", 999_999), (1_000, "s", i64::MAX)];
    let Some(ms) = written.strip_suffix("ms").and_then(|ms| ms.parse::<i64>().ok()) else { return written };
    let mut whole = UNITS.into_iter().filter(|(size, ..)| ms.checked_rem(*size) == Some(0));
    let short = whole.find_map(|(size, unit, most)| {
        let count =
            ms.checked_div(size).filter(|count| count.checked_abs().is_some_and(|count| count <= most))?;
        Some(format!("{count}{unit}"))
    });
    short.unwrap_or(written)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::body;
    use rl_core::quota::name::Name;

    #[test]
    fn what_is_shown_may_be_set() {
        let limits = r#"{"limits":[
            {"name":"LIMIT","limit":5,"window":"90s","unit":"SHADOW","algorithm":"slide"},
            {"name":"day","limit":9,"window":"1mo","unit":"tokens","algorithm":"window","offset":"-1h","shadow":true},
            {"name":"burst","limit":7,"window":"1500ms","unit":"requests","algorithm":"bucket","capacity":3},
            {"name":"OFFSET","inflight":4,"shadow":true},
            {"name":"calls","inflight":0}],
            "flows":{"FLOW":1000,"paid":10}}"#;
        let name = Name::new(b"all").unwrap();
        let shape = body::read_policy(&name, limits.as_bytes()).unwrap();
        let shown = serde_json::to_value(PolicyAnswer::of("all", &shape)).unwrap();
        let expected: serde_json::Value = serde_json::from_str(limits).unwrap();
        assert_eq!((&shown["limits"], &shown["flows"]), (&expected["limits"], &expected["flows"]));
    }
}
