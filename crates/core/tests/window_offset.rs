//! A fixed window whose offset changes while it is in use, as for daylight saving time: no second limit is admitted.
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

use common::window::bounds;
use common::{Key, TODAY, begin, cases, sound, span, steps};
use proptest::prelude::*;
use rl_core::limit::decision::Retry;
use rl_core::limit::rule::Rule;
use rl_core::limit::state::Parts;
use rl_core::limit::window::{Length, WindowRule};

const HOUR: u64 = 3_600_000;
const DAY: u64 = 24 * HOUR;

/// A hundred a day that begins so many hours after midnight.
fn day(hours: i64) -> Rule {
    let offset = hours * HOUR.cast_signed();
    Rule::Window(WindowRule { limit: 100, length: Length::Span(span(DAY)), offset })
}

/// Days in UTC+1 begin at 23:00 UTC, and an hour later when daylight saving time ends.
#[test]
fn a_day_that_begins_later_admits_no_second_limit() {
    let (summer, winter) = (day(-1), day(0));
    let midnight = TODAY - TODAY % DAY;
    let mut key = Key::default();
    assert!(key.request(&summer, 60, midnight - HOUR / 2).allowed);
    assert_eq!(key.request(&winter, 40, midnight + HOUR).remaining, 0);
    assert_eq!(key.request(&winter, 1, midnight + HOUR).retry, Retry::After(22 * HOUR));
    assert_eq!(
        key.request(&summer, 61, midnight + HOUR).retry,
        Retry::After(23 * HOUR),
        "40 of the winter day"
    );
    let empty = key.state().unwrap().empty_at().unwrap();
    assert_eq!(empty.ms(), midnight + DAY, "the later of both ends");
    assert_eq!(key.request(&winter, 60, midnight + 23 * HOUR).remaining, 0);
    assert!(key.request(&winter, 100, midnight + DAY).allowed);
}

#[test]
fn a_day_that_begins_earlier_admits_no_second_limit() {
    let (winter, summer) = (day(0), day(-1));
    let midnight = TODAY - TODAY % DAY;
    let mut key = Key::default();
    assert!(key.request(&winter, 100, midnight + 12 * HOUR).allowed);
    let denied = key.request(&summer, 1, midnight + 13 * HOUR);
    assert_eq!((denied.retry, denied.reset_after_ms), (Retry::After(11 * HOUR), 11 * HOUR));
    assert_eq!(
        key.request(&summer, 1, midnight + 23 * HOUR).retry,
        Retry::After(HOUR),
        "the winter day lasts"
    );
    assert_eq!(key.request(&summer, 100, midnight + DAY).remaining, 0);
    assert_eq!(key.request(&summer, 1, midnight + DAY).retry, Retry::After(23 * HOUR));
}

#[test]
fn an_old_offset_binds_no_longer_than_its_window() {
    let (old, new) = (day(0), day(-6));
    let midnight = TODAY - TODAY % DAY;
    let mut key = Key::default();
    assert!(key.request(&old, 10, midnight + 23 * HOUR).allowed);
    assert_eq!(key.request(&new, 20, midnight + 23 * HOUR).remaining, 70);
    // The old rule is remembered until 23:00, but its next window was never asked for.
    assert_eq!(key.request(&new, 70, midnight + DAY + 17 * HOUR).remaining, 0);
    assert_eq!(key.request(&new, 100, midnight + DAY + 18 * HOUR).remaining, 0);
}

proptest! {
    #![proptest_config(cases(10_000))]

    /// Adds up all admissions in the window of each offset that is in use.
    #[test]
    fn an_offset_that_changes_admits_no_second_limit(
        ms in 1_u64..200, offsets in prop::array::uniform2(-60_i64..60), limits in prop::array::uniform2(1_u64..40),
        alike in any::<bool>(), often in 0_u8..8, begin in begin(), history in steps(60),
    ) {
        let rules = [0, 1].map(|at| WindowRule {
            limit: if alike { limits[0] } else { limits[at] },
            length: Length::Span(span(ms)),
            offset: offsets[at],
        });
        prop_assume!(offsets[0] != offsets[1]);
        let (mut key, mut clock, mut which) = (Key::default(), begin, 0);
        let mut admitted: Vec<(u64, u64)> = Vec::new();
        // For each rule, since when it counts, and its last use.
        let (mut since, mut last): ([Option<i128>; 2], [u64; 2]) = Default::default();
        for step in &history {
            if step.pick % 8 <= often {
                which = 1 - which;
            }
            clock = step.clock(clock, ms, true);
            let (rule, now) = (rules[which], key.now(clock));
            let known = |rule: &WindowRule| key.state().is_some_and(|state| {
                let Parts::Window(counter) = state.parts() else { panic!("another algorithm") };
                counter.rule.offset == rule.offset
                    || counter.before.is_some_and(|before| before.rule.offset == rule.offset)
            });
            // A rule that comes into use takes over the window that the other one has counted last.
            let from = match since[which].filter(|_| known(&rule)) {
                Some(from) => from,
                None => admitted.last().map_or(0, |(at, _)| bounds(&rules[1 - which], *at).0),
            };
            let cost = step.cost(rule.limit);
            if !key.request(&Rule::Window(rule), cost, clock).allowed || cost == 0 {
                continue;
            }
            admitted.push((now, cost));
            (since[which], last[which]) = (Some(from), now);
            for (each, from) in since.iter().enumerate() {
                let (first, end) = bounds(&rules[each], last[each]);
                let Some(from) = from.filter(|_| i128::from(now) < end) else { continue };
                let inside = admitted.iter().filter(|(at, _)| i128::from(*at) >= first.max(from));
                prop_assert!(inside.map(|(_, cost)| cost).sum::<u64>() <= rule.limit, "{:?}", rules[each]);
                let empty = key.state().unwrap().empty_at().unwrap();
                prop_assert!(i128::from(empty.ms()) >= end, "the key expires before its windows end");
            }
        }
        key.state().map(sound);
    }
}
