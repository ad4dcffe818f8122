//! Measures how the cost of a sliding window grows with its admissions, and the cost of its codec.
#![allow(missing_docs, reason = "criterion's macros write a function that has none")]
#![allow(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    reason = "a benchmark that panics has failed, as it should"
)]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use rl_core::limit::bucket::BucketRule;
use rl_core::limit::codec;
use rl_core::limit::rule::Rule;
use rl_core::limit::slide::SlideRule;
use rl_core::limit::state::State;
use rl_core::limit::window::{Length, WindowRule};
use rl_core::number::{COUNT_MAX, Decimal};
use rl_core::time::{At, Span};

const BEGIN: u64 = 1_764_000_000_000;
const ENTRIES: [u64; 4] = [1, 100, 10_000, 1_000_000];
const WINDOW: Span = Span::from_ms(3_600_000);

/// Makes a window of an hour with this many admissions, evenly spread over it, up to this instant.
fn filled(entries: u64, limit: u64) -> (State, Rule, u64) {
    let rule = Rule::Slide(SlideRule { limit, window: WINDOW });
    let mut state = State::new(&rule);
    let step = WINDOW.ms() / (entries + 1);
    for entry in 0..entries {
        state.charge(&rule, 1, At::new(BEGIN + entry * step).unwrap()).unwrap();
    }
    (state, rule, BEGIN + (entries - 1) * step)
}

/// Admits one more at the rate at which the window was filled, so that one leaves for each that comes.
fn log(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("log");
    for entries in ENTRIES {
        group.bench_function(BenchmarkId::new("admitted", entries), |bencher| {
            let (mut state, rule, mut now) = filled(entries, COUNT_MAX);
            let step = WINDOW.ms() / (entries + 1);
            bencher.iter(|| {
                now += step;
                let at = At::new(now).unwrap_or_else(|| {
                    (state, _, now) = filled(entries, COUNT_MAX); // the end of time: begin again
                    At::new(now).unwrap()
                });
                let decision = state.decide(&rule, 1, at).unwrap();
                state.charge(&rule, 1, decision.at)
            });
        });
        group.bench_function(BenchmarkId::new("denied", entries), |bencher| {
            let (state, rule, now) = filled(entries, entries);
            let now = At::new(now).unwrap();
            bencher.iter(|| state.decide(&rule, 1, black_box(now)).unwrap());
        });
        // From a denial to the instant at which half of the log has left: a reader must walk over that half.
        group.bench_function(BenchmarkId::new("half of it is wanted", entries), |bencher| {
            let (state, rule, now) = filled(entries, entries);
            let now = At::new(now).unwrap();
            bencher.iter(|| state.decide(&rule, black_box(entries.div_ceil(2)), now).unwrap());
        });
    }
    group.finish();
}

fn written(criterion: &mut Criterion) {
    let refill = Decimal { mantissa: 833, scale: 2 };
    let counters = [
        ("bucket", Rule::Bucket(BucketRule::new(50, refill, Span::from_ms(1_000)).unwrap())),
        ("window", Rule::Window(WindowRule { limit: 500, length: Length::Span(WINDOW), offset: 0 })),
    ];
    let mut states: Vec<(String, State)> = Vec::new();
    for (name, rule) in counters {
        let mut state = State::new(&rule);
        state.charge(&rule, 1, At::new(BEGIN).unwrap()).unwrap();
        states.push((name.to_owned(), state));
    }
    for entries in ENTRIES {
        states.push((format!("slide, {entries}"), filled(entries, COUNT_MAX).0));
    }
    let mut group = criterion.benchmark_group("codec");
    for (name, state) in &states {
        let bytes = codec::encode(state);
        group.bench_function(BenchmarkId::new("encode", name), |bencher| {
            bencher.iter(|| codec::encode(black_box(state)));
        });
        group.bench_function(BenchmarkId::new("decode", name), |bencher| {
            bencher.iter(|| codec::decode(black_box(&bytes)).unwrap());
        });
    }
    group.finish();
}

criterion_group!(growth, log, written);
criterion_main!(growth);
