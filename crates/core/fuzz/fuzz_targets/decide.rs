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

use common::bucket::BucketOracle;
use common::slide::SlideOracle;
use common::window::WindowOracle;
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

enum Oracle {
    Slide(SlideOracle),
    Window(WindowOracle),
    Bucket(BucketOracle),
}

fuzz_target!(|input: Input| {
    let Some(rules) = rules(&input) else { return };
    let mut oracle = match rules[0] {
        Rule::Slide(_) => Oracle::Slide(SlideOracle::default()),
        Rule::Window(_) => Oracle::Window(WindowOracle::default()),
        Rule::Bucket(_) => Oracle::Bucket(BucketOracle::default()),
    };
    let (mut key, mut clock) = (Key::default(), input.start % (1 << 42));
    // With this maximum, even the largest costs add up to a sum that a log may hold.
    for operation in input.operations.iter().take(120) {
        let rule = rules[usize::from(operation.second)];
        let scale = if input.small { 1 << 24 } else { 1 };
        clock = clock.saturating_add_signed(i64::from(operation.time / scale)).min(At::MAX.ms());
        let limit = common::rule_limit(&rule);
        if operation.refund {
            let cost = operation.cost % limit + 1;
            key.refund(cost, clock);
            match (&mut oracle, &rule) {
                (Oracle::Slide(oracle), _) => oracle.refund(cost, clock),
                (Oracle::Window(oracle), Rule::Window(rule)) => oracle.refund(rule, cost, clock),
                (Oracle::Bucket(oracle), Rule::Bucket(rule)) => oracle.refund(rule, cost, clock),
                _ => unreachable!(),
            }
            continue;
        }
        let cost = (operation.cost % (limit + 2)).min(COUNT_MAX);
        let decision = key.request(&rule, cost, clock);
        let (expected, charged) = (expected(&oracle, &rule, cost, clock), decision.allowed && cost > 0);
        assert_eq!(decision, expected);
        match (&mut oracle, &rule) {
            (Oracle::Slide(oracle), Rule::Slide(rule)) if charged => {
                oracle.charge(rule, cost, decision.at.ms())
            }
            (Oracle::Window(oracle), _) if charged => oracle.charge(cost, decision.at.ms()),
            (Oracle::Bucket(oracle), _) if charged => oracle.charge(cost, decision.at.ms()),
            _ => {}
        }
    }
    key.state().map(sound);
});

fn expected(oracle: &Oracle, rule: &Rule, cost: u64, clock: u64) -> rl_core::limit::decision::Decision {
    match (oracle, rule) {
        (Oracle::Slide(oracle), Rule::Slide(rule)) => oracle.decide(rule, cost, clock),
        (Oracle::Window(oracle), Rule::Window(rule)) => oracle.decide(rule, cost, clock),
        (Oracle::Bucket(oracle), Rule::Bucket(rule)) => oracle.decide(rule, cost, clock),
        _ => unreachable!(),
    }
}

/// Makes two rules that age in the same way. Only the windows of a log may differ.
fn rules(input: &Input) -> Option<[Rule; 2]> {
    let most = if input.small { 64 } else { COUNT_MAX };
    let limits = input.limits.map(|limit| limit % most + 1);
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
