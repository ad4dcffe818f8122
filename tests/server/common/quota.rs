//! Quotas: their answers taken apart, and the changes that reach replicas and files.

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

/// What `RL.QUOTA`, `RL.MQUOTA` or `RL.PEEK` answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    pub allowed: bool,
    pub retry_after: i64,
    pub blocking: Vec<String>,
    pub rows: Vec<Row>,
    /// The fifth element, where there is one; nil is none.
    pub id: Option<Option<Vec<u8>>>,
}

/// What it says of one limit.
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

    /// What it says of the limit of that name.
    #[track_caller]
    pub fn row(&self, name: &str) -> &Row {
        self.rows.iter().find(|row| row.name == name).unwrap_or_else(|| panic!("no {name} in {self:?}"))
    }

    /// What remains of each limit.
    pub fn remaining(&self) -> Vec<i64> {
        self.rows.iter().map(|row| row.remaining).collect()
    }

    /// The reservation that was made.
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
    /// Asks a quota, and takes its answer apart.
    #[track_caller]
    pub fn quota(&mut self, line: &str) -> Answer {
        Answer::of(&self.done(line))
    }

    /// What `RL.INFO` says is used, by limit.
    #[track_caller]
    pub fn used(&mut self, key: &str) -> Vec<i64> {
        let used = self.done(&format!("RL.INFO {key}")).get("used");
        used.names().iter().map(|name| used.get(name).int()).collect()
    }

    /// How many reservations `RL.INFO` says are open.
    #[track_caller]
    pub fn open(&mut self, key: &str) -> i64 {
        self.done(&format!("RL.INFO {key}")).get("reservations").int()
    }

    /// Books a change as a replica or a loading AOF does.
    #[track_caller]
    pub fn apply_quota(&mut self, key: &str, change: &Change<'_>) {
        let reply =
            Effect::Quota(change.clone()).encode(|bytes| self.call(&[b"RL.APPLY", key.as_bytes(), bytes]));
        assert!(!reply.is_error(), "RL.APPLY {key} {change:?}: {reply:?}");
    }
}

/// A limit for [`admission`].
pub fn slide<'a>(name: &'a str, unit: &'a str, limit: u64, window: u64) -> Draft<'a> {
    draft(name, unit, Rule::Slide(SlideRule { limit, window: Span::from_ms(window) }))
}

/// The same, of another algorithm.
pub fn window<'a>(name: &'a str, unit: &'a str, limit: u64, length: u64) -> Draft<'a> {
    let length = Length::Span(Span::from_ms(length));
    draft(name, unit, Rule::Window(WindowRule { limit, length, offset: 0 }))
}

/// The same of open reservations.
pub fn inflight(name: &str, limit: u64) -> Draft<'_> {
    Draft { name: name.as_bytes(), unit: b"requests", measure: Measure::InFlight(limit) }
}

fn draft<'a>(name: &'a str, unit: &'a str, rule: Rule) -> Draft<'a> {
    Draft { name: name.as_bytes(), unit: unit.as_bytes(), measure: Measure::Rate(rule) }
}

/// An admission at an instant, reserved for `ttl` if there is an id.
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
    });
    let shape = Shape::new(None, limits).unwrap();
    Change::Admit(Admission { shape, at, costs: costs.iter().copied().collect(), reserved })
}

/// A change to a quota, as the append-only file has it.
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

/// All changes to quotas in the file, in order.
pub fn entries(server_dir: &Path) -> Vec<Entry> {
    aof::commands(server_dir).iter().filter_map(|command| Entry::of(command)).collect()
}

impl Entry {
    /// What a command of the file changes, if it is a change to a quota.
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
