//! Tests every value at its bounds, in every combination: no overflow, no panic, no answer out of range.
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

use common::{Key, TODAY, rule_limit, sound, span};
use rl_core::limit::bucket::BucketRule;
use rl_core::limit::decision::Retry;
use rl_core::limit::rule::Rule;
use rl_core::limit::slide::SlideRule;
use rl_core::limit::window::{Length, WindowRule};
use rl_core::number::{self, COUNT_MAX};
use rl_core::time::{At, Span};

const LIMITS: [u64; 5] = [0, 1, 2, COUNT_MAX - 1, COUNT_MAX];
const COSTS: [u64; 5] = [0, 1, 2, COUNT_MAX - 1, COUNT_MAX];
const SPANS: [u64; 4] = [1, 2, Span::MAX.ms() - 1, Span::MAX.ms()];
const CLOCKS: [u64; 7] = [0, 1, Span::MAX.ms(), TODAY, At::MAX.ms() - 1, At::MAX.ms(), 0];

fn rules() -> Vec<Rule> {
    let mut rules = Vec::new();
    for limit in LIMITS {
        for window in SPANS.map(span) {
            rules.push(Rule::Slide(SlideRule { limit, window }));
            for offset in [0, 1, -1, Span::MAX.ms().cast_signed(), -Span::MAX.ms().cast_signed()] {
                rules.push(Rule::Window(WindowRule { limit, length: Length::Span(window), offset }));
                rules.push(Rule::Window(WindowRule { limit, length: Length::Month, offset }));
            }
            for refill in ["1", "0.0000000000000001", "9007199254740991", "0.1", "922337203.6854775807"] {
                let refill = number::refill(refill.as_bytes()).unwrap();
                rules.extend(BucketRule::new(limit, refill, window).map(Rule::Bucket));
            }
        }
    }
    // Miri interprets each step, so it gets only some of the rules.
    rules.into_iter().step_by(if cfg!(miri) { 29 } else { 1 }).collect()
}

#[test]
fn every_first_request_is_admitted_up_to_the_limit_and_no_further() {
    for rule in rules() {
        for cost in COSTS {
            for clock in CLOCKS {
                let decision = Key::default().request(&rule, cost, clock);
                let limit = rule_limit(&rule);
                assert_eq!(decision.allowed, cost <= limit);
                assert_eq!(decision.limit, limit);
                assert_eq!(decision.remaining, if cost <= limit { limit - cost } else { limit });
                assert_eq!(decision.retry, if cost <= limit { Retry::Now } else { Retry::Never });
                assert!(decision.retry.reply() >= -1 && decision.reset_after_ms <= COUNT_MAX);
                assert_eq!(decision.reset_after_ms > 0, (1..=limit).contains(&cost));
            }
        }
    }
}

/// Plays all rules one after another. [`Key::request`] checks each answer.
#[test]
fn every_value_may_follow_every_other() {
    for rule in rules() {
        let mut key = Key::default();
        for round in 0..if cfg!(miri) { 1 } else { 3 } {
            for cost in COSTS {
                for clock in CLOCKS {
                    let decision = key.request(&rule, cost, clock);
                    assert!(decision.retry.reply() <= COUNT_MAX.cast_signed() && decision.at <= At::MAX);
                }
            }
            key.refund([1, COUNT_MAX, 2][round], CLOCKS[round]);
        }
        key.state().map(sound);
    }
}

#[test]
fn a_limit_that_falls_from_the_highest_to_one_counts_all_that_was_used() {
    let of = |limit| {
        let refill = number::refill(b"1").unwrap();
        [
            Rule::Slide(SlideRule { limit, window: Span::MAX }),
            Rule::Window(WindowRule { limit, length: Length::Span(Span::MAX), offset: 0 }),
            Rule::Bucket(BucketRule::new(limit, refill, Span::MAX).unwrap()),
        ]
    };
    for (high, low) in of(COUNT_MAX).iter().zip(of(1)) {
        let mut key = Key::default();
        assert_eq!(key.request(high, COUNT_MAX, TODAY).remaining, 0);
        let denied = key.request(&low, 1, TODAY);
        assert_eq!((denied.allowed, denied.limit, denied.remaining), (false, 1, 0));
        assert!(key.request(&low, 0, TODAY).allowed, "nothing is always to be had");
        key.refund(COUNT_MAX - 1, TODAY);
        assert!(!key.request(&low, 1, TODAY).allowed);
        key.refund(1, TODAY);
        assert!(key.request(&low, 1, TODAY).allowed);
    }
}

#[test]
fn a_window_of_one_millisecond_is_over_in_the_next() {
    for rule in rules().into_iter().filter(|rule| rule.longest().ms() == 1) {
        if matches!(rule, Rule::Bucket(_)) || rule_limit(&rule) == 0 {
            continue; // a bucket gains as much as its refill says, and a limit of 0 admits nobody
        }
        let (mut key, limit) = (Key::default(), rule_limit(&rule));
        for clock in TODAY..TODAY + if cfg!(miri) { 5 } else { 200 } {
            assert_eq!(key.request(&rule, limit, clock).remaining, 0);
            assert_eq!(key.request(&rule, 1, clock).retry, Retry::After(1));
        }
    }
}

#[test]
fn beyond_the_last_instant_time_does_not_advance() {
    assert_eq!(At::from_ms(i64::MAX), At::MAX);
    assert_eq!(At::from_ms(-1), At::MIN);
    for rule in rules().into_iter().filter(|rule| rule_limit(rule) > 0) {
        let mut key = Key::default();
        key.request(&rule, 1, At::MAX.ms());
        let state = key.state().unwrap();
        assert_eq!(state.decide(&rule, 1, At::from_ms(i64::MAX)), state.decide(&rule, 1, At::MAX));
    }
}
