//! The grammar of a policy file, which sets policies in TOML:
//!
//! ```toml
//! [policy.claude-sonnet]
//! rpm      = { limit = 1000, window = "60s" }
//! tpm      = { limit = 80000, window = "1m", unit = "tokens" }
//! tpd      = { limit = 2000000, window = "1d", unit = "tokens", algorithm = "window", offset = "-8h" }
//! burst    = { limit = 500, window = 60, algorithm = "bucket", capacity = 50 }
//! inflight = { inflight = 20 }
//! ```
//! A limit means the same as `LIMIT` in a command, with the same numbers, durations, bounds and errors. A
//! whole number of seconds needs no quotes. Limits keep their order.
//!
//! Anything unknown is an error, so that a typo cannot turn a limit off. Each error names its line and
//! field, because an operator has nothing else to find it by.

use core::fmt;
use std::borrow::Cow;
use std::sync::Arc;

use toml::de::{DeTable, DeValue};

use crate::fault::{Fault, Result};
use crate::limit::Kind;
use crate::limit::algorithm::Parameter;
use crate::limit::rule::Rule;
use crate::number;
use crate::quota::limit::{Draft, LIMITS_MAX, Measure, REQUESTS};
use crate::quota::name::Name;
use crate::quota::policies::POLICIES_MAX;
use crate::quota::shape::Shape;

/// An error in a policy file, and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// The line, from 1.
    pub line: usize,
    /// The path of the key, with dots between. Empty if the file is not valid TOML.
    pub field: String,
    /// What is wanted there.
    pub why: String,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.field.as_str() {
            "" => write!(f, "line {}: {}", self.line, self.why),
            field => write!(f, "line {}, {field}: {}", self.line, self.why),
        }
    }
}

/// Parses a policy file. Returns the policies in the order of the file.
///
/// `allow` is called with each rule and may refuse it.
///
/// # Errors
/// The first error in the file.
pub fn parse(
    text: &[u8],
    allow: impl Fn(&Rule) -> Result<()>,
) -> core::result::Result<Vec<Arc<Shape>>, Wrong> {
    read(text, &allow).map_err(|slip| {
        let before = text.iter().take(slip.at).filter(|byte| **byte == b'\n').count();
        Wrong { line: before.saturating_add(1), field: slip.field, why: slip.why }
    })
}

type Allow<'a> = &'a dyn Fn(&Rule) -> Result<()>;
type Read<T> = core::result::Result<T, Slip>;

/// An error, and its byte offset in the file.
struct Slip {
    at: usize,
    field: String,
    why: String,
}

fn read(text: &[u8], allow: Allow<'_>) -> Read<Vec<Arc<Shape>>> {
    let slip = |at, why: &str| Slip { at, field: String::new(), why: why.to_owned() };
    let text = core::str::from_utf8(text)
        .map_err(|error| slip(error.valid_up_to(), "the file must be text in UTF-8"))?;
    let file = DeTable::parse(text)
        .map_err(|error| slip(error.span().map_or(0, |span| span.start), error.message()))?;
    let mut shapes = Vec::new();
    for top in entries(file.get_ref(), "") {
        let policies = match top.value.as_table() {
            Some(table) if top.name == "policy" => table,
            _ => return Err(top.wrong("only tables such as [policy.name] may stand here")),
        };
        for entry in entries(policies, &top.path) {
            if shapes.len() == POLICIES_MAX {
                return Err(entry.fault(Fault::Policies));
            }
            shapes.push(policy(&entry, allow)?);
        }
    }
    Ok(shapes)
}

fn policy(entry: &Entry<'_>, allow: Allow<'_>) -> Read<Arc<Shape>> {
    let name = Name::new(entry.name.as_bytes()).ok_or_else(|| entry.fault(Fault::PolicyName))?;
    let table = entry.value.as_table().ok_or_else(|| entry.wrong("a policy must be a table of limits"))?;
    let mut drafts = Vec::new();
    for limit in entries(table, &entry.path) {
        if drafts.len() == LIMITS_MAX {
            return Err(limit.fault(Fault::QuotaLimits));
        }
        drafts.push(draft(&limit, allow)?);
    }
    Shape::new(Some(&name), &drafts).map_err(|fault| entry.fault(fault))
}

