//! The part of `profiles.json` that is not about headers of limits.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::Value;

use super::usage::{Usage, at};
use crate::profile::{Form, Profile, profile};

/// What is known of a provider.
#[derive(Debug, Deserialize)]
pub(super) struct Facts {
    refused: Refused,
    #[serde(default)]
    pub(super) usage: Usage,
    #[serde(default)]
    output: Output,
    retry_body: Option<RetryBody>,
}

#[derive(Debug, Deserialize)]
struct Refused {
    statuses: Vec<u16>,
    /// Whether a refused request counts; `None` if that is not known.
    counts: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
struct Output {
    charged: Option<String>,
}

/// Where the body of a refusal says when to ask again: in the item of a list that has this type.
#[derive(Debug, Deserialize)]
struct RetryBody {
    r#type: String,
    list: String,
    path: String,
    form: Form,
}

/// How a provider counts output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Charging {
    /// What was really produced counts, when it is.
    Produced,
    /// The most output counts when the request comes, and what was produced counts at its end.
    ReservedThenSettled,
    /// The most output counts when the request comes, whatever is produced.
    Reserved,
    /// The larger of the most output and an estimate of the input counts, whatever is used.
    ReservedOrInput,
}

#[derive(Deserialize)]
struct Document {
    profiles: BTreeMap<String, Facts>,
}

static DOCUMENT: LazyLock<BTreeMap<String, Facts>> = LazyLock::new(|| {
    let document: Result<Document, _> = serde_json::from_str(include_str!("../profile/profiles.json"));
    document.map(|document| document.profiles).unwrap_or_default() // a test reads the file
});

/// Returns what is known of a provider, and how it writes headers.
pub(super) fn facts(name: &str) -> Option<(&'static Facts, &'static Profile)> {
    Some((DOCUMENT.get(name)?, profile(name)?))
}

impl Facts {
    /// Whether an answer of this status is a refusal.
    pub(super) fn is_refusal(&self, status: u16) -> bool {
        self.refused.statuses.contains(&status)
    }

    /// Whether a refused request may count.
    pub(super) fn refused_counts(&self) -> bool {
        self.refused.counts != Some(false)
    }

    /// Returns how the provider counts output. If that is not known, what was produced counts.
    pub(super) fn charging(&self) -> Charging {
        match self.output.charged.as_deref() {
            Some("reserved as max_tokens, then settled") => Charging::ReservedThenSettled,
            Some("max_tokens as estimated when the request comes") => Charging::Reserved,
            Some("larger of max_tokens and an estimate") => Charging::ReservedOrInput,
            _ => Charging::Produced,
        }
    }

    /// Reads from the body of a refusal for how many ms nobody should ask.
    pub(super) fn hold_ms(&self, body: &[u8], now_ms: u64) -> Option<u64> {
        let retry = self.retry_body.as_ref()?;
        let document: Value = serde_json::from_slice(body).ok()?;
        let items = at(&document, &retry.list)?.as_array()?;
        let item =
            items.iter().find(|item| item.get("@type").and_then(Value::as_str) == Some(&retry.r#type))?;
        retry.form.ms(at(item, &retry.path)?.as_str()?, now_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_read_whole() {
        let known = [
            "produced",
            "reserved as max_tokens, then settled",
            "max_tokens as estimated when the request comes",
        ];
        let known = [&known[..], &["larger of max_tokens and an estimate"]].concat();
        assert_eq!(DOCUMENT.keys().collect::<Vec<_>>(), crate::profile::names().collect::<Vec<_>>());
        assert!(DOCUMENT.len() >= 10);
        for (name, facts) in &*DOCUMENT {
            assert!(facts.is_refusal(429), "{name}");
            assert!(
                facts.output.charged.as_deref().is_none_or(|words| known.contains(&words)),
                "{name}: {:?}",
                facts.output
            );
        }
        let body = br#"{"error": {"details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "0.4s"}]}}"#;
        assert_eq!(DOCUMENT["gemini"].hold_ms(body, 0), Some(400));
        assert_eq!(DOCUMENT["gemini"].hold_ms(b"{}", 0), None);
    }
}
