//! The bodies of commands about a key of one limit.

use rl_core::fault::Fault;
use rl_core::limit::Kind;
use schemars::{JsonSchema, SchemaGenerator};
use serde::Deserialize;
use serde_json::{Value, json};

use super::fields::{
    Amount, Cost, Costs, Duration, Flow, Key, Lane, Offset, OnErrorField, Refill, Refunded, UpTo, Weight,
    WindowLength,
};
use super::json;
use super::quota::push_costs;
use super::words::{Waiting, Words};
use crate::http::problem::Problem;

/// `RL.SLIDE`
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, bound(deserialize = "'de: 'a"))]
#[schemars(rename = "Slide", extend("dependentRequired" = { "priority": ["wait"], "flow": ["wait"], "weight": ["flow"] }, "not" = { "required": ["up_to", "flow"] }))]
struct SlideBody<'a> {
    key: Key<'a>,
    /// The most cost in any interval of the length of the window.
    limit: Amount<'a>,
    window: Duration<'a>,
    cost: Option<Cost<'a>>,
    /// Whether it takes as much of the cost as there is.
    up_to: Option<UpTo<'a>>,
    /// How long the request may wait until it is admitted.
    wait: Option<Duration<'a>>,
    priority: Option<Lane<'a>>,
    flow: Option<Flow<'a>>,
    weight: Option<Weight<'a>>,
    on_error: Option<OnErrorField<'a>>,
}

/// `RL.WINDOW`
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, bound(deserialize = "'de: 'a"))]
#[schemars(rename = "Window", extend("dependentRequired" = { "priority": ["wait"], "flow": ["wait"], "weight": ["flow"] }, "not" = { "required": ["up_to", "flow"] }))]
struct WindowBody<'a> {
    key: Key<'a>,
    /// The most cost in one window.
    limit: Amount<'a>,
    window: WindowLength<'a>,
    offset: Option<Offset<'a>>,
    cost: Option<Cost<'a>>,
    /// Whether it takes as much of the cost as there is.
    up_to: Option<UpTo<'a>>,
    /// How long the request may wait until it is admitted.
    wait: Option<Duration<'a>>,
    priority: Option<Lane<'a>>,
    flow: Option<Flow<'a>>,
    weight: Option<Weight<'a>>,
    on_error: Option<OnErrorField<'a>>,
}

/// `RL.BUCKET`
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, bound(deserialize = "'de: 'a"))]
#[schemars(rename = "Bucket", extend("dependentRequired" = { "priority": ["wait"], "flow": ["wait"], "weight": ["flow"] }, "not" = { "required": ["up_to", "flow"] }))]
struct BucketBody<'a> {
    key: Key<'a>,
    /// The tokens of a full bucket.
    capacity: Amount<'a>,
    refill: Refill<'a>,
    /// 1 second if it is not given.
    period: Option<Duration<'a>>,
    cost: Option<Cost<'a>>,
    /// Whether it takes as much of the cost as there is.
    up_to: Option<UpTo<'a>>,
    /// How long the request may wait until it is admitted.
    wait: Option<Duration<'a>>,
    priority: Option<Lane<'a>>,
    flow: Option<Flow<'a>>,
    weight: Option<Weight<'a>>,
    on_error: Option<OnErrorField<'a>>,
}

/// `RL.PEEK`
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, bound(deserialize = "'de: 'a"))]
#[schemars(rename = "Peek")]
pub(crate) struct PeekBody<'a> {
    key: Key<'a>,
    cost: Option<Costs<'a>>,
}

/// `RL.REFUND`
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, bound(deserialize = "'de: 'a"))]
#[schemars(rename = "Refund")]
pub(crate) struct RefundBody<'a> {
    key: Key<'a>,
    cost: Refunded<'a>,
}