fn draft<'a>(entry: &Entry<'a>, allow: Allow<'_>) -> Read<Draft<'a>> {
    let name = entry.name.as_bytes();
    if Name::new(name).is_none() {
        return Err(entry.fault(Fault::LimitName));
    }
    let given = Given::read(entry)?;
    let is_shadow = given.is_shadow()?;
    let (unit, measure) = match &given.inflight {
        Some(most) => (REQUESTS, Measure::InFlight(most.count(Fault::Limit)?)),
        None => (given.unit()?, Measure::Rate(given.rule(entry, allow)?)),
    };
    Ok(Draft { name, unit, measure, is_shadow })
}

/// The fields of one limit.
#[derive(Default)]
struct Given<'a> {
    limit: Option<Entry<'a>>,
    window: Option<Entry<'a>>,
    unit: Option<Entry<'a>>,
    algorithm: Option<Entry<'a>>,
    inflight: Option<Entry<'a>>,
    shadow: Option<Entry<'a>>,
    /// The parameters that only one algorithm has.
    own: Vec<Entry<'a>>,
}

impl<'a> Given<'a> {
    fn read(limit: &Entry<'a>) -> Read<Self> {
        let table = limit.value.as_table().ok_or_else(|| {
            limit.wrong("a limit must be a table, such as { limit = 500, window = \"60s\" }")
        })?;
        let inflight = table.contains_key("inflight");
        let mut given = Self::default();
        for entry in entries(table, &limit.path) {
            let place = match entry.name {
                "inflight" => &mut given.inflight,
                "shadow" => &mut given.shadow,
                _ if inflight => return Err(entry.wrong("beside inflight only shadow may stand")),
                "limit" => &mut given.limit,
                "window" => &mut given.window,
                "unit" => &mut given.unit,
                "algorithm" => &mut given.algorithm,
                name if own_parameters().any(|(_, own)| own.name == name) => {
                    given.own.push(entry);
                    continue;
                }
                _ => return Err(entry.wrong(&unknown())),
            };
            *place = Some(entry);
        }
        Ok(given)
    }

    fn is_shadow(&self) -> Read<bool> {
        let Some(entry) = &self.shadow else { return Ok(false) };
        entry.value.as_bool().ok_or_else(|| entry.wrong("shadow must be true or false"))
    }

    fn unit(&self) -> Read<&'a [u8]> {
        let Some(entry) = &self.unit else { return Ok(REQUESTS) };
        let unit = entry.value.as_str().map(str::as_bytes).filter(|unit| Name::new(unit).is_some());
        unit.ok_or_else(|| entry.fault(Fault::UnitName))
    }

    fn rule(&self, limit: &Entry<'_>, allow: Allow<'_>) -> Read<Rule> {
        let most = self.limit.as_ref().ok_or_else(|| limit.missing("limit"))?.count(Fault::Limit)?;
        let window = self.window.as_ref().ok_or_else(|| limit.missing("window"))?;
        let kind = self.kind()?;
        let own = self.own(kind, limit)?;
        let rule = kind.from_clause(most, window.duration().as_bytes(), own);
        rule.and_then(|rule| allow(&rule).map(|()| rule)).map_err(|fault| window.fault(fault))
    }

    fn kind(&self) -> Read<Kind> {
        let Some(entry) = &self.algorithm else { return Ok(Kind::Slide) };
        entry.value.as_str().and_then(Kind::from_name).ok_or_else(|| entry.wrong(&Kind::wanted()))
    }

    /// The value of the algorithm's own parameter. That of another algorithm may not be there.
    fn own(&self, kind: Kind, limit: &Entry<'_>) -> Read<Option<i64>> {
        let find = |own: &Parameter| self.own.iter().find(|entry| entry.name == own.name);
        let value = match kind.own() {
            Some(own) => match find(&own) {
                Some(entry) => Some(entry.own(&own)?),
                None if own.is_required => return Err(limit.missing(own.name)),
                None => None,
            },
            None => None,
        };
        for (other, own) in own_parameters().filter(|(other, _)| *other != kind) {
            if let Some(entry) = find(&own) {
                let (name, algorithm) = (own.name, other.name());
                return Err(entry.wrong(&format!("{name} may stand with algorithm = \"{algorithm}\" only")));
            }
        }
        Ok(value)
    }
}

