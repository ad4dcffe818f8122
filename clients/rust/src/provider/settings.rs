//! How the calls of a transport are estimated, and what it has seen of earlier ones.

use std::sync::Arc;

use super::output::Outputs;
use super::policy::Policies;
use crate::limiter::Limiter;

type Estimate = Arc<dyn Fn(&[u8]) -> u64 + Send + Sync>;

#[derive(Clone)]
pub(super) struct Settings {
    pub(super) limiter: Limiter,
    pub(super) policy_of: Arc<dyn Fn(&str) -> String + Send + Sync>,
    /// Without it, the key is the policy's name.
    pub(super) key: Option<String>,
    /// Without it, the profile goes by the request's address.
    pub(super) profile: Option<&'static str>,
    /// Estimates the input tokens of a body.
    pub(super) input: Estimate,
    /// The share of each limit that is left to the provider, if the caller sets it.
    pub(super) margin: Option<f64>,
    pub(super) seen: Arc<SeenCalls>,
}

/// What a transport has seen.
#[derive(Debug, Default)]
pub(super) struct SeenCalls {
    pub(super) policies: Policies,
    pub(super) outputs: Outputs,
}
