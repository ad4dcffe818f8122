//! What a request for admission is answered if it cannot be decided: the setting `on_error`.

use clap::ValueEnum;
use serde::Deserialize;

/// The HTTP and gRPC header field that marks such an answer; its value is [`OnError::name`].
pub(crate) const DEGRADED: &str = "rl-degraded";

/// The answer to a request for admission that cannot be decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OnError {
    /// Allows the request and counts it nowhere: fail-open.
    Allow,
    /// Denies the request: fail-closed.
    Deny,
}

impl OnError {
    /// Its name in the configuration and in [`DEGRADED`].
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
        }
    }
}
