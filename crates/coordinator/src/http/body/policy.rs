//! The body of `PUT /v1/policies/{name}`.

use std::sync::Arc;

use rl_core::grammar::quota;
use rl_core::quota::name::Name;
use rl_core::quota::shape::Shape;
use schemars::JsonSchema;
use serde::Deserialize;

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
}

/// Reads the limits of a policy.
///
/// # Errors
/// The first thing that is wrong.
pub(crate) fn read(name: &Name, body: &[u8]) -> Result<Arc<Shape>, Problem> {
    let text = std::str::from_utf8(body).map_err(|_| Problem::request("the body must be UTF-8"))?;
    let PolicyBody { limits } = json::object(text, "the body")?;
    let command = [&b"RL.POLICY"[..], b"SET", name.as_bytes()];
    let mut words = Words { request: command.into_iter().map(Into::into).collect(), ..Words::default() };
    push_limits(&mut words, limits)?;
    let words: Vec<&[u8]> = words.request.iter().map(AsRef::as_ref).collect();
    Ok(quota::policy(words.as_slice())?)
}
