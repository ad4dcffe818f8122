//! The grammar of a policy file, which sets policies in TOML:
//!
//! ```toml
//! [policy.claude-sonnet]
//! rpm      = { limit = 1000, window = "60s" }
//! tpm      = { limit = 80000, window = "1m", unit = "tokens" }
//! tpd      = { limit = 2000000, window = "1d", unit = "tokens", algorithm = "window", offset = "-8h" }
//! burst    = { limit = 500, window = 60, algorithm = "bucket", capacity = 50 }
//! inflight = { inflight = 20 }
//! flows    = { paid = 10, free = 1 }
//!
//! [override.claude-sonnet."user:42"]
//! rpm      = { limit = 5000, window = "60s" }
//! ```
//! An override gives one key limits of its own under a policy of the file. In a key, a backslash begins an escape as
//! `redis-cli` shows it, such as `\xff` or `\\`. A key in single quotes has each backslash once.
//!
//! `flows` gives weights to flows. A limit may be called so, too: it is a table with `limit` or `inflight`. The id of a flow
//! has the escapes of a key.
//!
//! A limit means the same as `LIMIT` in a command, with the same numbers, durations, bounds and errors. A
//! whole number of seconds needs no quotes. Limits keep their order.
//!
//! Anything unknown is an error, so that a typo cannot turn a limit off. Each error names its line and
//! field, because an operator has nothing else to find it by.

mod entry;
mod flows;
mod key;
mod limit;

use core::fmt;
use std::collections::BTreeSet;

use toml::de::DeTable;

use self::entry::{Allow, Entry, Read, Slip, entries};
use self::limit::draft;
use crate::fault::{Fault, Result};
use crate::limit::rule::Rule;
use crate::quota::flow_weights::FlowWeights;
use crate::quota::limit::LIMITS_MAX;
use crate::quota::name::Name;
use crate::quota::policies::{OVERRIDES_MAX, POLICIES_MAX};
use crate::quota::policy_entry::PolicyEntry;
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

/// Parses a policy file. Returns the policies in the order of the file, then the overrides.
///
/// `allow` is called with each rule and may refuse it.
///
/// # Errors
/// The first error in the file.
pub fn parse(
    text: &[u8],
    allow: impl Fn(&Rule) -> Result<()>,
) -> core::result::Result<Vec<PolicyEntry>, Wrong> {
    read(text, &allow).map_err(|slip| {
        let before = text.iter().take(slip.at).filter(|byte| **byte == b'\n').count();
        Wrong { line: before.saturating_add(1), field: slip.field, why: slip.why }
    })
}

fn read(text: &[u8], allow: Allow<'_>) -> Read<Vec<PolicyEntry>> {
    let slip = |at, why: &str| Slip { at, field: String::new(), why: why.to_owned() };
    let text = core::str::from_utf8(text)
        .map_err(|error| slip(error.valid_up_to(), "the file must be text in UTF-8"))?;
    let file = DeTable::parse(text)
        .map_err(|error| slip(error.span().map_or(0, |span| span.start), error.message()))?;
    let (mut policies, mut overrides) = (Vec::new(), Vec::new());
    for top in entries(file.get_ref(), "") {
        let (list, table) = match (top.name, top.value.as_table()) {
            ("policy", Some(table)) => (&mut policies, table),
            ("override", Some(table)) => (&mut overrides, table),
            _ => {
                return Err(
                    top.wrong("only tables such as [policy.name] or [override.name.key] may stand here")
                );
            }
        };
        list.extend(entries(table, &top.path));
    }
    let mut read = Vec::new();
    for entry in &policies {
        if read.len() == POLICIES_MAX {
            return Err(entry.fault(Fault::Policies));
        }
        let name = Name::new(entry.name.as_bytes()).ok_or_else(|| entry.fault(Fault::PolicyName))?;
        read.push(policy(entry, &name, allow)?);
    }
    let names: BTreeSet<&str> = policies.iter().map(|policy| policy.name).collect();
    for entry in &overrides {
        let name = Name::new(entry.name.as_bytes()).filter(|_| names.contains(entry.name));
        let name = name.ok_or_else(|| entry.wrong("this file has no policy of that name"))?;
        read_overrides(entry, &name, allow, &mut read)?;
        if read.len().saturating_sub(policies.len()) > OVERRIDES_MAX {
            return Err(entry.fault(Fault::Overrides));
        }
    }
    Ok(read)
}

/// Reads the overrides of one policy.
fn read_overrides(entry: &Entry<'_>, name: &Name, allow: Allow<'_>, read: &mut Vec<PolicyEntry>) -> Read<()> {
    let keys = entry.value.as_table().ok_or_else(|| entry.wrong("overrides must be a table of keys"))?;
    let mut known = BTreeSet::new();
    for key in entries(keys, &entry.path) {
        let bytes = key::bytes(key.name).ok_or_else(|| key.wrong(key::WANTED))?;
        if !known.insert(bytes.clone()) {
            return Err(key.wrong("the file has this key already, written in another way"));
        }
        let own = policy(&key, name, allow)?;
        if let Some(flows) = flows::of(&key) {
            return Err(flows.wrong("flows may stand in a policy only, not in an override"));
        }
        read.push(PolicyEntry { key: Some(bytes), ..own });
    }
    Ok(())
}

/// Reads a table of limits and weights of flows, as those of the policy `name`.
fn policy(entry: &Entry<'_>, name: &Name, allow: Allow<'_>) -> Read<PolicyEntry> {
    let table = entry.value.as_table().ok_or_else(|| entry.wrong("a policy must be a table of limits"))?;
    let (mut drafts, mut weights) = (Vec::new(), FlowWeights::new());
    for limit in entries(table, &entry.path) {
        if flows::are(&limit) {
            weights = flows::read(&limit)?;
            continue;
        }
        if drafts.len() == LIMITS_MAX {
            return Err(limit.fault(Fault::QuotaLimits));
        }
        drafts.push(draft(&limit, allow)?);
    }
    let shape = Shape::new(Some(name), &drafts).map_err(|fault| entry.fault(fault))?;
    Ok(PolicyEntry { key: None, shape, flows: weights })
}
