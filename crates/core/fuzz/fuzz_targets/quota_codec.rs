//! Decodes quotas and their effects, from arbitrary bytes and from a history with a few mutations.
//!
//! Each input is refused or gives a sound quota that takes effects, and each value has one encoding. The
//! first byte says what follows: 16 a quota as in a snapshot, 0 to 3 an effect in the old encoding or the new
//! one, any other byte a history.
#![no_main]

#[path = "../../tests/common/mod.rs"]
mod common;
#[path = "../../tests/quota/key.rs"]
#[allow(dead_code, reason = "it is for the tests")]
mod key;
#[path = "../../tests/quota/sound.rs"]
mod sound;

use std::sync::Arc;

use arbitrary::{Arbitrary, Unstructured};
use libfuzzer_sys::fuzz_target;
use rl_core::effect::Effect;
use rl_core::limit::bucket::BucketRule;
use rl_core::limit::rule::Rule;
use rl_core::limit::slide::SlideRule;
use rl_core::limit::window::{Length, WindowRule};
use rl_core::number::{COUNT_MAX, Decimal};
use rl_core::quota::effect::{Admission, QuotaEffect as Change};
use rl_core::quota::shape::{Draft, Measure, Shape};
use rl_core::time::{At, Span};
use rl_core::value::Value;

use Form::{New, Old};
use common::effect::{decoded_quota, encoded_quota};
use common::{TODAY, span};
use key::{Ask, Key, costs};
use sound::{applied, mutate, sound, takes_changes};

const UNITS: [&[u8]; 3] = [b"requests", b"tokens", b"bytes"];
const NAMES: [&[u8]; 5] = [b"a", b"b", b"c", b"d", b"e"];
const IDS: [&[u8]; 4] = [b"0", b"1", b"2", b"\0\xff a longer one"];

