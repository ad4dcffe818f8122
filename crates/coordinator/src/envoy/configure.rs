//! Makes rules of the section `[envoy]` of the configuration.

use rl_core::fault::Fault;
use rl_core::limit::Kind;
use rl_core::number;
use rl_core::quota::policies::Policies;
use rl_core::time::Span;

use super::proto::envoy::service::ratelimit::v3::rate_limit_response::rate_limit::Unit;
use super::rule_limit::{CommandTemplate, RuleLimit, unit};
use super::rules::{ENTRIES_MAX, Rule, Rules};
use crate::command::Verb;
use crate::config::{EnvoySettings, RuleSettings, Wrong};
use crate::on_error::OnError;

/// Errors are the field of a rule and a text for the operator.
type Result<T> = std::result::Result<T, (&'static str, String)>;

/// How calls are answered.
#[derive(Debug)]
pub(crate) struct Answering {
    /// The decision if a call cannot be decided; `None`: an error, so that Envoy decides.
    pub(super) on_error: Option<OnError>,
    /// Adds header fields with the limit to answers.
    pub(super) response_headers: bool,
    /// The limits of descriptors.
    pub(super) rules: Rules,
}

impl Answering {
    /// Reads the section. With `policies`, a policy that a rule names must be one of them.
    ///
    /// # Errors
    /// What is wrong, and in which rule.
    pub(crate) fn new(
        settings: &EnvoySettings,
        max_window: Span,
        policies: Option<&Policies>,
    ) -> std::result::Result<Self, Wrong> {
        let mut rules = Rules::default();
        for (index, rule) in settings.rule.iter().enumerate() {
            let number = index.saturating_add(1);
            let added = add(&mut rules, rule, max_window, policies);
            added.map_err(|(field, wrong)| {
                let path = format!("envoy.rule.{index}.{field}");
                let path = path.trim_end_matches('.');
                Wrong::at(path, format!("[[envoy.rule]] number {number}: {wrong}"))
            })?;
        }
        Ok(Self {
            on_error: settings.on_error.decision(),
            response_headers: settings.response_headers,
            rules,
        })
    }
}

fn add(
    rules: &mut Rules,
    settings: &RuleSettings,
    max_window: Span,
    policies: Option<&Policies>,
) -> Result<()> {
    let RuleSettings { domain, descriptor, name, shadow_mode, .. } = settings;
    if domain.is_empty() {
        return Err(("domain", "domain must not be empty".into()));
    }
    if !(1..=ENTRIES_MAX).contains(&descriptor.len()) {
        return Err(("descriptor", format!("descriptor must have 1 to {ENTRIES_MAX} entries")));
    }
    if descriptor.iter().any(|entry| entry.key.is_empty()) {
        return Err(("descriptor", "the key of an entry must not be empty".into()));
    }
    let limit = limit(settings, max_window, policies)?;
    let entries: Vec<_> = descriptor.iter().map(|entry| (entry.key.clone(), entry.value.clone())).collect();
    let name = name.clone().unwrap_or_else(|| default_name(domain, &entries));
    let has_name = rules.has_name(&name);
    if !rules.add(domain, &entries, Rule { name, limit, shadow_mode: *shadow_mode }) {
        return Err(("descriptor", "another rule is for the same descriptor".into()));
    }
    if has_name {
        return Err(("name", "another rule has this name".into())); // their metrics would be one
    }
    Ok(())
}

/// `shop/path=/checkout/remote_address`
fn default_name(domain: &str, entries: &[(String, Option<String>)]) -> String {
    entries.iter().fold(domain.to_owned(), |name, (key, value)| match value {
        Some(value) => format!("{name}/{key}={value}"),
        None => format!("{name}/{key}"),
    })
}

fn limit(settings: &RuleSettings, max_window: Span, policies: Option<&Policies>) -> Result<RuleLimit> {
    let has_window = settings.window.is_some() || settings.algorithm.is_some();
    match (settings.limit, &settings.policy, settings.unlimited) {
        (None, None, true) if !has_window => Ok(RuleLimit::Unlimited),
        (None, Some(policy), false) if !has_window => of_policy(policy, policies, settings.overdraw),
        (Some(limit), None, false) => of_window(settings, limit, max_window),
        _ => Err(("", "it must have one of: limit and window, policy, unlimited = true".into())),
    }
}

fn of_policy(policy: &str, policies: Option<&Policies>, overdraw: bool) -> Result<RuleLimit> {
    if let Some(policies) = policies {
        let no_policy = || ("policy", "there is no such policy".to_owned());
        let shape = policies.get(policy.as_bytes()).ok_or_else(no_policy)?;
        if shape.counts_reservations() {
            let why = "Envoy makes no reservations, so the policy must have no inflight limit";
            return Err(("policy", why.into()));
        }
    }
    let words = [b"POLICY", policy.as_bytes()].map(Into::into).to_vec();
    let template = CommandTemplate::new(Verb::Quota, "quota", words, Unit::Unknown, overdraw);
    template.map(RuleLimit::Asked).map_err(|fault| ("policy", text(fault)))
}

fn of_window(settings: &RuleSettings, limit: u64, max_window: Span) -> Result<RuleLimit> {
    let RuleSettings { offset, overdraw, .. } = settings;
    let no_window = || ("window", "it must have a window, such as \"1m\"".to_owned());
    let window = settings.window.as_deref().ok_or_else(no_window)?;
    let algorithm = settings.algorithm.unwrap_or(Kind::Slide);
    if offset.is_some() && algorithm != Kind::Window {
        return Err(("offset", "offset goes with algorithm = \"window\" only".into()));
    }
    if settings.capacity.is_some() && algorithm != Kind::Bucket {
        return Err(("capacity", "capacity goes with algorithm = \"bucket\" only".into()));
    }
    let is_month = window == "1mo" && algorithm == Kind::Window;
    let span = if is_month { Span::from_ms(0) } else { span(window)? };
    if span > max_window {
        return Err(("window", "the window is longer than max_window".into()));
    }
    let capacity = settings.capacity.unwrap_or(limit);
    let unit = if is_month {
        Unit::Month
    } else if capacity == limit {
        unit(span)
    } else {
        Unit::Unknown // Envoy has no word for a bucket
    };
    if limit == 0 {
        return Ok(RuleLimit::Nothing(unit));
    }
    let (limit, capacity) = (limit.to_string(), capacity.to_string());
    let mut words: Vec<&str> = match (*overdraw, algorithm) {
        (true, Kind::Slide) => vec!["LIMIT", "default", &limit, window],
        (true, Kind::Window) => vec!["LIMIT", "default", &limit, window, "WINDOW"],
        (true, Kind::Bucket) => vec!["LIMIT", "default", &limit, window, "BUCKET", &capacity],
        (false, Kind::Slide | Kind::Window) => vec![&limit, window],
        (false, Kind::Bucket) => vec![&capacity, &limit, window],
    };
    if let Some(offset) = offset {
        words.extend(["OFFSET", offset]);
    }
    let words = words.into_iter().map(|word| word.as_bytes().into()).collect();
    let verb = if *overdraw { Verb::Quota } else { Verb::Limit(algorithm) };
    let template = CommandTemplate::new(verb, verb.name(), words, unit, *overdraw);
    template.map(RuleLimit::Asked).map_err(|fault| (field(fault), text(fault)))
}

fn span(window: &str) -> Result<Span> {
    number::duration(window.as_bytes(), Fault::Window).map_err(|fault| ("window", text(fault)))
}

/// The field that a fault of a command is about; empty for the whole rule.
fn field(fault: Fault) -> &'static str {
    if fault == Fault::Offset {
        "offset"
    } else if fault == Fault::Capacity {
        "capacity"
    } else if [Fault::Limit, Fault::Refill].contains(&fault) {
        "limit"
    } else {
        ""
    }
}

fn text(fault: Fault) -> String {
    fault.text().to_string_lossy().trim_start_matches("ERR ").to_owned()
}
