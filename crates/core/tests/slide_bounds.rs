//! Tests the limits of a sliding window's log.
//!
//! With more instants than the log can keep apart, the tests bound its error, its memory and its time.
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

use std::time::{Duration, Instant};

use common::{TODAY, at, sound, span};
use rl_core::limit::algorithm::COST_MAX;
use rl_core::limit::decision::Decision;
use rl_core::limit::decision::Retry;
use rl_core::limit::effect::LimitEffect;
use rl_core::limit::rule::Rule;
use rl_core::limit::slide::SlideRule;
use rl_core::limit::slide::log::{BYTES_MAX, ENTRIES_EXACT, ENTRIES_MAX, Log};
use rl_core::limit::state::{Parts, State};
use rl_core::number::COUNT_MAX;
use rl_core::time::{At, Span};

fn log_of(state: &State) -> Log {
    let Parts::Slide(slide) = state.parts() else { panic!("another algorithm") };
    slide.log.clone()
}

/// All admissions of one key, with the sum before each. Any interval then takes two look-ups.
#[derive(Default)]
struct Admitted {
    at: Vec<u64>,
    before: Vec<u64>,
    total: u64,
}

impl Admitted {
    fn push(&mut self, at: u64, cost: u64) {
        self.at.push(at);
        self.before.push(self.total);
        self.total += cost;
    }

    /// Returns the cost admitted later than `cutoff`.
    fn since(&self, cutoff: u64) -> u64 {
        let first = self.at.partition_point(|at| *at <= cutoff);
        self.total - self.before.get(first).copied().unwrap_or(self.total)
    }
}

/// Returns the next number of a deterministic stream.
fn random(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *seed >> 24
}

/// Fills a window of `window` ms with requests, at a rate at which `instants` of them fit. Checks 500 answers
/// on the way against all admissions.
fn play(window: u64, instants: u64, limit: u64, mut seed: u64) -> State {
    let rule = Rule::Slide(SlideRule { limit, window: span(window) });
    let (mut state, mut admitted, mut clock) = (State::new(&rule), Admitted::default(), TODAY);
    let (requests, probes) = if cfg!(miri) { (200, 20) } else { (3 * instants, 500) };
    for request in 0..requests {
        clock += 1 + random(&mut seed) % (2 * window / instants).max(1);
        let cost = 1 + random(&mut seed) % 20;
        let decision = state.decide(&rule, cost, at(clock)).unwrap();
        if decision.allowed {
            state.charge(&rule, cost, at(clock)).unwrap();
            admitted.push(clock, cost);
            assert!(admitted.since(clock - window) <= limit, "over-admitted");
        } else if let Retry::After(ms) = decision.retry {
            // Exact for what the log holds, and at most one grid cell late for what was admitted.
            assert!(state.decide(&rule, cost, at(clock + ms)).unwrap().allowed);
            assert!(!state.decide(&rule, cost, at(clock + ms - 1)).unwrap().allowed);
            let earlier = (clock + ms - 1).saturating_sub(window / u64::from(ENTRIES_EXACT));
            assert!(earlier < clock || admitted.since(earlier - window) + cost > limit, "late");
        }
        assert!(log_of(&state).entries() <= ENTRIES_MAX);
        if request % (requests / probes) == 0 {
            let (now, grid) = (clock + random(&mut seed) % window, window / u64::from(ENTRIES_EXACT));
            let held = state.used_cost(at(now));
            assert!(held >= admitted.since(now - window), "forgotten too early");
            assert!(held <= admitted.since((now - window).saturating_sub(grid)), "kept too long");
            if instants < u64::from(ENTRIES_EXACT) {
                assert_eq!(held, admitted.since(now - window), "exact");
            }
        }
    }
    sound(&state);
    state
}

/// Twenty histories of 500 questions each.
#[test]
fn up_to_ten_thousand_instants_are_exact() {
    for seed in 0..20 {
        let window = [86_400_000, 60_000, 20_000_000_000, 3_600_000][(seed % 4) as usize];
        let state = play(window, 9_500, if seed % 3 == 0 { 40_000 } else { COUNT_MAX }, seed);
        assert!(cfg!(miri) || log_of(&state).entries() > 2_000);
    }
}

/// Twenty histories of 500 questions each.
#[test]
fn beyond_them_nothing_is_over_admitted_and_nothing_late_by_more_than_the_grid() {
    for seed in 0..20 {
        let window = [86_400_000, 600_000, 20_000_000_000, 3_600_000][(seed % 4) as usize];
        let state = play(window, 40_000, if seed % 3 == 0 { 300_000 } else { COUNT_MAX }, seed);
        assert!(cfg!(miri) || log_of(&state).entries() > 5_000);
    }
}

