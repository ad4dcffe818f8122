//! `/v1/policies/{name}/overrides`: the limits that single keys have of their own under a policy.

use std::sync::Arc;

use hyper::body::Incoming;
use hyper::{Method, StatusCode};
use rl_core::fault::Fault;

use super::access::forbidden;
use super::answer::{DoneAnswer, JSON};
use super::policies::{may_change, none, read};
use super::policy_answer::{OverridesAnswer, PolicyAnswer};
use super::problem::Problem;
use super::receive::receive;
use super::response::{Response, json};
use super::{body, delete};
use crate::app::App;
use crate::auth::Access;
use crate::live::Settings;

/// The end of the path of all overrides of a policy.
const ALL: &str = "/overrides";
/// The path between the name of a policy and a key.
const ONE: &str = "/overrides/";

/// What is named in the path, as it is written there: the policy, and the key or `None` for all.
pub(super) fn find(path: &str) -> Option<(String, Option<String>)> {
    if let Some((name, key)) = path.split_once(ONE) {
        return Some((name.to_owned(), Some(key.to_owned())));
    }
    path.strip_suffix(ALL).map(|name| (name.to_owned(), None))
}

/// `GET /v1/policies/{name}/overrides`: the keys.
///
/// # Errors
/// Why it is refused, or why they could not be read.
pub(super) async fn list(app: &App, access: &Access, written: &str) -> Result<Response, Problem> {
    if !access.sees_all() {
        return Err(forbidden());
    }
    let name = read(written).ok_or_else(|| Problem::from(Fault::PolicyName))?;
    let keys = app.backend.overrides(name.as_bytes()).await?.ok_or_else(none)?;
    let overrides = keys.iter().map(|key| String::from_utf8_lossy(key).into_owned()).collect();
    Ok(json(StatusCode::OK, JSON, &OverridesAnswer { overrides }))
}

/// `GET`, `PUT` or `DELETE /v1/policies/{name}/overrides/{key}`
///
/// # Errors
/// Why it is refused, or why the limits could not be read or changed.
pub(super) async fn one(
    app: &App,
    settings: &Settings,
    access: &Access,
    method: &Method,
    (name, key): (&str, &str),
    incoming: Incoming,
) -> Result<Response, Problem> {
    let name = read(name).ok_or_else(|| Problem::from(Fault::PolicyName))?;
    let key = delete::read(key).ok_or_else(|| Problem::request(delete::WANTED))?;
    if *method == Method::GET || *method == Method::HEAD {
        if !access.sees(key.as_bytes()) {
            return Err(forbidden());
        }
        let shape = app.backend.policy_override(name.as_bytes(), key.as_bytes()).await?.ok_or_else(|| {
            let detail = "the key has no limits of its own under this policy";
            Problem::new(StatusCode::NOT_FOUND, "no_such_override", detail)
        })?;
        return Ok(json(StatusCode::OK, JSON, &PolicyAnswer::of_key(name.as_str(), &key, &shape)));
    }
    may_change(access)?;
    if *method == Method::DELETE {
        let done = app.delete_override(name.as_bytes(), key.as_bytes()).await?;
        tracing::info!(policy = name.as_str(), done, "a caller deleted an override");
        return Ok(json(StatusCode::OK, JSON, &DoneAnswer { done }));
    }
    let bytes = receive(app, settings, incoming).await?;
    let shape = body::read_override(&name, &bytes)?;
    if shape.longest() > settings.max_window {
        return Err(Fault::MaxWindow.into());
    }
    app.set_override(&name, key.as_bytes(), Arc::clone(&shape)).await?;
    tracing::info!(policy = name.as_str(), "a caller set an override");
    Ok(json(StatusCode::OK, JSON, &PolicyAnswer::of_key(name.as_str(), &key, &shape)))
}
