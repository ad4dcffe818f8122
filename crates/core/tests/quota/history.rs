//! Plays histories of one key with every kind of step, and compares each answer with the oracle's.

use std::sync::Arc;

use proptest::prelude::*;
use rl_core::limit::bucket::BucketRule;
use rl_core::limit::rule::Rule;
use rl_core::number::{COUNT_MAX, Decimal};
use rl_core::quota::costs::Costs;
use rl_core::quota::shape::{Draft, Limit, Measure, Shape};
use rl_core::time::Span;

use crate::common::any::{slide_rules, window_rules};
use crate::common::by_algorithm::with_limit;
use crate::common::{Step, limits, rule_limit, span, spans};
use crate::key::{Ask, Key, costs};
use crate::oracle::Oracle;

pub(crate) const UNITS: [&[u8]; 3] = [b"requests", b"tokens", b"bytes"];
pub(crate) const NAMES: [&[u8]; 6] = [b"a", b"b", b"c", b"d", b"e", b"f"];
pub(crate) const IDS: [&[u8]; 6] = [b"0", b"1", b"2", b"3", b"4", b"\0\xff a longer one"];

/// Bucket rules of a quota, whose refill is an integer.
pub(crate) fn bucket_rules() -> impl Strategy<Value = Rule> {
    let refills = prop_oneof![2 => 1_u64..5, 2 => 1_u64..1_000, 1 => 1_u64..=COUNT_MAX];
    (limits(), refills, spans()).prop_map(|(capacity, mantissa, period)| {
        Rule::Bucket(BucketRule::new(capacity, Decimal { mantissa, scale: 0 }, span(period)).unwrap())
    })
}

pub(crate) fn measures() -> impl Strategy<Value = Measure> {
    prop_oneof![
        2 => slide_rules().prop_map(Measure::Rate),
        2 => window_rules().prop_map(Measure::Rate),
        3 => bucket_rules().prop_map(Measure::Rate),
        1 => prop_oneof![4 => 0_u64..6, 1 => limits()].prop_map(Measure::InFlight),
    ]
}

/// One to three shapes that each name some of the same few limits, with different amounts.
pub(crate) fn shapes() -> impl Strategy<Value = Vec<Arc<Shape>>> {
    let all = prop::collection::vec((prop::sample::select(&UNITS[..]), measures()), 1..=NAMES.len());
    let some = prop::collection::vec((any::<u8>(), any::<u8>(), 1_u64..5), 1..4);
    (all, some).prop_map(|(all, some)| some.iter().map(|pick| shape_of(&all, *pick)).collect())
}

/// A shape of one or two token buckets that are slow enough for many open reservations at a time.
pub(crate) fn buckets() -> impl Strategy<Value = Vec<Arc<Shape>>> {
    let bucket = (8_u64..80, 1_u64..4, 1_u64..9).prop_map(|(capacity, mantissa, period)| {
        let refill = Decimal { mantissa, scale: 0 };
        (UNITS[1], Measure::Rate(Rule::Bucket(BucketRule::new(capacity, refill, span(period)).unwrap())))
    });
    prop::collection::vec(bucket, 1..3).prop_map(|all| vec![shape_of(&all, (0, 0, 2))])
}

