//! The part `[envoy]` of the configuration.
//!
//! ```toml
//! [envoy]
//! listen = "127.0.0.1:8081"
//!
//! [[envoy.rule]]
//! domain = "shop"
//! descriptor = [{ key = "path", value = "/checkout" }, { key = "remote_address" }]
//! limit = 10
//! window = "1m"
//! ```

use std::net::{Ipv4Addr, SocketAddr};

use rl_core::fault::Fault;
use rl_core::number;
use rl_core::quota::policies::Policies;
use rl_core::time::Span;
use serde::Deserialize;

use super::limit::{Asked, Limit, unit};
use super::proto::envoy::service::ratelimit::v3::rate_limit_response::rate_limit::Unit;
use super::rules::{ENTRIES_MAX, Rule, Rules};
use crate::app::OnError;
use crate::command::Verb;

type Result<T> = std::result::Result<T, String>;

/// What is served to Envoy, and where.
#[derive(Debug)]
pub(crate) struct Envoy {
    /// Where to listen.
    pub(crate) listen: SocketAddr,
    /// What calls are told while the back end is down; `None`: that it is, so that Envoy decides.
    pub(super) on_error: Option<OnError>,
    /// Whether answers have header fields for whoever asked Envoy.
    pub(super) response_headers: bool,
    /// Which limit is for whom.
    pub(super) rules: Rules,
}

