//! Strategies for any rule and any effect, for promises that all three algorithms share.

use proptest::prelude::*;
use rl_core::limit::bucket::BucketRule;
use rl_core::limit::effect::LimitEffect;
use rl_core::limit::rule::Rule;
use rl_core::limit::slide::SlideRule;
use rl_core::limit::window::{Length, WindowRule};
use rl_core::number::{COUNT_MAX, Decimal};
use rl_core::time::{At, Span};

use super::{at, limits, span, spans};

pub(crate) fn slide_rules() -> impl Strategy<Value = Rule> {
    (limits(), spans()).prop_map(|(limit, window)| Rule::Slide(SlideRule { limit, window: span(window) }))
}

pub(crate) fn window_rules() -> impl Strategy<Value = Rule> {
    let most = Span::MAX.ms().cast_signed();
    let lengths = prop_oneof![4 => spans().prop_map(|ms| Length::Span(span(ms))), 1 => Just(Length::Month)];
    let offsets = prop_oneof![3 => Just(0_i64), 1 => -most..=most, 1 => -60_i64..60];
    (limits(), lengths, offsets)
        .prop_map(|(limit, length, offset)| Rule::Window(WindowRule { limit, length, offset }))
}

/// Bucket rules with refills of up to nineteen decimals, if their ticks fit.
pub(crate) fn bucket_rules() -> impl Strategy<Value = Rule> {
    let mantissas = prop_oneof![3 => 1_u64..1_000, 1 => 1_u64..=COUNT_MAX, 1 => 1_u64..=u64::MAX];
    (limits(), mantissas, 0_u8..20, spans()).prop_filter_map(
        "not a refill",
        |(capacity, mantissa, scale, period)| {
            let refill = (0..=scale).rev().find_map(|scale| Decimal { mantissa, scale }.checked())?;
            BucketRule::new(capacity, refill, span(period)).map(Rule::Bucket)
        },
    )
}

/// One to four rules of one algorithm, as one key may get them.
pub(crate) fn rules() -> impl Strategy<Value = Vec<Rule>> {
    prop_oneof![
        prop::collection::vec(slide_rules(), 1..5),
        prop::collection::vec(window_rules(), 1..5),
        prop::collection::vec(bucket_rules(), 1..5),
    ]
}

pub(crate) fn any_rule() -> impl Strategy<Value = Rule> {
    prop_oneof![slide_rules(), window_rules(), bucket_rules()]
}

/// Effects that no primary would send: with any instant and any cost.
pub(crate) fn any_effect(rules: Vec<Rule>) -> impl Strategy<Value = LimitEffect> {
    let instants = prop_oneof![3 => 0_u64..100, 2 => 0..=At::MAX.ms(), 1 => Just(At::MAX.ms())];
    let costs = prop_oneof![2 => 1_u64..50, 2 => 1..=COUNT_MAX, 1 => Just(COUNT_MAX)];
    (prop::sample::select(rules), instants, costs, 0_u8..6).prop_map(|(rule, ms, cost, kind)| match kind {
        0 => LimitEffect::Refund { at: at(ms), cost },
        _ => LimitEffect::Admit { rule, at: at(ms), cost },
    })
}
