//! Tests `RL.SLIDE` against an oracle that remembers every admission.
//!
//! No window ever holds more than the limit, and the answers are exact to the millisecond.
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

use common::slide::SlideOracle;
use common::{Key, Step, TODAY, at, begin, cases, limits, sound, span, spans, steps};
use proptest::prelude::*;
use rl_core::limit::rule::Rule;
use rl_core::limit::slide::SlideRule;
use rl_core::limit::state::Parts;

fn rule(limit: u64, window: u64) -> SlideRule {
    SlideRule { limit, window: span(window) }
}

/// Every admission: (at, cost, rule).
type Admissions = Vec<(u64, u64, SlideRule)>;

/// Plays a history, each step under one of `rules`. Every answer must be the oracle's.
fn play(rules: &[SlideRule], history: &[Step], begin: u64, refunds: bool) -> Admissions {
    let mut key = Key::default();
    let (mut oracle, mut admissions, mut clock) = (SlideOracle::default(), Admissions::new(), begin);
    for step in history {
        let rule = rules[usize::from(step.pick) % rules.len()];
        clock = step.clock(clock, rule.window.ms(), true);
        if refunds && step.pick >= 220 {
            let cost = step.raw % rule.limit.max(1) + 1;
            key.refund(cost, clock);
            oracle.refund(cost, clock);
        } else {
            let cost = step.cost(rule.limit);
            let expected = oracle.decide(&rule, cost, clock);
            let now = oracle.now(clock);
            assert_eq!(key.request(&Rule::Slide(rule), cost, clock), expected);
            if expected.allowed && cost > 0 {
                oracle.charge(&rule, cost, now);
                admissions.push((now, cost, rule));
            }
        }
        let Some(state) = key.state() else { continue };
        let Parts::Slide(slide) = state.parts() else { panic!("another algorithm") };
        let held: Vec<_> = slide.log.iter().map(|entry| (entry.at.ms(), entry.cost)).collect();
        assert_eq!(held, merged(&oracle.admitted), "the log holds what counts, instant by instant");
        assert_eq!(state.used_cost(at(clock)), oracle.used(slide.rule.window.ms(), oracle.now(clock)));
    }
    key.state().map(sound);
    admissions
}

/// Merges admissions of the same millisecond.
fn merged(admitted: &[(u64, u64)]) -> Vec<(u64, u64)> {
    let mut merged: Vec<(u64, u64)> = Vec::new();
    for (at, cost) in admitted {
        match merged.last_mut() {
            Some(last) if last.0 == *at => last.1 += cost,
            _ => merged.push((*at, *cost)),
        }
    }
    merged
}

proptest! {
    #![proptest_config(cases(10_000))]

    #[test]
    fn no_window_ever_admits_more_than_the_limit(
        limit in limits(), window in spans(), begin in begin(), history in steps(60),
    ) {
        let admissions = play(&[rule(limit, window)], &history, begin, false);
        for (first, (begin, ..)) in admissions.iter().enumerate() {
            let inside = admissions[first..].iter().take_while(|(at, ..)| *at < begin + window);
            prop_assert!(inside.map(|(_, cost, _)| cost).sum::<u64>() <= limit);
        }
    }

    #[test]
    fn a_changed_limit_applies_at_once_to_all_that_was_used(
        limits in prop::collection::vec(limits(), 2..5), window in spans(), begin in begin(), history in steps(40),
    ) {
        let rules: Vec<_> = limits.into_iter().map(|limit| rule(limit, window)).collect();
        play(&rules, &history, begin, false);
    }

    #[test]
    fn a_refund_gives_back_the_oldest_and_never_more_than_was_used(
        limit in limits(), other in limits(), window in spans(), begin in begin(), history in steps(40),
    ) {
        play(&[rule(limit, window), rule(other, window)], &history, begin, true);
    }

    #[test]
    fn two_windows_in_turn_are_answered_as_if_each_had_its_own_log(
        first in (limits(), spans()), second in (limits(), spans()), begin in begin(), history in steps(40),
    ) {
        play(&[rule(first.0, first.1), rule(second.0, second.1)], &history, begin, true);
    }
}

/// Checks for each admission that its window did not hold more than the limit by then.
///
/// Admissions count from when that window came into use: the first of a series in which each admission by
/// this window comes less than its length after the one before.
fn never_over_admits(admissions: &Admissions) {
    for (index, (now, _, rule)) in admissions.iter().enumerate() {
        let window = rule.window.ms();
        let mut since = index;
        for (earlier, (at, _, other)) in admissions[..index].iter().enumerate().rev() {
            if other.window == rule.window && at + window > admissions[since].0 {
                since = earlier;
            }
        }
        let inside = admissions[since..=index].iter().filter(|(at, ..)| at + window > *now);
        assert!(inside.map(|(_, cost, _)| cost).sum::<u64>() <= rule.limit, "{rule:?} at {now}");
    }
}

proptest! {
    #![proptest_config(cases(10_000))]

    #[test]
    fn windows_in_any_turn_never_over_admit_one_that_is_in_use(
        rules in prop::collection::vec((1_u64..40, 1_u64..200), 3..6), begin in begin(), history in steps(60),
    ) {
        let rules: Vec<_> = rules.into_iter().map(|(limit, window)| rule(limit, window)).collect();
        let mut key = Key::default();
        let (mut admissions, mut clock) = (Admissions::new(), begin);
        for step in &history {
            let rule = rules[usize::from(step.pick) % rules.len()];
            clock = step.clock(clock, 30, true);
            let (cost, now) = (step.cost(rule.limit), key.now(clock));
            if key.request(&Rule::Slide(rule), cost, clock).allowed && cost > 0 {
                admissions.push((now, cost, rule));
            }
        }
        never_over_admits(&admissions);
        key.state().map(sound);
    }
}

#[test]
fn the_middle_of_three_windows_is_not_forgotten_with_the_longest() {
    let (long, middle, short) = (rule(100, 1_000), rule(10, 100), rule(10, 1));
    let mut key = Key::default();
    for (rule, cost, clock) in [(long, 1, 0), (middle, 10, 950), (short, 1, 960), (short, 1, 1_005)] {
        assert!(key.request(&Rule::Slide(rule), cost, TODAY + clock).allowed);
    }
    assert!(!key.request(&Rule::Slide(middle), 1, TODAY + 1_006).allowed);
}
