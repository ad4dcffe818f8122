//! Tests `RL.BUCKET` in exact fractions: the bound holds in every interval, and nothing ever drifts.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that panics has failed, as it should"
)]

mod common;

use common::bucket::{BucketOracle, every_interval_keeps_the_bound, gain, token};
use common::{Key, Step, TODAY, at, begin, cases, limits, sound, span, spans, steps};
use proptest::prelude::*;
use rl_core::limit::algorithm::Algorithm;
use rl_core::limit::bucket::BucketRule;
use rl_core::limit::decision::Retry;
use rl_core::limit::meter::Meter;
use rl_core::limit::rule::Rule;
use rl_core::limit::state::{Parts, State};
use rl_core::number::{self, COUNT_MAX};
use rl_core::time::Span;

/// Refills as clients write them: integers, decimals, very small ones and the largest.
fn refills() -> impl Strategy<Value = String> {
    let decimal = |whole: u64, digits: u64, scale: usize| format!("{whole}.{digits:0scale$}");
    prop_oneof![
        3 => (1_u64..100).prop_map(|whole| whole.to_string()),
        3 => (0_u64..100, 1_u64..1_000).prop_map(move |(whole, digits)| decimal(whole, digits, 3)),
        1 => (1_u64..1_000_000_000).prop_map(move |digits| decimal(0, digits, 9)),
        1 => Just(COUNT_MAX.to_string()),
    ]
}

fn rule(capacity: u64, refill: &str, period: u64) -> Option<BucketRule> {
    BucketRule::new(capacity, number::refill(refill.as_bytes()).unwrap(), span(period))
}

fn rules() -> impl Strategy<Value = BucketRule> {
    (limits(), refills(), spans())
        .prop_filter_map("ticks too small", |(capacity, refill, period)| rule(capacity, &refill, period))
}

/// The largest step of a history: a quarter of the time that fills the bucket, at most some years.
fn stride(rule: &BucketRule) -> u64 {
    let ms = i128::from(rule.capacity() / 4 + 1) * token(rule) / gain(rule);
    u64::try_from(ms.clamp(1, 1 << 37)).unwrap()
}

/// Plays a history under one refill, each step with one of `capacities`. Every answer must be the
/// oracle's.
fn play(
    rule: &BucketRule,
    capacities: &[u64],
    history: &[Step],
    begin: u64,
    refunds: bool,
) -> Vec<(u64, u64)> {
    let (mut key, mut oracle) = (Key::default(), BucketOracle::default());
    let (mut clock, mut admissions) = (begin, Vec::new());
    for step in history {
        let capacity = capacities[usize::from(step.pick) % capacities.len()];
        let rule = BucketRule::new(capacity, rule.refill(), rule.period()).unwrap();
        clock = step.clock(clock, stride(&rule), true);
        if refunds && step.pick >= 220 {
            let cost = step.raw % capacity.max(1) + 1;
            key.refund(cost, clock);
            oracle.refund(&rule, cost, clock);
        } else {
            let (cost, now) = (step.cost(capacity), oracle.now(clock));
            let expected = oracle.decide(&rule, cost, clock);
            assert_eq!(key.request(&Rule::Bucket(rule), cost, clock), expected);
            if expected.allowed && cost > 0 {
                oracle.charge(cost, now);
                admissions.push((now, cost));
            }
        }
    }
    key.state().map(sound);
    admissions
}

