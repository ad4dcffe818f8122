//! Tests `RL.WINDOW` against an oracle that walks the calendar: offsets, months, changed parameters.
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

use common::window::{WindowOracle, bounds};
use common::{Key, Step, TODAY, at, begin, cases, limits, sound, span, spans, steps};
use proptest::prelude::*;
use rl_core::limit::algorithm::Algorithm;
use rl_core::limit::decision::Retry;
use rl_core::limit::meter::Meter;
use rl_core::limit::rule::Rule;
use rl_core::limit::state::{Parts, State};
use rl_core::limit::window::{Length, WindowRule};
use rl_core::time::{At, Span};

const DAY: u64 = 86_400_000;

/// Spans of all sizes, and months.
fn lengths() -> impl Strategy<Value = Length> {
    prop_oneof![4 => spans().prop_map(|ms| Length::Span(span(ms))), 1 => Just(Length::Month)]
}

/// Offsets smaller and larger than any window, in both directions.
fn offsets() -> impl Strategy<Value = i64> {
    let most = Span::MAX.ms().cast_signed();
    prop_oneof![2 => Just(0_i64), 2 => -60_i64..60, 1 => -most..=most, 1 => Just(most), 1 => Just(-most)]
}

/// Returns the largest step of a history.
fn stride(rule: &WindowRule) -> u64 {
    match rule.length {
        Length::Span(span) => span.ms(),
        Length::Month => 31 * DAY,
    }
}

