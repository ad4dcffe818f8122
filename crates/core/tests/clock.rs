//! Tests clocks that step back and forth, for all three algorithms: a key's time never runs backwards, no
//! cost is admitted twice because of that, and announced times count from the clock as it is.
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

use common::any::{bucket_rules, slide_rules, window_rules};
use common::bucket::every_interval_keeps_the_bound;
use common::{Key, TODAY, cases, rule_limit, sound, window};
use proptest::prelude::*;
use rl_core::limit::bucket::BucketRule;
use rl_core::limit::decision::Retry;
use rl_core::limit::rule::Rule;
use rl_core::limit::slide::SlideRule;
use rl_core::limit::window::{Length, WindowRule};
use rl_core::number;
use rl_core::time::{At, Span};

/// Steps of a clock, in thousandths of the rule's span. Some go back to the start of the clock.
fn steps() -> impl Strategy<Value = Vec<(i64, u64)>> {
    let step = prop_oneof![5 => -1_500_i64..1_500, 2 => -100_i64..100, 2 => Just(0_i64), 1 => any::<i64>()];
    prop::collection::vec((step, any::<u64>()), 1..if cfg!(miri) { 10 } else { 60 })
}

/// Plays these clock steps on one key. Returns its admissions as (instant of the decision, cost).
fn play(rule: &Rule, steps: &[(i64, u64)]) -> Vec<(u64, u64)> {
    let (mut key, mut clock, mut last, mut admitted) = (Key::default(), TODAY, 0, Vec::new());
    for (step, raw) in steps {
        let ms = i128::from(*step) * i128::from(rule.longest().ms()) / 1_000;
        let far = At::MAX.ms() - 1;
        clock = u64::try_from((i128::from(clock) + ms).clamp(0, i128::from(far))).unwrap();
        let cost = raw % (rule_limit(rule) / 3 + 1) + 1;
        // Checks that announced times are true, even if the clock is before the key's time.
        let decision = key.request(rule, cost, clock);
        assert!(decision.at.ms() >= last.max(clock), "a key's time ran backwards");
        if decision.allowed {
            last = decision.at.ms();
            admitted.push((last, cost));
        }
    }
    key.state().map(sound);
    admitted
}

proptest! {
    #![proptest_config(cases(10_000))]

    #[test]
    fn a_sliding_window_holds_in_the_keys_own_time(rule in slide_rules(), steps in steps()) {
        let admitted = play(&rule, &steps);
        for (first, (begin, _)) in admitted.iter().enumerate() {
            let inside = admitted[first..].iter().take_while(|(at, _)| *at < begin + rule.longest().ms());
            prop_assert!(inside.map(|(_, cost)| cost).sum::<u64>() <= rule_limit(&rule));
        }
    }

    #[test]
    fn a_fixed_window_holds_in_the_keys_own_time(rule in window_rules(), steps in steps()) {
        let admitted = play(&rule, &steps);
        let Rule::Window(rule) = rule else { panic!("another algorithm") };
        for (begin, _) in &admitted {
            let bounds = window::bounds(&rule, *begin);
            let inside = admitted.iter().filter(|(at, _)| (bounds.0..bounds.1).contains(&i128::from(*at)));
            prop_assert!(inside.map(|(_, cost)| cost).sum::<u64>() <= rule.limit);
        }
    }

    #[test]
    fn a_bucket_holds_in_the_keys_own_time(rule in bucket_rules(), steps in steps()) {
        let admitted = play(&rule, &steps);
        let Rule::Bucket(rule) = rule else { panic!("another algorithm") };
        every_interval_keeps_the_bound(&rule, &admitted);
    }
}

/// One rule of each algorithm, a minute long.
fn a_minute_each() -> [Rule; 3] {
    let window = Span::from_ms(60_000);
    let refill = number::refill(b"1").unwrap();
    [
        Rule::Slide(SlideRule { limit: 1, window }),
        Rule::Window(WindowRule { limit: 1, length: Length::Span(window), offset: 0 }),
        Rule::Bucket(BucketRule::new(1, refill, window).unwrap()),
    ]
}

#[test]
fn a_clock_that_steps_back_waits_for_the_step_as_well() {
    for rule in a_minute_each() {
        let mut key = Key::default();
        assert!(key.request(&rule, 1, TODAY).allowed); // the first instant of a minute
        let denied = key.request(&rule, 1, TODAY - 5_000);
        assert_eq!((denied.allowed, denied.at.ms()), (false, TODAY));
        assert_eq!((denied.retry, denied.reset_after_ms), (Retry::After(65_000), 65_000), "{rule:?}");
        assert!(key.request(&rule, 1, TODAY + 60_000).allowed);
    }
}

#[test]
fn a_clock_that_jumped_ahead_and_back_harms_no_denied_caller() {
    for rule in a_minute_each() {
        let mut key = Key::default();
        assert!(key.request(&rule, 1, TODAY).allowed);
        let before = key.clone();
        assert!(!key.request(&rule, 1, TODAY + 59_999).allowed);
        key.refund(0, TODAY);
        assert_eq!(key.request(&rule, 1, TODAY + 1), before.clone().request(&rule, 1, TODAY + 1));
        assert_eq!(key.state(), before.state());
    }
}
