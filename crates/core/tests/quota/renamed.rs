//! Tests that renaming limits admits nothing anew, however often: against a model in which every limit ever
//! named counts its own history for ever.
//!
//! The key may deny what the model admits: retired limits are merged, and a merged limit counts for each of its
//! names as much as for the one that used the most. The model never denies what the key admits.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use rl_core::effect::told::{Elsewhere, Told};
use rl_core::limit::Kind;
use rl_core::limit::outside::Outside;
use rl_core::limit::rule::Rule;
use rl_core::limit::window::{Length, WindowRule};
use rl_core::limit::{bucket::BucketRule, slide::SlideRule};
use rl_core::number::Decimal;
use rl_core::quota::outsides::Names;
use rl_core::quota::shape::{Draft, Measure, Shape};

use crate::changes::rule_of;
use crate::common::{Step, at, begin, cases, rule_limit, span, steps};
use crate::history::{IDS, UNITS};
use crate::key::{Ask, Key, costs, standing};
use crate::oracle::{self, Oracle};

const NAMES: usize = 30;

/// Rules that many names may use up within a few steps, with few different windows.
fn rules() -> impl Strategy<Value = Rule> {
    let windows = || prop_oneof![2 => Just(60_u64), 2 => Just(1_000_u64), 1 => 1_u64..5_000];
    let limits = || prop_oneof![3 => 1_u64..9, 1 => 1_u64..100];
    prop_oneof![
        3 => (limits(), windows()).prop_map(|(limit, ms)| Rule::Slide(SlideRule { limit, window: span(ms) })),
        2 => (limits(), windows(), prop_oneof![Just(0_i64), -60_i64..60]).prop_map(|(limit, ms, offset)| {
            Rule::Window(WindowRule { limit, length: Length::Span(span(ms)), offset })
        }),
        2 => (limits(), 1_u64..5, windows()).prop_map(|(capacity, mantissa, ms)| {
            Rule::Bucket(BucketRule::new(capacity, Decimal { mantissa, scale: 0 }, span(ms)).unwrap())
        }),
    ]
}

/// The unit and the rules of each name. They are of one kind, of a few, or all different.
fn named() -> impl Strategy<Value = Vec<(&'static [u8], Rule, Rule)>> {
    let one = || (prop::sample::select(&UNITS[..]), rules(), rules());
    let different = || prop::collection::vec(one(), NAMES);
    let few = prop::collection::vec(one(), 1..4)
        .prop_map(|few| few.iter().copied().cycle().take(NAMES).collect::<Vec<_>>());
    prop_oneof![2 => few, 1 => different()]
}

