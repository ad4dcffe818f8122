//! A window of `1w` begins on Monday, in a calendar of real dates.
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

use common::{Key, cases};
use proptest::prelude::*;
use rl_core::grammar::limit as request;
use rl_core::limit::algorithm::Field;
use rl_core::limit::rule::Rule;
use rl_core::time::{At, Span};

const DAY: u64 = 86_400_000;
const WEEK: u64 = 7 * DAY;

fn rule(text: &str) -> Rule {
    let text = format!("RL.WINDOW key {text}");
    let words: Vec<&[u8]> = text.split(' ').map(str::as_bytes).collect();
    request::window(words.as_slice()).unwrap().rule
}

/// Returns how long a window that contains `now` still lasts.
fn lasts(rule: &Rule, now: u64) -> u64 {
    Key::default().request(rule, 1, now).reset_after_ms
}

/// The days of real calendars: (seconds since the epoch at 00:00 UTC, days until the next Monday).
#[test]
fn a_week_begins_on_monday() {
    for (seconds, days) in [
        (0, 4),             // Thursday, 1970-01-01
        (345_600, 7),       // Monday, 1970-01-05
        (951_782_400, 6),   // Tuesday, 2000-02-29
        (1_704_067_200, 7), // Monday, 2024-01-01
        (1_709_164_800, 4), // Thursday, 2024-02-29
        (1_735_430_400, 1), // Sunday, 2024-12-29
        (1_735_516_800, 7), // Monday, 2024-12-30, the first day of week 1 of 2025
        (1_735_689_600, 5), // Wednesday, 2025-01-01
        (4_107_542_400, 7), // Monday, 2100-03-01
    ] {
        let midnight = seconds * 1_000;
        assert_eq!(lasts(&rule("5 1w"), midnight), days * DAY, "{seconds}");
        assert_eq!(lasts(&rule("5 1w"), midnight + 1), days * DAY - 1, "{seconds}");
        // In UTC+8 it is 08:00 already, and in UTC-5 still 19:00 of the day before.
        let east = (days * DAY - 8 * DAY / 24).min(WEEK);
        assert_eq!(lasts(&rule("5 1w OFFSET -8h"), midnight), east, "{seconds}");
        let west = (days * DAY + 5 * DAY / 24) % WEEK;
        assert_eq!(lasts(&rule("5 1w OFFSET 5h"), midnight), west, "{seconds}");
    }
}

#[test]
fn only_the_word_1w_is_aligned_to_monday() {
    for text in ["5 7d", "5 168h", "5 604800", "5 1.0w", "5 01w"] {
        assert_eq!(lasts(&rule(text), 0), WEEK, "{text}");
    }
    assert_eq!(lasts(&rule("5 2w"), 0), 2 * WEEK);
    assert_eq!(rule("5 1w"), rule("5 7d OFFSET 4d"));
    let fields = [
        ("limit", Field::Count(5)),
        ("window_ms", Field::Count(WEEK)),
        ("offset_ms", Field::Signed(345_600_000)),
    ];
    assert_eq!(rule("5 1w").fields()[..], fields);
}

proptest! {
    #![proptest_config(cases(10_000))]

    /// Counts days from Thursday, 1970-01-01.
    #[test]
    fn every_instant_is_in_the_week_that_counting_days_finds(ms in 0..=At::MAX.ms(), offset in prop_oneof![
        Just(0), -60_i64..60, -315_360_000_000_i64..=315_360_000_000, Just(315_360_000_000), Just(-315_360_000_000),
    ]) {
        let text = format!("5 1w OFFSET {}ms", offset);
        let shifted = i128::from(ms) - i128::from(offset);
        let weekday = (shifted.div_euclid(i128::from(DAY)) + 3).rem_euclid(7); // 0 is Monday
        let since = weekday * i128::from(DAY) + shifted.rem_euclid(i128::from(DAY));
        prop_assert_eq!(i128::from(lasts(&rule(&text), ms)), i128::from(WEEK) - since);
        let Rule::Window(rule) = rule(&text) else { panic!("another algorithm") };
        prop_assert!(rule.offset.unsigned_abs() <= Span::MAX.ms());
    }
}
