//! A server's reply, and what the calls read from it. A map is a flat list in RESP2 and a map in RESP3.

use std::time::Duration;

use crate::decision::{Decision, QuotaDecision};
use crate::error::Error;

/// A reply as a [`Connection`](crate::Connection) returns it.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// No value.
    Nil,
    /// An integer.
    Integer(i64),
    /// A bulk string, or a simple string such as `OK`.
    Text(Vec<u8>),
    /// A list.
    List(Vec<Reply>),
    /// A map of RESP3.
    Map(Vec<(Reply, Reply)>),
}

impl Reply {
    pub(crate) fn integer(&self) -> Option<i64> {
        match self {
            Self::Integer(n) => Some(*n),
            Self::Text(text) => std::str::from_utf8(text).ok()?.parse().ok(),
            Self::Nil | Self::List(_) | Self::Map(_) => None,
        }
    }

    /// Returns a count. The server answers none below 0.
    pub(crate) fn count(&self) -> Option<u64> {
        self.integer().map(|n| u64::try_from(n).unwrap_or(0))
    }

    /// Returns a duration in ms; -1 is 0.
    pub(crate) fn ms(&self) -> Option<Duration> {
        self.count().map(Duration::from_millis)
    }

    /// Returns a duration in ms, of which -1 means never.
    fn retry_after(&self) -> Option<Option<Duration>> {
        self.integer().map(|ms| u64::try_from(ms).ok().map(Duration::from_millis))
    }

    pub(crate) fn text(&self) -> Option<String> {
        match self {
            Self::Text(text) => Some(String::from_utf8_lossy(text).into_owned()),
            Self::Nil | Self::Integer(_) | Self::List(_) | Self::Map(_) => None,
        }
    }

    pub(crate) fn list(&self) -> Option<&[Self]> {
        match self {
            Self::List(items) => Some(items),
            Self::Nil | Self::Integer(_) | Self::Text(_) | Self::Map(_) => None,
        }
    }

    pub(crate) fn texts(&self) -> Option<Vec<String>> {
        self.list()?.iter().map(Self::text).collect()
    }

    /// Returns the fields of a map in their order.
    pub(crate) fn fields(&self) -> Option<Fields<'_>> {
        let named = |name: &Self, value| Some((name.text()?, value));
        let fields: Option<Vec<_>> = match self {
            Self::Map(pairs) => pairs.iter().map(|(name, value)| named(name, value)).collect(),
            Self::List(items) if items.len() % 2 == 0 => {
                items.chunks_exact(2).map(|pair| named(pair.first()?, pair.get(1)?)).collect()
            }
            Self::Nil | Self::Integer(_) | Self::Text(_) | Self::List(_) => None,
        };
        fields.map(Fields)
    }

    /// Reads the five integers of a limit.
    pub(crate) fn decision(&self) -> Result<Decision, Error> {
        let read = || match self.list()? {
            [allowed, limit, remaining, retry, reset] => Some(Decision {
                allowed: allowed.integer()? > 0,
                limit: limit.count()?,
                remaining: remaining.count()?,
                retry_after: retry.retry_after()?,
                reset_after: reset.ms()?,
                degraded: None,
            }),
            _ => None,
        };
        read().ok_or_else(|| Error::strange("the five integers of a limit"))
    }

    /// Reads the reply of a quota. A short one, if it was asked for, is `allowed`, `retry_after_ms` and the id.
    pub(crate) fn quota(&self, short: bool) -> Result<QuotaDecision, Error> {
        self.list().and_then(|items| quota(items, short)).ok_or_else(|| Error::strange("that of a quota"))
    }

    /// Reads the reply of RL.FIRST: that of a quota, and the index of the key that admits.
    pub(crate) fn first(&self, short: bool) -> Result<QuotaDecision, Error> {
        let read = || {
            let (index, items) = self.list()?.split_last()?;
            let index = usize::try_from(index.integer()?).ok();
            Some(QuotaDecision { index, ..quota(items, short)? })
        };
        read().ok_or_else(|| Error::strange("that of RL.FIRST"))
    }
}

fn quota(items: &[Reply], short: bool) -> Option<QuotaDecision> {
    let none = Reply::List(Vec::new());
    let (allowed, retry, blocking, rows, id) = match items {
        [allowed, retry] if short => (allowed, retry, &none, &none, &Reply::Nil),
        [allowed, retry, id] if short => (allowed, retry, &none, &none, id),
        [allowed, retry, blocking, rows] => (allowed, retry, blocking, rows, &Reply::Nil),
        [allowed, retry, blocking, rows, id] => (allowed, retry, blocking, rows, id),
        _ => return None,
    };
    Some(QuotaDecision {
        allowed: allowed.integer()? > 0,
        retry_after: retry.retry_after()?,
        blocking: blocking.texts()?,
        limits: rows.list()?.iter().map(row).collect::<Option<_>>()?,
        index: None,
        id: if *id == Reply::Nil { None } else { Some(id.text()?) },
        degraded: None,
    })
}

/// Reads what one limit of a quota answers.
fn row(row: &Reply) -> Option<(String, Decision)> {
    let [name, limit, remaining, retry, reset] = row.list()? else { return None };
    let decision = Decision {
        allowed: retry.integer()? == 0,
        limit: limit.count()?,
        remaining: remaining.count()?,
        retry_after: retry.retry_after()?,
        reset_after: reset.ms()?,
        degraded: None,
    };
    Some((name.text()?, decision))
}

/// The fields of a map.
pub(crate) struct Fields<'a>(Vec<(String, &'a Reply)>);

impl<'a> Fields<'a> {
    pub(crate) fn get(&self, name: &str) -> Option<&'a Reply> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| *value)
    }

    pub(crate) fn integer(&self, name: &str) -> Option<i64> {
        self.get(name)?.integer()
    }

    pub(crate) fn count(&self, name: &str) -> Option<u64> {
        self.get(name)?.count()
    }

    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.get(name)?.text()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &'a Reply)> {
        self.0.iter().map(|(name, value)| (name.as_str(), *value))
    }
}
