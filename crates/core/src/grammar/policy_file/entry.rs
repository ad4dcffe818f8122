//! One key of a policy file, its value and its place.

use std::borrow::Cow;

use toml::de::{DeTable, DeValue};

use crate::fault::{Fault, Result};
use crate::limit::algorithm::Parameter;
use crate::limit::rule::Rule;
use crate::number;
use crate::quota::name::Name;

/// May refuse a rule.
pub(super) type Allow<'a> = &'a dyn Fn(&Rule) -> Result<()>;
pub(super) type Read<T> = core::result::Result<T, Slip>;

/// An error, and its byte offset in the file.
pub(super) struct Slip {
    pub(super) at: usize,
    pub(super) field: String,
    pub(super) why: String,
}

/// A key of the file and its value.
pub(super) struct Entry<'a> {
    pub(super) name: &'a str,
    /// The path of the key, with dots between.
    pub(super) path: String,
    /// The byte offset of the key. The value begins on the same line.
    at: usize,
    pub(super) value: &'a DeValue<'a>,
}

/// Returns the entries of a table, in the order of the file.
pub(super) fn entries<'a>(table: &'a DeTable<'a>, path: &str) -> Vec<Entry<'a>> {
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
    pub(super) fn wrong(&self, why: &str) -> Slip {
        Slip { at: self.at, field: self.path.clone(), why: why.to_owned() }
    }

    /// Makes an error with the text that a client would get, without the prefix `ERR`.
    pub(super) fn fault(&self, fault: Fault) -> Slip {
        let text = fault.text().to_string_lossy();
        self.wrong(text.strip_prefix("ERR ").unwrap_or(&text))
    }

    pub(super) fn missing(&self, name: &str) -> Slip {
        Slip { at: self.at, field: join(&self.path, name), why: format!("{name} is missing") }
    }

    /// Reads an integer from 0 to 2^53 - 1.
    pub(super) fn count(&self, fault: Fault) -> Read<u64> {
        let text = self.integer().unwrap_or_default();
        number::limit(text.as_bytes(), fault).map_err(|fault| self.fault(fault))
    }

    /// The value of an algorithm's own parameter.
    pub(super) fn own(&self, own: &Parameter) -> Read<i64> {
        let text = if own.is_duration { self.duration() } else { self.integer().unwrap_or_default().into() };
        (own.read)(text.as_bytes()).map_err(|fault| self.fault(fault))
    }

    /// The words of a duration: a string, or an integer, which is in seconds; else none.
    pub(super) fn duration(&self) -> Cow<'_, str> {
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