/// Reads the body of the command for one limit. Errors call it `of`.
///
/// # Errors
/// The first thing that is wrong.
pub(super) fn read(kind: Kind, text: &str, of: &'static str) -> Result<Words, Problem> {
    match kind {
        Kind::Slide => json::object::<SlideBody<'_>>(text, of)?.words(),
        Kind::Window => json::object::<WindowBody<'_>>(text, of)?.words(),
        Kind::Bucket => json::object::<BucketBody<'_>>(text, of)?.words(),
    }
}

/// Adds the schema of such a body to the document of the interface.
pub(crate) fn add_schema(kind: Kind, generator: &mut SchemaGenerator) {
    match kind {
        Kind::Slide => generator.subschema_for::<SlideBody<'_>>(),
        Kind::Window => generator.subschema_for::<WindowBody<'_>>(),
        Kind::Bucket => generator.subschema_for::<BucketBody<'_>>(),
    };
}

/// What the document says of such a body: the name of its schema, a summary and an example.
pub(crate) fn about(kind: Kind) -> (&'static str, &'static str, Value) {
    match kind {
        Kind::Slide => (
            "Slide",
            "Exact sliding window: at most limit in every interval of window",
            json!({ "key": "api", "limit": 500, "window": "60s" }),
        ),
        Kind::Window => (
            "Window",
            "Fixed window, aligned to the clock",
            json!({ "key": "day", "limit": 10000, "window": "1d", "offset": "-8h" }),
        ),
        Kind::Bucket => ("Bucket", "Token bucket", json!({ "key": "burst", "capacity": 50, "refill": 8.33 })),
    }
}

impl<'a> SlideBody<'a> {
    fn words(self) -> Result<Words, Problem> {
        let Self { key, limit, window, cost, up_to, wait, priority, flow, weight, on_error } = self;
        let mut words = Words::new(key)?;
        words.push(limit.0.number(Fault::Limit)?);
        words.push(window.0.duration(Fault::Window)?);
        push_cost(&mut words, cost, up_to)?;
        words.waiting(&Waiting { wait, priority, flow, weight, on_error })
    }
}

impl<'a> WindowBody<'a> {
    fn words(self) -> Result<Words, Problem> {
        let Self { key, limit, window, offset, cost, up_to, wait, priority, flow, weight, on_error } = self;
        let mut words = Words::new(key)?;
        words.push(limit.0.number(Fault::Limit)?);
        words.push(window.0.duration(Fault::WindowOrMonth)?);
        if let Some(offset) = offset {
            words.keyword("OFFSET");
            words.push(offset.0.duration(Fault::Offset)?);
        }
        push_cost(&mut words, cost, up_to)?;
        words.waiting(&Waiting { wait, priority, flow, weight, on_error })
    }
}

impl<'a> BucketBody<'a> {
    fn words(self) -> Result<Words, Problem> {
        let Self { key, capacity, refill, period, cost, up_to, wait, priority, flow, weight, on_error } =
            self;
        let mut words = Words::new(key)?;
        words.push(capacity.0.number(Fault::Capacity)?);
        words.push(refill.0.number(Fault::Refill)?);
        if let Some(period) = period {
            words.push(period.0.duration(Fault::Period)?);
        }
        push_cost(&mut words, cost, up_to)?;
        words.waiting(&Waiting { wait, priority, flow, weight, on_error })
    }
}

impl<'a> PeekBody<'a> {
    pub(super) fn words(self) -> Result<Words, Problem> {
        let mut words = Words::new(self.key)?;
        push_costs(&mut words, self.cost, None)?;
        Ok(words)
    }
}

impl<'a> RefundBody<'a> {
    pub(super) fn words(self) -> Result<Words, Problem> {
        let mut words = Words::new(self.key)?;
        words.push(self.cost.0.number(Fault::Refund)?);
        Ok(words)
    }
}

fn push_cost<'a>(words: &mut Words, cost: Option<Cost<'a>>, up_to: Option<UpTo<'a>>) -> Result<(), Problem> {
    if let Some(cost) = cost {
        words.keyword("COST");
        words.push(cost.0.number(Fault::Cost)?);
    }
    if let Some(up_to) = up_to {
        up_to.read()?;
        words.keyword("UPTO");
    }
    Ok(())
}
