//! The data of `profiles.json`, as far as headers need it.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use super::time::Form;

/// What a provider says in its headers.
#[derive(Debug, Default, Deserialize)]
pub struct Profile {
    #[serde(default)]
    pub(crate) limits: Vec<LimitHeaders>,
    pub(crate) structured: Option<StructuredHeader>,
    #[serde(default)]
    pub(crate) retry: Vec<TimeHeader>,
}

/// The headers of one limit.
#[derive(Debug, Deserialize)]
pub(crate) struct LimitHeaders {
    pub(crate) names: Vec<String>,
    pub(crate) remaining: String,
    #[serde(rename = "of")]
    pub(crate) limit: Option<String>,
    pub(crate) reset: Option<TimeHeader>,
}

/// A header with a time.
#[derive(Debug, Deserialize)]
pub(crate) struct TimeHeader {
    pub(crate) header: String,
    pub(crate) form: Form,
}

/// A header with a list of limits.
#[derive(Debug, Deserialize)]
pub(crate) struct StructuredHeader {
    pub(crate) header: String,
}

#[derive(Default, Deserialize)]
struct Document {
    profiles: BTreeMap<String, Profile>,
}

/// A test reads the file, so that it is never the default.
static DOCUMENT: LazyLock<Document> =
    LazyLock::new(|| serde_json::from_str(include_str!("profiles.json")).unwrap_or_default());

/// Returns the profile of a provider.
///
/// ```
/// assert!(redis_rl::profile::profile("anthropic").is_some());
/// assert!(redis_rl::profile::profile("nobody").is_none());
/// ```
#[must_use]
pub fn profile(name: &str) -> Option<&'static Profile> {
    DOCUMENT.profiles.get(name)
}

/// Iterates over the names of all profiles, sorted.
///
/// ```
/// assert!(redis_rl::profile::names().any(|name| name == "openai"));
/// ```
pub fn names() -> impl Iterator<Item = &'static str> {
    DOCUMENT.profiles.keys().map(String::as_str)
}