#[derive(Arbitrary, Debug)]
struct History {
    limits: [(u8, Kind, u64); 5],
    /// The limits that two clients name, and how many halves of each limit they ask for.
    shapes: [(u8, u8); 2],
    /// Small values are steps of milliseconds, so that edges are hit.
    small: bool,
    operations: Vec<Operation>,
    mutations: Vec<(u16, u8, u8)>,
    /// Mutations of an effect, and the effect to mutate.
    change: (u8, Vec<(u16, u8, u8)>),
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Kind {
    Slide(u64),
    Window(u64, i64),
    Bucket(u64, u64),
    InFlight,
}

#[derive(Arbitrary, Debug)]
struct Operation {
    time: i32,
    id: u8,
    ttl: u32,
    costs: [Option<u64>; 3],
    what: What,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum What {
    Take,
    Reserve,
    /// The same step by the other client.
    ReserveElsewhere,
    Settle,
    Cancel,
    Renew,
}

fuzz_target!(|input: &[u8]| {
    match input.first() {
        Some(16) => read(input),
        Some(0..=3) => {
            for value in [changed(None, input, Old), changed(None, input, New)].into_iter().flatten() {
                takes_changes(value);
            }
        }
        Some(_) => {
            if let Ok(history) = History::arbitrary(&mut Unstructured::new(&input[1..])) {
                played(&history);
            }
        }
        None => {}
    }
});

fn read(bytes: &[u8]) {
    if let Some(value) = Value::decode(bytes) {
        assert_eq!(value.encode(), bytes, "each quota in its one form");
        takes_changes(value);
    }
}

/// The encoding of an effect.
enum Form {
    Old,
    New,
}

/// Applies an effect to a quota, if the bytes are those of an effect.
fn changed(value: Option<Value>, bytes: &[u8], form: Form) -> Option<Value> {
    let change = match form {
        Old => match Effect::decode_quota(bytes, value.as_ref()).ok()? {
            Effect::Quota(change) => change,
            Effect::Limit(effect) => panic!("{effect:?} is of one limit"),
            Effect::Told(effect) => panic!("{effect:?} is told from outside"),
        },
        New => decoded_quota(bytes, value.as_ref()).ok()?,
    };
    let written = encoded_quota(&change);
    let written = if matches!(form, Old) { &written[1..] } else { &written };
    assert_eq!(written, bytes, "each effect in its one form");
    let created = change.create().map(|(quota, _)| Value::Quota(Box::new(quota)));
    created.iter().for_each(sound);
    let mut value = value.or(created)?;
    applied(&mut value, &change);
    Some(value)
}

fn played(history: &History) {
    let [one, other] = history.shapes.map(|pick| shape(history, pick));
    let (mut key, mut clock) = (Key::default(), TODAY);
    for operation in history.operations.iter().take(60) {
        let scale = if history.small { 1 << 24 } else { 1 };
        clock = clock.saturating_add_signed(i64::from(operation.time / scale)).min(At::MAX.ms());
        key.expire(clock);
        let id = IDS[usize::from(operation.id) % IDS.len()];
        let ttl = u64::from(operation.ttl / scale.unsigned_abs()) + 1;
        let named = UNITS.into_iter().zip(operation.costs);
        let named: Vec<(&[u8], u64)> =
            named.filter_map(|(unit, cost)| Some((unit, cost?.min(COUNT_MAX)))).collect();
        let costs = costs(&named);
        match operation.what {
            What::Take => drop(key.request(&one, &Ask { costs, reserve: None }, clock)),
            What::Reserve => drop(key.request(&one, &Ask { costs, reserve: Some((id, ttl)) }, clock)),
            What::ReserveElsewhere => {
                drop(key.request(&other, &Ask { costs, reserve: Some((id, ttl)) }, clock));
            }
            What::Settle => drop(key.settle(id, Some(&costs), clock)),
            What::Cancel => drop(key.settle(id, None, clock)),
            What::Renew => drop(key.renew(id, ttl, clock)),
        }
    }
    let Some(bytes) = key.bytes() else { return };
    read(&mutate(bytes.clone(), &history.mutations));
    let (kind, mutations) = &history.change;
    let (id, at) = (IDS[usize::from(*kind) % IDS.len()], At::new(key.now(clock)).unwrap());
    let change = match kind % 7 {
        0 => Change::Settle { id, at, used: costs(&[(UNITS[1], u64::from(*kind))]) },
        1 => Change::Cancel { id, at },
        2 => Change::Renew { id, at, expires: at.plus(span(9)) },
        _ => {
            let costs = other.limits().iter().map(|_| u64::from(*kind)).collect();
            Change::Admit(Admission { shape: Arc::clone(&other), at, costs, reserved: None })
        }
    };
    let bytes_of_change = mutate(encoded_quota(&change), mutations);
    if let Some(value) = changed(Value::decode(&bytes), &bytes_of_change, New) {
        takes_changes(value);
    }
}

/// Returns the limits whose bit is set, or all limits if no bit is set.
fn shape(history: &History, (set, halves): (u8, u8)) -> Arc<Shape> {
    let most = if history.small { 64 } else { COUNT_MAX };
    let time = |ms: u64| span(ms % if history.small { 64 } else { Span::MAX.ms() } + 1);
    let draft = |(name, (unit, kind, limit)): (&'static [u8], (u8, Kind, u64))| {
        let limit = ((limit % most + 1).div_ceil(2) * (u64::from(halves % 4) + 1)).min(COUNT_MAX);
        let measure = match kind {
            Kind::Slide(window) => Measure::Rate(Rule::Slide(SlideRule { limit, window: time(window) })),
            Kind::Window(length, offset) => {
                let length = if length == 0 { Length::Month } else { Length::Span(time(length)) };
                let offset = offset % Span::MAX.ms().cast_signed();
                Measure::Rate(Rule::Window(WindowRule { limit, length, offset }))
            }
            Kind::Bucket(refill, period) => {
                let refill = Decimal { mantissa: refill % most + 1, scale: 0 };
                Measure::Rate(Rule::Bucket(BucketRule::new(limit, refill, time(period)).unwrap()))
            }
            Kind::InFlight => Measure::InFlight(limit),
        };
        let unit = if matches!(kind, Kind::InFlight) { 0 } else { usize::from(unit) % UNITS.len() };
        Draft { name, unit: UNITS[unit], measure, is_shadow: false }
    };
    let all: Vec<Draft<'_>> = NAMES.into_iter().zip(history.limits).map(draft).collect();
    let named = all.iter().enumerate().filter(|(at, _)| set >> at & 1 == 1);
    let named: Vec<Draft<'_>> = named.map(|(_, draft)| *draft).collect();
    Shape::new(None, if named.is_empty() { &all } else { &named }).unwrap()
}
