//! Tests limits that keep their name and get other numbers or another algorithm.
//!
//! `State::charge` defines what a single limit counts after a change of parameters, and `State::under`
//! after a change of algorithm. Each limit of a quota must count the same. A reservation that is settled
//! after the change gives back at most what it took. The key then never has more left than if only the used
//! cost had been charged at first.

use std::sync::Arc;

use proptest::prelude::*;
use rl_core::limit::rule::Rule;
use rl_core::limit::window::{Length, WindowRule};
use rl_core::quota::decide::{self, Demand};
use rl_core::quota::shape::{Draft, Measure, Shape};

use crate::common::any::{slide_rules, window_rules};
use crate::common::{Step, TODAY, at, begin, cases, rule_limit, steps};
use crate::history::{NAMES, bucket_rules};
use crate::key::{Ask, Key, costs, standing};
use crate::plain::limits;
use crate::states::{Event, replay, rows};

const TOKENS: &[u8] = b"tokens";

/// One to four shapes of up to three limits, with different rules in each shape.
fn shapes(rules: impl Strategy<Value = Rule>) -> impl Strategy<Value = Vec<Arc<Shape>>> {
    let shape = prop::collection::vec(prop::option::weighted(0.8, rules), 1..4);
    prop::collection::vec(shape, 1..5).prop_filter_map("a shape without limits", |shapes| {
        shapes.iter().map(|rules| shape_of(rules)).collect()
    })
}

pub(crate) fn shape_of(rules: &[Option<Rule>]) -> Option<Arc<Shape>> {
    let draft = |(name, rule): (&'static [u8], &Option<Rule>)| {
        Some(Draft { name, unit: TOKENS, measure: Measure::Rate((*rule)?), is_shadow: false })
    };
    let drafts: Vec<Draft<'_>> = NAMES.into_iter().zip(rules).filter_map(draft).collect();
    Shape::new(None, &drafts).ok()
}

fn any_rules() -> impl Strategy<Value = Rule> {
    prop_oneof![slide_rules(), window_rules(), bucket_rules()]
}

pub(crate) fn rule_of(measure: &Measure) -> &Rule {
    let Measure::Rate(rule) = measure else { panic!("no limit over time") };
    rule
}

/// A key, its admissions, and its reservations.
#[derive(Default)]
struct Played {
    key: Key,
    clock: u64,
    events: Vec<Event>,
    open: Vec<(&'static [u8], usize)>,
}

const IDS: [&[u8]; 4] = [b"0", b"1", b"2", b"3"];

impl Played {
    /// Makes requests under one shape after the other. If `reserve`, two requests in three reserve.
    fn ask(
        shapes: &[Arc<Shape>],
        history: &[Step],
        begin: u64,
        reserve: bool,
        check: impl Fn(&Self),
    ) -> Self {
        let mut played = Self { clock: begin, ..Self::default() };
        for step in history {
            let shape = &shapes[usize::from(step.pick) % shapes.len()];
            let limit = &shape.limits()[(step.raw % shape.limits().len() as u64) as usize];
            let rule = rule_of(&limit.measure);
            played.clock = step.clock(played.clock, rule.longest().ms(), false);
            let Self { key, clock, events, open } = &mut played;
            if key.expire(*clock) {
                events.clear();
            }
            open.retain(|(id, _)| key.is_open(id, *clock));
            let (now, cost) = (key.now(*clock), step.cost(rule_limit(rule)).max(1));
            let id = IDS.into_iter().find(|id| reserve && step.pick < 170 && !key.is_open(id, *clock));
            let reserve = id.map(|id| (id, rule.longest().ms() * 2));
            let ask = Ask { costs: costs(&[(TOKENS, cost)]), reserve };
            if key.request(shape, &ask, *clock).unwrap().allowed() {
                open.extend(id.map(|id| (id, events.len())));
                events.push(Event { at: now, shape: Arc::clone(shape), cost, used: cost });
            }
            check(&played);
        }
        played
    }