/// The parameters that only one algorithm has, each with that algorithm.
fn own_parameters() -> impl Iterator<Item = (Kind, Parameter)> {
    Kind::ALL.into_iter().filter_map(|kind| Some((kind, kind.own()?)))
}

fn unknown() -> String {
    let mut names: Vec<String> = ["limit", "window", "unit", "algorithm"].map(str::to_owned).into();
    names.extend(own_parameters().map(|(_, own)| own.name.to_owned()));
    format!("unknown key, expected {}, or inflight alone", list(&names))
}

/// Names with commas between them, and `and` before the last one.
fn list(names: &[String]) -> String {
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => names.concat(),
    }
}

/// A key of the file and its value.
struct Entry<'a> {
    name: &'a str,
    /// The path of the key, with dots between.
    path: String,
    /// The byte offset of the key. The value begins on the same line.
    at: usize,
    value: &'a DeValue<'a>,
}

/// Returns the entries of a table, in the order of the file.
fn entries<'a>(table: &'a DeTable<'a>, path: &str) -> Vec<Entry<'a>> {
    let entry = |(key, value): (&'a toml::Spanned<Cow<'a, str>>, &'a toml::Spanned<DeValue<'a>>)| {
        let name: &str = key.get_ref();
        Entry { name, path: join(path, name), at: key.span().start, value: value.get_ref() }
    };
    let mut entries: Vec<Entry<'a>> = table.iter().map(entry).collect();
    entries.sort_unstable_by_key(|entry| entry.at);
    entries
}

/// Appends a key to a path. A key that is too long to be valid is cut: its beginning is enough to find it.
fn join(path: &str, name: &str) -> String {
    let shown: String = name.chars().take(Name::MAX).collect();
    if path.is_empty() { shown } else { format!("{path}.{shown}") }
}

impl Entry<'_> {
    fn wrong(&self, why: &str) -> Slip {
        Slip { at: self.at, field: self.path.clone(), why: why.to_owned() }
    }

    /// Makes an error with the text that a client would get, without the prefix `ERR`.
    fn fault(&self, fault: Fault) -> Slip {
        let text = fault.text().to_string_lossy();
        self.wrong(text.strip_prefix("ERR ").unwrap_or(&text))
    }

    fn missing(&self, name: &str) -> Slip {
        Slip { at: self.at, field: join(&self.path, name), why: format!("{name} is missing") }
    }

    /// Reads an integer from 0 to 2^53 - 1.
    fn count(&self, fault: Fault) -> Read<u64> {
        let text = self.integer().unwrap_or_default();
        number::limit(text.as_bytes(), fault).map_err(|fault| self.fault(fault))
    }

    /// The value of an algorithm's own parameter.
    fn own(&self, own: &Parameter) -> Read<i64> {
        let text = if own.is_duration { self.duration() } else { self.integer().unwrap_or_default().into() };
        (own.read)(text.as_bytes()).map_err(|fault| self.fault(fault))
    }

    /// The words of a duration: a string, or an integer, which is in seconds; else none.
    fn duration(&self) -> Cow<'_, str> {
        match self.value.as_str() {
            Some(text) => Cow::Borrowed(text),
            None => Cow::Owned(self.integer().unwrap_or_default()),
        }
    }

    /// Returns an integer as a command would write it. TOML has more ways to write one.
    fn integer(&self) -> Option<String> {
        let written = self.value.as_integer()?;
        i64::from_str_radix(written.as_str(), written.radix()).ok().map(|value| value.to_string())
    }
}