/// The same, as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    listen: Option<SocketAddr>,
    #[serde(default)]
    on_error: OnDown,
    #[serde(default)]
    response_headers: bool,
    #[serde(default)]
    rule: Vec<RuleFile>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum OnDown {
    #[default]
    Unavailable,
    Allow,
    Deny,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleFile {
    domain: String,
    descriptor: Vec<EntryFile>,
    name: Option<String>,
    limit: Option<u64>,
    window: Option<String>,
    algorithm: Option<Algorithm>,
    offset: Option<String>,
    capacity: Option<u64>,
    policy: Option<String>,
    #[serde(default)]
    unlimited: bool,
    #[serde(default)]
    shadow_mode: bool,
    #[serde(default)]
    overdraw: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct EntryFile {
    key: String,
    value: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Algorithm {
    #[default]
    Slide,
    Window,
    Bucket,
}

impl Envoy {
    /// What the file says. Where the policies are known, so must be those that it names.
    ///
    /// # Errors
    /// What is wrong, and in which rule.
    pub(crate) fn new(file: File, max_window: Span, policies: Option<&Policies>) -> Result<Self> {
        let mut rules = Rules::default();
        for (index, rule) in file.rule.into_iter().enumerate() {
            let number = index.saturating_add(1);
            let added = add(&mut rules, rule, max_window, policies);
            added.map_err(|wrong| format!("[[envoy.rule]] number {number}: {wrong}"))?;
        }
        let on_error = match file.on_error {
            OnDown::Unavailable => None,
            OnDown::Allow => Some(OnError::Allow),
            OnDown::Deny => Some(OnError::Deny),
        };
        let listen = file.listen.unwrap_or_else(|| (Ipv4Addr::LOCALHOST, 8081).into());
        Ok(Self { listen, on_error, response_headers: file.response_headers, rules })
    }
}

fn add(rules: &mut Rules, file: RuleFile, max_window: Span, policies: Option<&Policies>) -> Result<()> {
    if file.domain.is_empty() {
        return Err("domain must not be empty".into());
    }
    if !(1..=ENTRIES_MAX).contains(&file.descriptor.len()) {
        return Err(format!("descriptor must have 1 to {ENTRIES_MAX} entries"));
    }
    if file.descriptor.iter().any(|entry| entry.key.is_empty()) {
        return Err("the key of an entry must not be empty".into());
    }
    let limit = limit(&file, max_window, policies)?;
    let RuleFile { domain, descriptor, name, shadow_mode, .. } = file;
    let entries: Vec<_> = descriptor.into_iter().map(|EntryFile { key, value }| (key, value)).collect();
    let name = name.unwrap_or_else(|| named(&domain, &entries));
    if rules.add(&domain, &entries, Rule { name, limit, shadow_mode }) {
        Ok(())
    } else {
        Err("another rule is for the same descriptor".into())
    }
}

/// `shop/path=/checkout/remote_address`
fn named(domain: &str, entries: &[(String, Option<String>)]) -> String {
    entries.iter().fold(domain.to_owned(), |name, (key, value)| match value {
        Some(value) => format!("{name}/{key}={value}"),
        None => format!("{name}/{key}"),
    })
}

fn limit(file: &RuleFile, max_window: Span, policies: Option<&Policies>) -> Result<Limit> {
    let spelled = file.window.is_some() || file.algorithm.is_some();
    match (file.limit, &file.policy, file.unlimited) {
        (None, None, true) if !spelled => Ok(Limit::Unlimited),
        (None, Some(policy), false) if !spelled => by_policy(policy, policies, file.overdraw),
        (Some(limit), None, false) => by_rule(file, limit, max_window),
        _ => Err("it must have one of: limit and window, policy, unlimited = true".into()),
    }
}

fn by_policy(policy: &str, policies: Option<&Policies>, overdraw: bool) -> Result<Limit> {
    if let Some(policies) = policies {
        let shape = policies.get(policy.as_bytes()).ok_or("there is no such policy")?;
        if shape.counts_reservations() {
            return Err("Envoy makes no reservations, so the policy must have no inflight limit".into());
        }
    }
    let words = [b"POLICY", policy.as_bytes()].map(Into::into).to_vec();
    Asked::new(Verb::Quota, "quota", words, Unit::Unknown, overdraw).map(Limit::Asked).map_err(said)
}

fn by_rule(file: &RuleFile, limit: u64, max_window: Span) -> Result<Limit> {
    let window = file.window.as_deref().ok_or("it must have a window, such as \"1m\"")?;
    let algorithm = file.algorithm.unwrap_or_default();
    if file.offset.is_some() && algorithm != Algorithm::Window {
        return Err("offset goes with algorithm = \"window\" only".into());
    }
    if file.capacity.is_some() && algorithm != Algorithm::Bucket {
        return Err("capacity goes with algorithm = \"bucket\" only".into());
    }
    let is_month = window == "1mo" && algorithm == Algorithm::Window;
    let span = if is_month { Span::from_ms(0) } else { span(window)? };
    if span > max_window {
        return Err("the window is longer than max_window".into());
    }
    let capacity = file.capacity.unwrap_or(limit);
    let unit = if is_month {
        Unit::Month
    } else if capacity == limit {
        unit(span)
    } else {
        Unit::Unknown // Envoy has no word for a bucket
    };
    if limit == 0 {
        return Ok(Limit::Nothing(unit));
    }
    let (count, size) = (limit.to_string(), capacity.to_string());
    let mut words: Vec<&str> = match (file.overdraw, algorithm) {
        (true, _) => vec!["LIMIT", "default", &count, window],
        (false, Algorithm::Slide | Algorithm::Window) => vec![&count, window],
        (false, Algorithm::Bucket) => vec![&size, &count, window],
    };
    match (file.overdraw, algorithm) {
        (true, Algorithm::Window) => words.push("WINDOW"),
        (true, Algorithm::Bucket) => words.extend(["BUCKET", &size]),
        _ => {}
    }
    if let Some(offset) = &file.offset {
        words.extend(["OFFSET", offset]);
    }
    let words = words.into_iter().map(|word| word.as_bytes().into()).collect();
    let (verb, what) = match (file.overdraw, algorithm) {
        (true, _) => (Verb::Quota, "quota"),
        (false, Algorithm::Slide) => (Verb::Slide, "slide"),
        (false, Algorithm::Window) => (Verb::Window, "window"),
        (false, Algorithm::Bucket) => (Verb::Bucket, "bucket"),
    };
    Asked::new(verb, what, words, unit, file.overdraw).map(Limit::Asked).map_err(said)
}

fn span(window: &str) -> Result<Span> {
    number::duration(window.as_bytes(), Fault::Window).map_err(said)
}

fn said(fault: Fault) -> String {
    fault.text().to_string_lossy().trim_start_matches("ERR ").to_owned()
}