proptest! {
    #![proptest_config(cases(10_000))]

    #[test]
    fn no_interval_ever_admits_more_than_capacity_and_refill(
        rule in rules(), begin in begin(), history in steps(60),
    ) {
        let admissions = play(&rule, &[rule.capacity()], &history, begin, false);
        every_interval_keeps_the_bound(&rule, &admissions);
    }

    #[test]
    fn a_changed_capacity_applies_at_once_and_refunds_fill_up_to_the_brim(
        rule in rules(), capacities in prop::collection::vec(limits(), 1..4), begin in begin(), history in steps(50),
    ) {
        play(&rule, &capacities, &history, begin, true);
    }

    #[test]
    fn two_refills_in_turn_each_hold_while_they_are_in_use(
        first in (1_u64..40, refills(), 1_u64..300), second in (1_u64..40, refills(), 1_u64..300),
        begin in begin(), history in steps(60),
    ) {
        let rules = [first, second].map(|(capacity, refill, period)| rule(capacity, &refill, period).unwrap());
        let (mut key, mut clock) = (Key::default(), begin);
        // For each rule, the admissions since it came into use, and its last use.
        let (mut known, mut last): ([Vec<(u64, u64)>; 2], [u64; 2]) = Default::default();
        for step in &history {
            let which = usize::from(step.pick % 2);
            clock = step.clock(clock, stride(&rules[which]).min(1_000), true);
            let (rule, now) = (rules[which], key.now(clock));
            let cost = step.cost(rule.capacity());
            if !key.request(&Rule::Bucket(rule), cost, clock).allowed || cost == 0 {
                continue;
            }
            known[which].push((now, cost));
            every_interval_ending_now(&rule, &known[which]);
            last[which] = now;
            let Parts::Bucket(counter) = key.state().unwrap().parts() else { panic!("another algorithm") };
            let other = rules[1 - which];
            let counts = |of: &BucketRule| of.ages_alike(&other);
            if counts(&counter.rule) || counter.before.is_some_and(|before| counts(&before.rule)) {
                known[1 - which].push((now, cost));
            } else {
                let memory = other.memory().ms();
                prop_assert!(known[1 - which].is_empty() || last[1 - which] + memory <= now, "forgotten in use");
                known[1 - which].clear();
            }
        }
        key.state().map(sound);
    }
}

/// Checks the bound as [`every_interval_keeps_the_bound`] does, for intervals that end with the last
/// admission. Admissions by the other rule may exceed this bound, admissions by this rule may not.
fn every_interval_ending_now(rule: &BucketRule, admissions: &[(u64, u64)]) {
    let Some((now, _)) = admissions.last() else { return };
    let mut sum = 0;
    for (begin, cost) in admissions.iter().rev() {
        sum += i128::from(*cost);
        let most = i128::from(rule.capacity()) * token(rule) + i128::from(now - begin) * gain(rule);
        assert!(sum * token(rule) <= most, "{rule:?}: {sum} from {begin} to {now}");
    }
}

/// A caller that always asks for one token at the announced instant gets the n-th after the first
/// `capacity` at `n * period / refill`, rounded up. This holds after a million calls as after one.
#[test]
fn a_million_calls_do_not_drift() {
    let calls = if cfg!(miri) { 100 } else { 1_000_000 };
    for (refill, period) in [("8.33", 1_000), ("0.3", 7), ("7", 60_000), ("999999937", 86_400_000)] {
        let rule = rule(50, refill, period).unwrap(); // more than a millisecond ever gains
        let (mut state, mut clock) = (State::new(&Rule::Bucket(rule)), TODAY);
        for call in 0..calls {
            let waited = (call - 49).max(0) * token(&rule);
            let due = u64::try_from((waited + gain(&rule) - 1) / gain(&rule)).unwrap();
            if let Retry::After(ms) = state.decide(&Rule::Bucket(rule), 1, at(clock)).unwrap().retry {
                clock += ms;
            }
            assert_eq!(clock, TODAY + due, "call {call} at {refill} in {period}");
            state.charge(&Rule::Bucket(rule), 1, at(clock)).unwrap();
        }
    }
}

#[test]
fn a_bucket_of_all_there_is_at_the_slowest_rate_is_exact() {
    let slow = rule(COUNT_MAX, "0.0000001", Span::MAX.ms()).unwrap();
    let mut key = Key::default();
    assert_eq!(key.request(&Rule::Bucket(slow), COUNT_MAX, TODAY).remaining, 0);
    let denied = key.request(&Rule::Bucket(slow), 1, TODAY);
    assert_eq!(denied.retry, Retry::After(COUNT_MAX - TODAY), "until the last instant there is");
    assert_eq!(denied.reset_after_ms, COUNT_MAX - TODAY);
    assert!(key.request(&Rule::Bucket(slow), 0, TODAY + Span::MAX.ms()).allowed);
    assert_eq!(rule(1, "0.00000001", Span::MAX.ms()), None, "a tick would be too small");
}