/// Makes a shape of the limits whose bit is set, or of all if no bit is set. Any of them may be the first.
fn shape_of(all: &[(&'static [u8], Measure)], (set, first, halves): (u8, u8, u64)) -> Arc<Shape> {
    let draft = |((unit, measure), name): (&(&'static [u8], Measure), &'static [u8])| Draft {
        name,
        // A limit on reservations has the unit `requests`.
        unit: if matches!(measure, Measure::InFlight(_)) { UNITS[0] } else { unit },
        measure: scaled(measure, halves),
        is_shadow: false,
    };
    let all: Vec<Draft<'_>> = all.iter().zip(NAMES).map(draft).collect();
    let named = all.iter().enumerate().filter(|(at, _)| set >> at & 1 == 1);
    let mut named: Vec<Draft<'_>> = named.map(|(_, draft)| *draft).collect();
    if named.is_empty() {
        named = all;
    }
    let first = usize::from(first) % named.len();
    named.rotate_left(first);
    Shape::new(None, &named).unwrap()
}

/// Scales the limit by this many halves. What was used ages as before.
fn scaled(measure: &Measure, halves: u64) -> Measure {
    let most = |limit: u64| (limit / 2 * halves + limit % 2).clamp(1, COUNT_MAX);
    match measure {
        Measure::InFlight(limit) => Measure::InFlight(most(*limit)),
        Measure::Rate(rule) => Measure::Rate(with_limit(rule, most(rule_limit(rule)))),
    }
}

/// The weights of the steps of a history, of 256.
#[derive(Clone, Copy)]
pub(crate) struct Mix {
    pub(crate) reserve: u8,
    pub(crate) settle: u8,
    pub(crate) renew: u8,
    /// Whether a settlement may exceed the estimate.
    pub(crate) excess: bool,
    /// The longest duration of a reservation, in spans of a limit.
    pub(crate) ttl_windows: u64,
}

pub(crate) fn play(shapes: &[Arc<Shape>], history: &[Step], begin: u64, mix: Mix) -> Key {
    let (mut key, mut oracle, mut clock) = (Key::default(), Oracle::default(), begin);
    for step in history {
        let shape = &shapes[(step.raw.rotate_left(3) % shapes.len() as u64) as usize];
        let limit = &shape.limits()[(step.raw.rotate_left(19) % shape.limits().len() as u64) as usize];
        let span = span_of(limit);
        clock = step.clock(clock, span, true);
        if key.expire(clock) {
            oracle = Oracle::default();
        }
        let (id, now) = (IDS[(step.raw.rotate_left(37) % 6) as usize], key.now(clock));
        let ttl = (1 + step.raw.rotate_left(11) % (mix.ttl_windows * span)).min(Span::MAX.ms());
        let kind = step.pick;
        if kind < mix.settle {
            let open = oracle.is_open(id, now);
            let used = (kind % 4 > 0).then(|| used(&oracle, step, id, now, mix.excess));
            assert_eq!(key.settle(id, used.as_ref(), clock), open);
            if open {
                oracle.settle(
                    id,
                    |unit, taken| used.as_ref().map_or(0, |used| used.named(unit).unwrap_or(taken)),
                    now,
                );
                assert!(!key.settle(id, used.as_ref(), clock), "once only");
            }
        } else if kind - mix.settle < mix.renew {
            let open = oracle.is_open(id, now);
            assert_eq!(key.renew(id, ttl, clock), open);
            if open {
                oracle.renew(id, ttl, now);
            }
        } else {
            let reserve = kind - mix.settle - mix.renew < mix.reserve || shape.counts_reservations();
            let ask = Ask { costs: asked(shape, step), reserve: reserve.then_some((id, ttl)) };
            request(&mut key, &mut oracle, shape, &ask, clock);
        }
        for shape in shapes {
            let stands = crate::key::standing(key.quota(), shape, crate::common::at(clock));
            let expected = oracle.decide(shape, &crate::oracle::nothing(), None, clock, key.now(clock));
            assert_eq!(stands.rows.as_slice(), expected, "how it stands under {shape:?}");
        }
    }
    key
}

fn request(key: &mut Key, oracle: &mut Oracle, shape: &Arc<Shape>, ask: &Ask<'_>, clock: u64) {
    let now = key.now(clock);
    if let Some((id, _)) = ask.reserve.filter(|(id, _)| oracle.is_open(id, now)) {
        let before = key.bytes();
        let verdict = key.request(shape, ask, clock).unwrap();
        let (names, expected): (Vec<_>, Vec<_>) = oracle.repeated(id, clock, now).into_iter().unzip();
        assert_eq!(verdict.rows.as_slice(), expected, "the first answer once more");
        let (answered, _) = key.repeated(id, clock);
        assert!(
            answered.limits().iter().map(|limit| limit.name.as_bytes()).eq(names),
            "and by the same limits"
        );
        assert_eq!(key.bytes(), before);
        return;
    }
    let expected = oracle.answer(shape, &ask.costs, ask.reserve.map(|(_, ttl)| ttl), clock, now);
    let verdict = key.request(shape, ask, clock).unwrap();
    assert_eq!(verdict.rows.as_slice(), expected);
    if verdict.allowed() {
        oracle.admit(shape, &ask.costs, ask.reserve, &expected, now);
    }
}

/// Returns the largest step of a history. For a bucket, a quarter of its time to fill, at most some years.
fn span_of(limit: &Limit) -> u64 {
    match &limit.measure {
        Measure::InFlight(_) => 100,
        Measure::Rate(Rule::Bucket(rule)) => {
            let (tokens, refill) = (u128::from(rule.capacity() / 4 + 1), u128::from(rule.refill().mantissa));
            u64::try_from((tokens * u128::from(rule.period().ms()) / refill).clamp(1, 1 << 37)).unwrap()
        }
        Measure::Rate(rule) => rule.longest().ms(),
    }
}

/// Returns the limit of the first limit that counts `unit`, else a small number.
fn most(shape: &Shape, unit: &[u8]) -> u64 {
    let of = |limit: &Limit| match &limit.measure {
        Measure::Rate(rule) if limit.unit.as_bytes() == unit => Some(rule_limit(rule)),
        _ => None,
    };
    shape.limits().iter().find_map(of).unwrap_or(9)
}

/// Returns the costs that a step names. Now and then it leaves out a unit.
fn asked(shape: &Shape, step: &Step) -> Costs<'static> {
    let [requests, tokens, bytes] = UNITS;
    let raw = |turn: u32, below: u64| step.raw.rotate_left(turn) % below;
    let mut list = vec![(tokens, step.cost(most(shape, tokens)))];
    if raw(5, 3) == 0 {
        list.push((requests, raw(43, most(shape, requests) / 3 + 3).min(COUNT_MAX)));
    }
    if raw(9, 2) == 0 {
        list.push((bytes, raw(50, most(shape, bytes) / 2 + 2)));
    }
    if raw(21, 8) == 0 {
        list.remove(0);
    }
    costs(&list)
}

/// Returns what was used in the end: of each unit nothing, some, all, or more if `excess` is allowed.
fn used(oracle: &Oracle, step: &Step, id: &[u8], now: u64, excess: bool) -> Costs<'static> {
    let of = |(unit, turn): (&'static [u8], u32)| {
        let (raw, taken) = (step.raw.rotate_left(turn), oracle.taken(id, unit, now));
        let used = match raw % 8 {
            0 => return None, // stays as charged
            1 => 0,
            2 => taken / 2,
            3 => taken.saturating_sub(1),
            4 if excess => taken + 1,
            5 if excess => taken + raw.rotate_left(7) % (taken + 9),
            _ => raw.rotate_left(7) % (taken + 1),
        };
        Some((unit, used.min(COUNT_MAX)))
    };
    costs(&UNITS.into_iter().zip([13, 29, 53]).filter_map(of).collect::<Vec<_>>())
}
