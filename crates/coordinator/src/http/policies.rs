//! `/v1/policies`: reads policies, and changes them for tokens that may.

use hyper::body::Incoming;
use hyper::{Method, StatusCode};
use rl_core::fault::Fault;
use rl_core::quota::name::Name;

use super::access::forbidden;
use super::answer::{DoneAnswer, JSON};
use super::body;
use super::policy_answer::{PoliciesAnswer, PolicyAnswer};
use super::problem::Problem;
use super::receive::receive;
use super::response::{Response, json};
use crate::app::App;
use crate::auth::Access;
use crate::hex;
use crate::live::Settings;

/// The path of all policies.
pub(super) const ALL: &str = "/v1/policies";
/// The path before the name of one.
pub(super) const ONE: &str = "/v1/policies/";

/// `GET /v1/policies`: the names of all.
///
/// # Errors
/// Why it is refused, or why they could not be read.
pub(super) async fn list(app: &App, access: &Access) -> Result<Response, Problem> {
    if !access.sees_all() {
        return Err(forbidden());
    }
    let mut policies = app.backend.policies().await?;
    policies.sort_unstable();
    Ok(json(StatusCode::OK, JSON, &PoliciesAnswer { policies: &policies }))
}

/// `GET`, `PUT` or `DELETE /v1/policies/{name}`
///
/// # Errors
/// Why it is refused, or why the policy could not be read or changed.
pub(super) async fn one(
    app: &App,
    settings: &Settings,
    access: &Access,
    method: &Method,
    written: &str,
    incoming: Incoming,
) -> Result<Response, Problem> {
    let name = read(written).ok_or_else(|| Problem::from(Fault::PolicyName))?;
    if *method == Method::GET || *method == Method::HEAD {
        // A caller who may ask by a policy is told its limits anyway.
        let policy = app.backend.policy(name.as_bytes()).await?.ok_or_else(none)?;
        return Ok(json(StatusCode::OK, JSON, &PolicyAnswer::of(name.as_str(), &policy)));
    }
    may_change(access)?;
    if *method == Method::DELETE {
        let done = app.delete_policy(name.as_bytes()).await?;
        tracing::info!(policy = name.as_str(), done, "a caller deleted a policy");
        return Ok(json(StatusCode::OK, JSON, &DoneAnswer { done }));
    }
    let bytes = receive(app, settings, incoming).await?;
    let policy = body::read_policy(&name, &bytes)?;
    if policy.shape.longest() > settings.max_window {
        return Err(Fault::MaxWindow.into());
    }
    app.set_policy(&policy).await?;
    tracing::info!(policy = name.as_str(), "a caller set a policy");
    Ok(json(StatusCode::OK, JSON, &PolicyAnswer::of(name.as_str(), &policy)))
}

/// Refuses a token that may not change policies.
pub(super) fn may_change(access: &Access) -> Result<(), Problem> {
    if access.changes_policies() {
        return Ok(());
    }
    let detail = "policies are changed with a token that has policies = true in the configuration";
    Err(Problem::new(StatusCode::FORBIDDEN, "policies_forbidden", detail))
}

pub(super) fn none() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "no_such_policy", "there is no such policy")
}

/// The name that is written in a path; `None` if it is none.
pub(super) fn read(written: &str) -> Option<Name> {
    Name::new(&hex::percent_decode(written)?)
}
