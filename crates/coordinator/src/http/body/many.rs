//! The body of a request to several keys.

use std::borrow::Cow;

use rl_core::fault::Fault;
use schemars::JsonSchema;
use serde::Deserialize;

use super::fields::{Costs, Duration, Flow, Id, Key, Lane, Name, OnErrorField, Weight};
use super::json::Raw;
use super::quota::{REQUESTS, push_costs, push_reserve};
use super::words::{Waiting, Words};
use crate::http::problem::Problem;

/// `RL.MQUOTA` and `RL.FIRST`: several keys with a policy each.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, bound(deserialize = "'de: 'a"))]
#[schemars(
    rename = "ManyQuotas",
    extend("dependentRequired" = { "priority": ["wait"], "flow": ["wait"], "weight": ["flow"] }),
    extend(
        "not" = { "required": ["reserve", "lease"] },
        "anyOf" = [{ "required": ["reserve"] }, { "required": ["lease"] }, { "not": { "required": ["id"] } }],
    )
)]
pub(crate) struct ManyBody<'a> {
    /// No key may be there twice.
    #[schemars(with = "Vec<KeyBody<'a>>", length(min = 1, max = 16))]
    keys: Raw<'a>,
    cost: Option<Costs<'a>>,
    /// How long the cost is reserved as an estimate, until it is settled. Needed if a limit counts reservations.
    reserve: Option<Duration<'a>>,
    /// How long the cost is lent. It is charged when the lease ends: all of it, unless it is settled.
    lease: Option<Duration<'a>>,
    /// Of the reservation or the lease.
    id: Option<Id<'a>>,
    /// How long the request may wait until it is admitted.
    wait: Option<Duration<'a>>,
    priority: Option<Lane<'a>>,
    flow: Option<Flow<'a>>,
    weight: Option<Weight<'a>>,
    on_error: Option<OnErrorField<'a>>,
}

/// A key and the policy by which it is asked.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, bound(deserialize = "'de: 'a"))]
#[schemars(rename = "KeyOfMany")]
struct KeyBody<'a> {
    key: Key<'a>,
    /// The name of a policy that the server keeps.
    policy: Name<'a>,
}

impl<'a> ManyBody<'a> {
    pub(super) fn words(self) -> Result<Words, Problem> {
        let Self { keys, cost, reserve, lease, id, wait, priority, flow, weight, on_error } = self;
        let keys: Vec<KeyBody<'a>> = keys.objects("keys must be a list of objects", "a key")?;
        if !(1..=rl_core::grammar::quota::KEYS_MAX).contains(&keys.len()) {
            return Err(Problem::request("keys must have 1 to 16 elements"));
        }
        let count = Cow::Owned(keys.len().to_string().into_bytes());
        let mut words = Words::of("");
        words.push(count);
        for KeyBody { key, .. } in &keys {
            words.push(key.word()?);
        }
        words.keyword("POLICY");
        for KeyBody { policy, .. } in &keys {
            words.push(policy.0.name(Fault::PolicyName)?);
        }
        push_costs(&mut words, cost, REQUESTS)?;
        push_reserve(&mut words, reserve, lease, id)?;
        words.waiting(&Waiting { wait, priority, flow, weight, on_error })
    }
}
