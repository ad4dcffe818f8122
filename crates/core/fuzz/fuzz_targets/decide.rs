//! Plays any sequence of requests and refunds at any clocks, under one limit or two that differ only in how
//! much they admit. Every decision must equal the naive oracle's and be honest to the millisecond.
#![no_main]

#[path = "../../tests/common/mod.rs"]
mod common;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use rl_core::limit::bucket::BucketRule;
use rl_core::limit::rule::Rule;
use rl_core::limit::slide::SlideRule;
use rl_core::limit::window::{Length, WindowRule};
use rl_core::number::{COUNT_MAX, Decimal};
use rl_core::time::{At, Span};

use common::by_algorithm::Oracle;
use common::{Key, sound};

#[derive(Arbitrary, Debug)]
struct Input {
    kind: Kind,
    limits: [u64; 2],
    /// Small values are steps of milliseconds, so that edges are hit.
    small: bool,
    start: u64,
    operations: Vec<Operation>,
}

#[derive(Arbitrary, Debug)]
enum Kind {
    Slide { windows: [u64; 2] },
    Window { length: u64, offset: i64 },
    Bucket { mantissa: u64, scale: u8, period: u64 },
}

#[derive(Arbitrary, Debug)]
struct Operation {
    time: i32,
    cost: u64,
    second: bool,
    refund: bool,
}

fuzz_target!(|input: Input| {
    let Some(rules) = rules(&input) else { return };
    let mut oracle = Oracle::new(&rules[0]);
    let (mut key, mut clock) = (Key::default(), input.start % (1 << 42));
    // With this maximum, even the largest costs add up to a sum that a log may hold.
    for operation in input.operations.iter().take(120) {
        let rule = rules[usize::from(operation.second)];
        let scale = if input.small { 1 << 24 } else { 1 };
        clock = clock.saturating_add_signed(i64::from(operation.time / scale)).min(At::MAX.ms());
        let limit = common::rule_limit(&rule);
        if operation.refund {
            let cost = operation.cost % limit.max(1) + 1;
            key.refund(cost, clock);
            oracle.refund(&rule, cost, clock);
            continue;
        }
        let cost = (operation.cost % (limit + 2)).min(COUNT_MAX);
        let decision = key.request(&rule, cost, clock);
        assert_eq!(decision, oracle.decide(&rule, cost, clock));
        if decision.allowed && cost > 0 {
            oracle.charge(&rule, cost, decision.at.ms());
        }
    }
    key.state().map(sound);
});

/// Makes two rules that age in the same way. Only the windows of a log may differ.
fn rules(input: &Input) -> Option<[Rule; 2]> {
    let most = if input.small { 64 } else { COUNT_MAX };
    let limits = input.limits.map(|limit| limit % most);
    let span = |ms: u64| Span::from_ms(ms % if input.small { 64 } else { Span::MAX.ms() } + 1);
    Some(match input.kind {
        Kind::Slide { windows: [first, second] } => [(limits[0], first), (limits[1], second)]
            .map(|(limit, window)| Rule::Slide(SlideRule { limit, window: span(window) })),
        Kind::Window { length, offset } => limits.map(|limit| {
            let length = if length == 0 { Length::Month } else { Length::Span(span(length)) };
            Rule::Window(WindowRule { limit, length, offset: offset % Span::MAX.ms().cast_signed() })
        }),
        Kind::Bucket { mantissa, scale, period } => {
            let refill = Decimal { mantissa, scale: scale % 20 }.checked()?;
            let [first, second] = limits.map(|limit| BucketRule::new(limit, refill, span(period)));
            [Rule::Bucket(first?), Rule::Bucket(second?)]
        }
    })
}
