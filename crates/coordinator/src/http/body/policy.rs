//! The bodies of `PUT /v1/policies/{name}` and `PUT /v1/policies/{name}/overrides/{key}`.

use std::sync::Arc;

use rl_core::grammar::policy::setting;
use rl_core::quota::name::Name;
use rl_core::quota::policy_entry::PolicyEntry;
use rl_core::quota::shape::Shape;
use schemars::JsonSchema;
use serde::Deserialize;

use super::fields::FlowWeights;
use super::json::{self, Raw};
use super::quota::push_limits;
use super::quota_limit::LimitBody;
use super::words::Words;
use crate::http::problem::Problem;

/// `RL.POLICY SET`
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, bound(deserialize = "'de: 'a"))]
#[schemars(rename = "Policy")]
pub(crate) struct PolicyBody<'a> {
    /// Each has a name of its own.
    #[schemars(with = "Vec<LimitBody<'a>>", length(min = 1, max = 16))]
    limits: Raw<'a>,
    /// The weight of each flow that the policy names. A request may give its flow another one.
    #[serde(default)]
    flows: Option<FlowWeights<'a>>,
}

/// `RL.POLICY OVERRIDE`
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, bound(deserialize = "'de: 'a"))]
#[schemars(rename = "Override")]
pub(crate) struct OverrideBody<'a> {
    /// Each has a name of its own.
    #[schemars(with = "Vec<LimitBody<'a>>", length(min = 1, max = 16))]
    limits: Raw<'a>,
}

/// Reads the limits of a policy and the weights of its flows.
///
/// # Errors
/// The first thing that is wrong.
pub(crate) fn read_policy(name: &Name, body: &[u8]) -> Result<PolicyEntry, Problem> {
    let PolicyBody { limits, flows } = json::object(text(body)?, "the body")?;
    read(name, limits, flows)
}

/// Reads the limits that one key has under a policy.
///
/// # Errors
/// The first thing that is wrong.
pub(crate) fn read_override(name: &Name, body: &[u8]) -> Result<Arc<Shape>, Problem> {
    let OverrideBody { limits } = json::object(text(body)?, "the body")?;
    read(name, limits, None).map(|policy| policy.shape)
}

fn text(body: &[u8]) -> Result<&str, Problem> {
    std::str::from_utf8(body).map_err(|_| Problem::request("the body must be UTF-8"))
}

fn read(name: &Name, limits: Raw<'_>, flows: Option<FlowWeights<'_>>) -> Result<PolicyEntry, Problem> {
    let mut words = Words::of("RL.POLICY");
    words.keyword("SET");
    words.push(name.as_bytes().into());
    push_limits(&mut words, limits)?;
    if let Some(flows) = flows {
        for (id, weight) in flows.words()? {
            words.keyword("FLOW");
            words.push(id);
            words.keyword("WEIGHT");
            words.push(weight);
        }
    }
    Ok(setting(&words.all)?)
}