/// Makes a shape of up to three of the names. The first rule of a name is taken where `first` says so, and where
/// both have one algorithm.
fn shape_of(named: &[(&'static [u8], Rule, Rule)], step: &Step, first: impl Fn(usize) -> bool) -> Arc<Shape> {
    let picks = (0..=step.raw.rotate_left(33) % 3)
        .map(|turn| (step.raw.rotate_left(7 + 5 * turn as u32) % NAMES as u64) as usize);
    let mut picks: Vec<usize> = picks.collect();
    picks.sort_unstable();
    picks.dedup();
    let names: Vec<String> = picks.iter().map(|pick| format!("l{pick}")).collect();
    let drafts = picks.iter().zip(&names).map(|(pick, name)| {
        let (unit, one, other) = named[*pick];
        let rule = if first(*pick) || one.kind() == other.kind() { one } else { other };
        Draft { name: name.as_bytes(), unit, measure: Measure::Rate(rule), is_shadow: false }
    });
    Shape::new(None, &drafts.collect::<Vec<_>>()).unwrap()
}

/// Returns the clock after a step. Most steps are short, so that much counts at a time.
fn later(clock: u64, step: &Step) -> u64 {
    clock
        + match step.time % 16 {
            0 => 1_000,
            1 => 60,
            2 => step.raw % 5_000,
            _ => step.raw % 4,
        }
}

fn cost(step: &Step, shape: &Shape) -> u64 {
    let most = rule_limit(rule_of(&shape.limits()[0].measure));
    if step.cost.is_multiple_of(4) { most } else { u64::from(step.cost % 3) + 1 }
}

/// Checks that no limit stays used for ever: much later the key admits all that a new one does.
fn is_free_again(key: &Key, shape: &Shape, clock: u64) {
    let much_later = at(clock + 1_000_000_000);
    for (row, limit) in standing(key.quota(), shape, much_later).rows.iter().zip(shape.limits()) {
        assert_eq!(row.remaining, rule_limit(rule_of(&limit.measure)));
    }
}

proptest! {
    #![proptest_config(cases(2_000))]

    #[test]
    fn a_history_of_names_admits_nothing_that_each_name_alone_denies(
        named in named(), begin in begin(), history in steps(120),
    ) {
        let (mut key, mut oracle, mut clock) = (Key::default(), Oracle::default(), begin);
        for step in &history {
            clock = later(clock, step);
            key.expire(clock);
            let (id, now) = (IDS[usize::from(step.pick) % IDS.len()], key.now(clock));
            let shape = shape_of(&named, step, |_| true);
            if step.pick < 50 && key.is_open(id, clock) {
                let used = |unit, turn| (unit, step.raw.rotate_left(turn) % 9);
                let used = costs(&UNITS.into_iter().zip([3, 17, 41]).map(|(unit, turn)| used(unit, turn)).collect::<Vec<_>>());
                let used = (step.pick < 40).then_some(used);
                prop_assert!(key.settle(id, used.as_ref(), clock));
                oracle.settle(id, |unit, taken| used.as_ref().map_or(0, |used| used.named(unit).unwrap_or(taken)), now);
            } else if !key.is_open(id, clock) {
                let taken = cost(step, &shape);
                let reserve = (step.pick > 150).then_some((id, 1 + step.raw % 3_000));
                let ask = Ask { costs: costs(&UNITS.map(|unit| (unit, taken))), reserve };
                let expected = oracle.decide(&shape, &ask.costs, reserve.map(|(_, ttl)| ttl), clock, now);
                let verdict = key.request(&shape, &ask, clock).unwrap();
                if verdict.allowed() {
                    prop_assert!(expected.iter().all(|row| row.allowed), "{:?} admits {:?}", shape, expected);
                    oracle.admit(&shape, &ask.costs, reserve, &expected, now);
                }
            }
            is_free_again(&key, &shape, clock);
        }
    }

    /// A history belongs to a name and an algorithm, and begins with its first charge. While it counts, it is charged
    /// with what its name takes by another algorithm, too.
    #[test]
    fn names_that_change_their_algorithm_admit_nothing_that_each_algorithm_denies(
        named in named(), begin in begin(), history in steps(120),
    ) {
        type Charges = Vec<(u64, u64)>;
        let mut model: BTreeMap<(Vec<u8>, &str), (Rule, Charges)> = BTreeMap::new();
        let (mut key, mut clock) = (Key::default(), begin);
        for step in &history {
            clock = later(clock, step);
            key.expire(clock);
            let now = key.now(clock);
            let shape = shape_of(&named, step, |pick| step.pick >> (pick % 8) & 1 == 0);
            let taken = cost(step, &shape);
            let ask = Ask { costs: costs(&UNITS.map(|unit| (unit, taken))), reserve: None };
            let verdict = key.request(&shape, &ask, clock).unwrap();
            if !verdict.allowed() {
                continue;
            }
            for limit in shape.limits() {
                let (rule, name) = (rule_of(&limit.measure), limit.name.as_bytes());
                let own = (name.to_vec(), rule.algorithm());
                if let Some((known, charges)) = model.get(&own) && known == rule {
                    let alone = oracle::decide(rule, charges, taken, now);
                    prop_assert!(alone.allowed, "{:?} of {:?} admits", limit, shape);
                }
                for kind in Kind::ALL.map(Kind::name) {
                    let history = model.get_mut(&(name.to_vec(), kind));
                    let counts = |(rule, charges): &(Rule, Charges)| oracle::decide(rule, charges, 0, now).reset_after_ms > 0;
                    match history.filter(|history| kind == own.1 || counts(history)) {
                        Some((_, charges)) => charges.push((now, taken)),
                        None => drop((kind == own.1).then(|| model.insert(own.clone(), (*rule, vec![(now, taken)])))),
                    }
                }
            }
            is_free_again(&key, &shape, clock);
        }
    }

    /// What a name is told from outside stays with the name, whether its limit is in force, retired or merged.
    #[test]
    fn a_name_that_comes_back_is_held_and_used_elsewhere_as_it_was_told(
        named in named(), begin in begin(), history in steps(120),
    ) {
        let (mut key, mut oracle, mut clock) = (Key::default(), Oracle::default(), begin);
        let mut told: BTreeMap<String, Outside> = BTreeMap::new();
        for step in &history {
            clock = later(clock, step);
            if key.expire(clock) {
                told.clear();
            }
            let now = at(key.now(clock));
            if step.pick < 60 && key.quota().is_some() {
                let name = format!("l{}", step.raw % NAMES as u64);
                let until = at(now.ms() + 1 + step.raw.rotate_left(20) % 30_000);
                let outside = told.entry(name.clone()).or_default();
                if step.pick < 20 {
                    outside.held = until;
                    key.tell(&Told::Hold { at: now, until, limits: Names::from_slice(&[name.as_bytes()]) });
                } else {
                    (outside.elsewhere, outside.until) = (u64::from(step.cost % 4) + 1, until);
                    let limit = Elsewhere { limit: name.as_bytes(), used: outside.elsewhere, until, since: at(0), lowered: None };
                    key.tell(&Told::Sync { at: now, limits: [limit].into_iter().collect() });
                }
                continue;
            }
            let shape = shape_of(&named, step, |_| true);
            let taken = cost(step, &shape);
            let ask = Ask { costs: costs(&UNITS.map(|unit| (unit, taken))), reserve: None };
            let expected = oracle.decide(&shape, &ask.costs, None, clock, now.ms());
            let verdict = key.request(&shape, &ask, clock).unwrap();
            let rows = verdict.rows.iter().zip(&expected).zip(shape.limits());
            for ((row, alone), limit) in rows.filter(|_| verdict.allowed()) {
                let outside = told.get(limit.name.as_str()).copied().unwrap_or_default().at(now);
                prop_assert!(alone.allowed && outside.held <= now, "{:?} admits {:?}", shape, outside);
                let used = limit.measure.rule().map_or(0, |rule| outside.used(rule, now));
                prop_assert!(alone.remaining >= row.remaining + used, "{:?} {:?}", alone, outside);
            }
            if verdict.allowed() {
                oracle.admit(&shape, &ask.costs, None, &expected, now.ms());
            }
            is_free_again(&key, &shape, clock);
        }
    }
}