    /// Settles all open reservations, at a running clock.
    fn settle(&mut self, steps: &[Step], check: impl Fn(&Self)) {
        for step in steps {
            self.clock += step.raw % 7;
            if self.key.expire(self.clock) {
                return;
            }
            self.open.retain(|(id, _)| self.key.is_open(id, self.clock));
            if self.open.is_empty() {
                return;
            }
            let next = (step.raw.rotate_left(23) % self.open.len() as u64) as usize;
            let (id, event) = self.open.swap_remove(next);
            let Event { cost, used, .. } = &mut self.events[event];
            *used = step.raw.rotate_left(41) % (*cost + 1);
            assert!(self.key.settle(id, Some(&costs(&[(TOKENS, *used)])), self.clock));
            check(self);
        }
    }
}

/// Checks that each limit decides as its own state with the same charges would. If the request is denied, a
/// limit that does not block must show its state without it.
fn as_alone(played: &Played, shapes: &[Arc<Shape>]) {
    let Played { key, clock, events, .. } = played;
    let (states, now) = (replay(events), key.now(*clock));
    for shape in shapes {
        for cost in [0, 1, events.last().map_or(2, |event| event.cost)] {
            let mut expected = rows(&states, shape, cost, now);
            if expected.iter().any(|row| !row.allowed) {
                let without = rows(&states, shape, 0, now);
                let standing = expected.iter_mut().zip(without).filter(|(row, _)| row.allowed);
                standing.for_each(|(row, without)| *row = without);
            }
            let verdict = decide::decide(
                key.quota(),
                shape,
                &Demand { costs: &[cost; 16], ..Demand::NONE },
                at(*clock),
            );
            assert_eq!(verdict.rows.as_slice(), expected);
        }
    }
}

/// Checks that no limit in force has more left than if only what was used had been charged at first.
fn no_more(played: &Played) {
    let Played { key, clock, events, .. } = played;
    let shape = key.quota().unwrap().shape();
    let most = rows(&replay(events), shape, 0, key.now(*clock));
    let verdict = standing(key.quota(), shape, at(*clock));
    for ((row, limit), most) in verdict.rows.iter().zip(shape.limits()).zip(&most) {
        assert!(row.remaining <= most.remaining, "{limit:?}: {row:?}, {} at most", most.remaining);
    }
}

proptest! {
    #![proptest_config(cases(10_000))]

    #[test]
    fn other_numbers_count_what_was_used_as_a_limit_alone_does(
        shapes in prop_oneof![shapes(slide_rules()), shapes(window_rules()), shapes(bucket_rules())],
        begin in begin(), history in steps(30),
    ) {
        Played::ask(&shapes, &history, begin, false, |played| as_alone(played, &shapes));
    }

    #[test]
    fn another_algorithm_counts_all_that_was_used_from_the_last_change_on(
        shapes in shapes(any_rules()), begin in begin(), history in steps(30),
    ) {
        Played::ask(&shapes, &history, begin, false, |played| as_alone(played, &shapes));
    }

    #[test]
    fn a_settlement_under_other_numbers_gives_nothing_back_that_others_took(
        shapes in prop_oneof![shapes(slide_rules()), shapes(window_rules()), shapes(bucket_rules())],
        begin in begin(), history in steps(30), settled in steps(6),
    ) {
        Played::ask(&shapes, &history, begin, true, |_| ()).settle(&settled, no_more);
    }

    #[test]
    fn a_settlement_under_another_algorithm_gives_nothing_back_that_others_took(
        shapes in shapes(any_rules()), begin in begin(), history in steps(30), settled in steps(6),
    ) {
        Played::ask(&shapes, &history, begin, true, |_| ()).settle(&settled, no_more);
    }
}

/// The 50 that a reservation took can no longer be told from the 5 and 1 that others took since.
#[test]
fn a_limit_that_is_counted_otherwise_gives_nothing_back_of_what_had_gone_before() {
    let minute = 60_000 - TODAY % 60_000; // from `TODAY` to the start of a minute
    for (before, after) in [
        ("1 UNIT tokens", "60 UNIT tokens"),
        ("60 UNIT tokens WINDOW", "1h UNIT tokens WINDOW"),
        ("60 UNIT tokens WINDOW", "1h UNIT tokens"),
        ("1 UNIT tokens BUCKET 100", "60 UNIT tokens"),
        ("1 UNIT tokens", "60 UNIT tokens BUCKET 100"),
    ] {
        let shape = |how: &str| limits(&format!("LIMIT a 100 {how} LIMIT keeps 1000 1d UNIT tokens"));
        let (before, after) = (shape(before), shape(after));
        let mut key = Key::default();
        key.take(&before, 50, Some((b"r", 300_000)), minute);
        key.take(&before, 5, None, minute + 60_000);
        let left = key.take(&after, 1, None, minute + 60_001);
        assert_eq!(left[0], 94);
        assert!(key.cancel(b"r", minute + 60_001));
        assert_eq!(key.left(&after, minute + 60_001), [94, 994]);
    }
}

#[test]
fn what_was_taken_of_one_unit_is_not_given_back_of_another() {
    let (tokens, requests) = (limits("LIMIT a 100 60 UNIT tokens"), limits("LIMIT a 100 60"));
    let mut key = Key::default();
    key.take(&tokens, 50, Some((b"r", 300_000)), 0);
    assert_eq!(key.take(&requests, 0, None, 1), [49]);
    assert!(key.cancel(b"r", 2));
    assert_eq!(key.left(&requests, 2), [49]);
}

/// The 50 had come back before others took 20. Their next request may use either algorithm.
#[test]
fn a_settlement_gives_nothing_back_under_the_numbers_before() {
    let shape = |how: &str| limits(&format!("LIMIT a {how} UNIT tokens BUCKET 100"));
    let (before, after) = (shape("100 1"), shape("1 60"));
    let mut key = Key::default();
    key.take(&before, 1, None, 0);
    key.take(&after, 50, Some((b"r", 300_000)), 1);
    key.take(&after, 20, None, 900);
    assert!(key.cancel(b"r", 900));
    assert_eq!((key.left(&before, 900), key.left(&after, 900)), (vec![80], vec![79]));
}

/// Three offsets of a month in turn. What the first one had counted was forgotten while the third one was denied, so that it was
/// admitted before the time that it had been told.
#[test]
fn a_third_offset_is_told_when_it_is_admitted() {
    let rule = |limit: u64, offset: i64| Rule::Window(WindowRule { limit, length: Length::Month, offset });
    let rules = [rule(3, -506_726_705), rule(3, 2_922_119_395), rule(17, 0)];
    let shapes: Vec<Arc<Shape>> = rules.into_iter().map(|rule| shape_of(&[Some(rule)]).unwrap()).collect();
    let step = |pick, time, cost, raw| Step { pick, time, cost, raw };
    let history = [
        step(0, 41, 0, 3_868_582_412_903_782_236),
        step(0, 41, 0, 4_242_275_695_075_929_076),
        step(0, 41, 0, 8_320_132_692_756_238_889),
        step(0, 41, 0, 6_008_972_347_259_081_923),
        step(0, 100, 20, 5_959_388_206_918_008_832),
        step(1, 89, 4, 11_499_947_518_507_934_779),
        step(54, 22, 6, 0),
        step(0, 9, 0, 11_968_536_596_802_912_898),
        step(2, 22, 131, 0),
        step(0, 41, 0, 1_555_344_131_040_256_668),
        step(29, 57, 10, 1_835_542_087_087_412_521),
        step(151, 85, 3, 2_159_206_966_598_277_764),
    ];
    Played::ask(&shapes, &history, 15, false, |_| {});
}
