//! Quotas: parsed replies, and the effects that reach replicas and files.

use std::path::Path;

use rl_core::effect::Effect;
use rl_core::limit::rule::Rule;
use rl_core::limit::slide::SlideRule;
use rl_core::limit::window::{Length, WindowRule};
use rl_core::quota::effect::{Admission, QuotaEffect as Change, Reserved};
use rl_core::quota::shape::{Draft, Limit, Measure, Shape};
use rl_core::time::{At, Span};

use super::aof;
use super::conn::Conn;
use super::value::Value;

/// A parsed reply of `RL.QUOTA`, `RL.MQUOTA` or `RL.PEEK`.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    pub allowed: bool,
    pub retry_after: i64,
    pub blocking: Vec<String>,
    pub rows: Vec<Row>,
    /// The fifth element: `None` if it is missing, `Some(None)` if it is nil.
    pub id: Option<Option<Vec<u8>>>,
}

/// The reply's row for one limit.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub name: String,
    pub limit: i64,
    pub remaining: i64,
    pub retry_after: i64,
    pub reset_after: i64,
}

impl Answer {
    #[track_caller]
    pub fn of(reply: &Value) -> Self {
        let fields = match reply {
            Value::Array(fields) if fields.len() == 4 || fields.len() == 5 => fields,
            other => panic!("no answer of a quota: {other:?}"),
        };
        let id = fields.get(4).map(|id| (*id != Value::Nil).then(|| id.bytes()));
        Self {
            allowed: fields[0].int() == 1,
            retry_after: fields[1].int(),
            blocking: fields[2].words(),
            rows: fields[3].list().iter().map(Row::of).collect(),
            id,
        }
    }

    /// Returns the row of the limit with that name.
    #[track_caller]
    pub fn row(&self, name: &str) -> &Row {
        self.rows.iter().find(|row| row.name == name).unwrap_or_else(|| panic!("no {name} in {self:?}"))
    }

    /// Returns how much of each limit remains.
    pub fn remaining(&self) -> Vec<i64> {
        self.rows.iter().map(|row| row.remaining).collect()
    }

    /// Returns the id of the reservation that was made.
    #[track_caller]
    pub fn reserved(&self) -> String {
        String::from_utf8(self.id.clone().flatten().expect("a reservation")).unwrap()
    }
}

impl Row {
    fn of(reply: &Value) -> Self {
        let fields = reply.list();
        assert_eq!(fields.len(), 5, "{reply:?}");
        Self {
            name: fields[0].text(),
            limit: fields[1].int(),
            remaining: fields[2].int(),
            retry_after: fields[3].int(),
            reset_after: fields[4].int(),
        }
    }
}

impl Conn {
    /// Sends a quota command and parses the reply.
    #[track_caller]
    pub fn quota(&mut self, line: &str) -> Answer {
        Answer::of(&self.done(line))
    }

    /// Returns the usage of each limit, from `RL.INFO`.
    #[track_caller]
    pub fn used(&mut self, key: &str) -> Vec<i64> {
        let used = self.done(&format!("RL.INFO {key}")).get("used");
        used.names().iter().map(|name| used.get(name).int()).collect()
    }

    /// Returns the number of open reservations, from `RL.INFO`.
    #[track_caller]
    pub fn open(&mut self, key: &str) -> i64 {
        self.done(&format!("RL.INFO {key}")).get("reservations").int()
    }

    /// Applies an effect on a quota as a replica or a loading AOF does.
    #[track_caller]
    pub fn apply_quota(&mut self, key: &str, change: &Change<'_>) {
        let reply =
            Effect::Quota(change.clone()).encode(|bytes| self.call(&[b"RL.APPLY", key.as_bytes(), bytes]));
        assert!(!reply.is_error(), "RL.APPLY {key} {change:?}: {reply:?}");
    }
}

/// Returns a sliding window limit for [`admission`].
pub fn slide<'a>(name: &'a str, unit: &'a str, limit: u64, window: u64) -> Draft<'a> {
    draft(name, unit, Rule::Slide(SlideRule { limit, window: Span::from_ms(window) }))
}

/// Returns a fixed window limit for [`admission`].
pub fn window<'a>(name: &'a str, unit: &'a str, limit: u64, length: u64) -> Draft<'a> {
    let length = Length::Span(Span::from_ms(length));
    draft(name, unit, Rule::Window(WindowRule { limit, length, offset: 0 }))
}

/// Returns a limit on open reservations for [`admission`].
pub fn inflight(name: &str, limit: u64) -> Draft<'_> {
    Draft { name: name.as_bytes(), unit: b"requests", measure: Measure::InFlight(limit), is_shadow: false }
}

fn draft<'a>(name: &'a str, unit: &'a str, rule: Rule) -> Draft<'a> {
    Draft { name: name.as_bytes(), unit: unit.as_bytes(), measure: Measure::Rate(rule), is_shadow: false }
}

/// Returns an admission at an instant. If it has an id, it is reserved for `ttl`.
pub fn admission<'a>(
    limits: &[Draft<'_>],
    at: i64,
    costs: &[u64],
    reserved: Option<(&'a str, u64)>,
) -> Change<'a> {
    let at = At::from_ms(at);
    let answers = limits.iter().map(|_| (0, 0)).collect();
    let reserved = reserved.map(|(id, ttl)| Reserved {
        id: id.as_bytes(),
        expires: at.plus(Span::from_ms(ttl)),
        answers,
        is_lease: false,
    });
    let shape = Shape::new(None, limits).unwrap();
    Change::Admit(Admission { shape, at, costs: costs.iter().copied().collect(), reserved })
}

/// An effect on a quota, as read from the append-only file.
#[derive(Clone, Debug)]
pub struct Entry {
    pub key: String,
    pub event: Event,
}

#[derive(Clone, Debug)]
pub enum Event {
    Admitted { at: u64, charges: Vec<(Limit, u64)>, reserved: Option<(Vec<u8>, u64)> },
    Settled { id: Vec<u8>, used: Vec<(Vec<u8>, u64)> },
    Cancelled { id: Vec<u8> },
    Renewed { id: Vec<u8>, expires: u64 },
}

/// Returns all effects on quotas in the file, in order.
pub fn entries(server_dir: &Path) -> Vec<Entry> {
    aof::commands(server_dir).iter().filter_map(|command| Entry::of(command)).collect()
}

impl Entry {
    /// Parses a command of the file. Returns `None` if it is not an effect on a quota.
    pub fn of(command: &[Vec<u8>]) -> Option<Self> {
        let [name, key, bytes] = command else { return None };
        if !name.eq_ignore_ascii_case(b"RL.APPLY") {
            return None;
        }
        let effect = Effect::decode(bytes, None).expect("an effect that this module has written");
        let Effect::Quota(effect) = effect else { return None };
        let event = match effect {
            Change::Admit(Admission { shape, at, costs, reserved }) => Event::Admitted {
                at: at.ms(),
                charges: shape.limits().iter().cloned().zip(costs).collect(),
                reserved: reserved.map(|reserved| (reserved.id.to_vec(), reserved.expires.ms())),
            },
            Change::Settle { id, used, .. } => Event::Settled {
                id: id.to_vec(),
                used: used.iter().map(|(unit, cost)| (unit.to_vec(), cost)).collect(),
            },
            Change::Cancel { id, .. } => Event::Cancelled { id: id.to_vec() },
            Change::Renew { id, expires, .. } => Event::Renewed { id: id.to_vec(), expires: expires.ms() },
        };
        Some(Self { key: String::from_utf8_lossy(key).into_owned(), event })
    }
}