/// A key whose log takes the most bytes possible: costs of seven and eight bytes as far as the sum allows,
/// distances of four and five bytes as far as the window allows, and a quarter of the log aged out.
#[test]
fn no_key_takes_more_than_256_kib() {
    let rule = Rule::Slide(SlideRule { limit: COUNT_MAX, window: Span::MAX });
    let (wide, dear) = (1 << 27, 1 << 49);
    let requests = if cfg!(miri) { 200 } else { 80_000 };
    let mut most = 0;
    for gone in [3_000, 4_000, 4_900, 5_000, 6_000] {
        let mut state = State::new(&rule);
        let mut now = TODAY;
        for request in 0..requests {
            now += if request % 15_000 < 2_000 { wide } else { 1 << 20 };
            let cost = if request % 15_000 < 1_800 { dear } else { 1 << 42 };
            let effect = LimitEffect::Admit { rule, at: At::new(now).unwrap_or(At::MAX), cost };
            let applied = effect.apply(&mut state);
            if applied.is_err() || request % gone == gone - 1 {
                state.refund(COST_MAX / 3, at(now.min(At::MAX.ms())));
            }
            most = most.max(state.heap_bytes());
            assert!(state.heap_bytes() + size_of::<State>() <= 256 << 10, "{} bytes", state.heap_bytes());
            assert!(log_of(&state).packed().1.len() <= BYTES_MAX);
        }
        sound(&state);
    }
    println!("the most that was taken: {most} bytes");
}

#[test]
fn five_hundred_a_minute_take_under_1700_bytes() {
    let rule = Rule::Slide(SlideRule { limit: 500, window: span(60_000) });
    let mut state = State::new(&rule);
    let (mut clock, mut most) = (TODAY, 0);
    for _ in 0..5_000 {
        clock += 120;
        if state.decide(&rule, 1, at(clock)).unwrap().allowed {
            state.charge(&rule, 1, at(clock)).unwrap();
        }
        most = most.max(state.heap_bytes());
    }
    assert_eq!(log_of(&state).entries(), 500);
    assert!(most <= 1_700, "{most} bytes");
}

/// If any of this were linear in the length of the log, it would take minutes.
#[test]
fn a_million_requests_on_a_full_log_take_no_time() {
    let rule = Rule::Slide(SlideRule { limit: 14_000, window: span(14_000_000) });
    let (mut state, mut clock, started) = (State::new(&rule), TODAY, Instant::now());
    let requests = if cfg!(miri) { 100 } else { 1_000_000 };
    let mut admitted = 0;
    for _ in 0..requests {
        clock += 500; // half of them are denied
        if state.decide(&rule, 1, at(clock)).unwrap().allowed {
            state.charge(&rule, 1, at(clock)).unwrap();
            admitted += 1;
        }
    }
    assert!(admitted >= requests / 2 && (cfg!(miri) || log_of(&state).entries() > 7_000));
    assert!(cfg!(miri) || started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
}

/// A window of a day was in use before. The grid of a window of a second has cells of a millisecond.
#[test]
fn a_longer_window_before_does_not_coarsen_the_one_in_force() {
    let rule = |window| Rule::Slide(SlideRule { limit: 1_000_000, window: span(window) });
    let (day, second) = (rule(86_400_000), rule(1_000));
    let mut state = State::new(&day);
    state.charge(&day, 1, at(TODAY)).unwrap();
    let last = if cfg!(miri) { 300 } else { 40_000 };
    for step in 1..=last {
        state.charge(&second, 1, at(TODAY + step)).unwrap();
        assert_eq!(state.used_cost(at(TODAY + step)), (step + 1).min(1_000), "after {step} ms");
        assert!(log_of(&state).entries() <= ENTRIES_MAX);
    }
    let Decision { remaining, .. } = state.decide(&day, 0, at(TODAY + last)).unwrap();
    assert_eq!(remaining, 1_000_000 - (last + 1), "and the day has lost nothing");
}

/// Cost beyond what any limit can tell apart is not stored, and nothing overflows.
#[test]
fn costs_beyond_every_limit_saturate() {
    let huge = (1 << 53) - 1;
    let rules = [
        Rule::Slide(SlideRule { limit: huge, window: span(86_400_000) }),
        Rule::Slide(SlideRule { limit: huge, window: span(1) }),
    ];
    let mut state = State::new(&rules[0]);
    for step in 0..300 {
        state.charge(&rules[1 - usize::from(step == 0)], huge, at(TODAY + step)).unwrap();
    }
    assert!(!state.decide(&rules[0], 1, at(TODAY + 300)).unwrap().allowed);
    assert!(!state.decide(&rules[1], 1, at(TODAY + 299)).unwrap().allowed);
    assert!(state.decide(&rules[1], huge, at(TODAY + 300)).unwrap().allowed);
    assert!(log_of(&state).cost() <= COST_MAX);
}