/// Plays a history under one length and offset, each step with one of `limits`. Every answer must be the
/// oracle's.
fn play(rule: WindowRule, limits: &[u64], history: &[Step], begin: u64, refunds: bool) -> Vec<(u64, u64)> {
    let (mut key, mut oracle) = (Key::default(), WindowOracle::default());
    let (mut clock, mut admissions) = (begin, Vec::new());
    for step in history {
        let rule = WindowRule { limit: limits[usize::from(step.pick) % limits.len()], ..rule };
        clock = step.clock(clock, stride(&rule), true);
        if refunds && step.pick >= 220 {
            let cost = step.raw % rule.limit.max(1) + 1;
            key.refund(cost, clock);
            oracle.refund(&rule, cost, clock);
        } else {
            let (cost, now) = (step.cost(rule.limit), oracle.now(clock));
            let expected = oracle.decide(&rule, cost, clock);
            assert_eq!(key.request(&Rule::Window(rule), cost, clock), expected);
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
    fn no_window_ever_admits_more_than_the_limit(
        limit in limits(), length in lengths(), offset in offsets(), begin in begin(), history in steps(50),
    ) {
        let rule = WindowRule { limit, length, offset };
        let mut admissions = play(rule, &[limit], &history, begin, false);
        while let Some((first, _)) = admissions.first() {
            let end = bounds(&rule, *first).1;
            let inside = admissions.iter().take_while(|(at, _)| i128::from(*at) < end);
            let (count, used) = inside.fold((0, 0), |(count, used), (_, cost)| (count + 1, used + cost));
            prop_assert!(used <= limit);
            admissions.drain(..count);
        }
    }

    #[test]
    fn a_changed_limit_applies_at_once_and_refunds_stay_in_their_window(
        limits in prop::collection::vec(limits(), 1..4),
        length in lengths(), offset in offsets(), begin in begin(), history in steps(50),
    ) {
        play(WindowRule { limit: 1, length, offset }, &limits, &history, begin, true);
    }

    #[test]
    fn two_windows_in_turn_each_hold_while_they_are_in_use(
        first in (1_u64..40, 1_u64..300, -60_i64..60), second in (1_u64..40, 1_u64..300, -60_i64..60),
        begin in begin(), history in steps(60),
    ) {
        let rules = [first, second].map(|(limit, ms, offset)| WindowRule { limit, length: Length::Span(span(ms)), offset });
        let (mut key, mut clock) = (Key::default(), begin);
        // For each rule, the admissions since it came into use, and its last use.
        let (mut known, mut last): ([Vec<(u64, u64)>; 2], [u64; 2]) = Default::default();
        for step in &history {
            let which = usize::from(step.pick % 2);
            clock = step.clock(clock, 60, true);
            let (rule, now) = (rules[which], key.now(clock));
            let cost = step.cost(rule.limit);
            if !key.request(&Rule::Window(rule), cost, clock).allowed || cost == 0 {
                continue;
            }
            known[which].push((now, cost));
            let inside = known[which].iter().filter(|(at, _)| i128::from(*at) >= bounds(&rule, now).0);
            prop_assert!(inside.map(|(_, cost)| cost).sum::<u64>() <= rule.limit);
            last[which] = now;
            let Parts::Window(counter) = key.state().unwrap().parts() else { panic!("another algorithm") };
            let other = rules[1 - which];
            let counts = |of: &WindowRule| of.ages_alike(&other);
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

    #[test]
    fn any_instant_is_in_the_window_that_walking_finds(
        ms in 0..=At::MAX.ms(), length in lengths(), offset in offsets(),
    ) {
        let rule = WindowRule { limit: 2, length, offset };
        let mut state = State::new(&Rule::Window(rule));
        state.charge(&Rule::Window(rule), 1, at(ms)).unwrap();
        let end = bounds(&rule, ms).1 - i128::from(ms);
        prop_assert_eq!(i128::from(state.peek(2, at(ms)).reset_after_ms), end);
        prop_assert_eq!(state.peek(2, at(ms)).retry, Retry::After(u64::try_from(end).unwrap()));
        prop_assert_eq!(state.empty_at().map(|at| i128::from(at.ms())), Some(bounds(&rule, ms).1));
    }
}

/// (now, offset in hours, end of the month), computed by hand.
#[test]
fn months_end_where_the_calendar_says() {
    const HOUR: i64 = 3_600_000;
    for (now, offset, end) in [
        (1_704_067_200_000, 0, 1_706_745_600_000), // 2024-01-01 -> 2024-02-01
        (1_709_164_800_000, 0, 1_709_251_200_000), // 2024-02-29 -> 2024-03-01
        (1_709_251_199_999, 0, 1_709_251_200_000), // the last ms of the month
        (1_709_251_200_000, 0, 1_711_929_600_000), // 2024-03-01 -> 2024-04-01
        (1_677_542_400_000, 0, 1_677_628_800_000), // 2023-02-28 -> 2023-03-01
        (4_107_456_000_000, 0, 4_107_542_400_000), // 2100-02-28 -> 2100-03-01, no leap year
        (951_782_400_000, 0, 951_868_800_000),     // 2000-02-29 -> 2000-03-01, a leap year
        (1_709_251_200_000, 8, 1_709_280_000_000), // 2024-03-01 00:00 is February until 08:00
        (1_709_222_400_000, -8, 1_711_900_800_000), // 2024-02-29 16:00 is March already
        (0, 0, 2_678_400_000),                     // 1970-01-01
        (0, 1, 3_600_000),                         // December 1969 until 01:00
    ] {
        let rule = Rule::Window(WindowRule { limit: 1, length: Length::Month, offset: offset * HOUR });
        let mut key = Key::default();
        assert_eq!(key.request(&rule, 1, now).reset_after_ms, end - now, "{now} {offset}");
        assert!(!key.request(&rule, 1, end - 1).allowed);
        assert!(key.request(&rule, 1, end).allowed);
    }
}

#[test]
fn a_new_window_length_counts_what_was_last_used_inside_of_it() {
    let day = Rule::Window(WindowRule { limit: 10, length: Length::Span(span(DAY)), offset: 0 });
    let hour = Rule::Window(WindowRule { limit: 5, length: Length::Span(span(DAY / 24)), offset: 0 });
    let midnight = TODAY - TODAY % DAY;
    let mut key = Key::default();
    assert!(key.request(&day, 3, midnight).allowed);
    assert_eq!(key.request(&hour, 1, midnight + 1).remaining, 1, "three of the day, one more");
    assert_eq!(key.request(&hour, 5, midnight + DAY / 24).remaining, 0, "a new hour");
    assert_eq!(key.request(&day, 1, midnight + DAY / 24 + 1).remaining, 0, "3 + 1 + 5 + 1 of the day");
    assert!(!key.request(&day, 1, midnight + DAY - 1).allowed);
    assert!(key.request(&day, 10, midnight + DAY).allowed);
}
