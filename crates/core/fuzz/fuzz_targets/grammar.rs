//! Parses arbitrary words for every command, and arbitrary text as an effect.
//!
//! Each input is parsed or refused, without a panic. A parsed request is within bounds and can be decided.
#![no_main]

#[path = "../../tests/common/effect.rs"]
#[allow(dead_code, reason = "it is for the tests")]
mod effect;

use effect::{decoded_limit, encoded, old_text, read_text};
use libfuzzer_sys::fuzz_target;
use rl_core::effect::Effect;
use rl_core::grammar::limit::{self as request, Request};
use rl_core::limit::Kind;
use rl_core::limit::effect::LimitEffect;
use rl_core::limit::rule::Rule;
use rl_core::limit::state::State;
use rl_core::number::COUNT_MAX;
use rl_core::time::{At, Span};

// Words are separated by spaces, so that a dictionary of keywords and numbers is effective.
fuzz_target!(|input: &[u8]| {
    let words: Vec<&[u8]> = input.split(|byte| *byte == b' ').collect();
    let words = words.as_slice();
    let _ = request::peek(words);
    if let Ok(cost) = request::refund(words) {
        assert!(cost <= COUNT_MAX);
    }
    for read in Kind::ALL.map(|kind| request::read_kind(kind, words)) {
        if let Ok(request) = read {
            decided(&request);
        }
    }
    if let Ok(effect) = read_text(input) {
        assert_eq!(old_text(&effect).unwrap().as_bytes(), input, "one effect has one text");
        let LimitEffect::Admit { rule, at, cost } = effect else { return };
        decided(&Request { rule, cost, is_up_to: false, wait: None });
        let (state, _) = effect.create().unwrap();
        assert_eq!(state.peek(0, at).at, at);
    }
    if let Ok(effect) = Effect::decode(input, None) {
        assert_eq!(encoded(&effect), input, "one effect has one form");
    }
});

fn decided(request: &Request) {
    let Request { rule, cost, .. } = request;
    assert!(*cost <= COUNT_MAX);
    assert!(rule.longest().ms() > 0 && rule.longest() <= Span::MAX);
    let mut state = State::new(rule);
    for clock in [At::MIN, At::MAX] {
        let decision = state.decide(rule, *cost, clock).unwrap();
        assert!((1..=COUNT_MAX).contains(&decision.limit) && decision.remaining <= decision.limit);
        if decision.allowed && *cost > 0 {
            let effect = LimitEffect::Admit { rule: *rule, at: decision.at, cost: *cost };
            if let Some(text) = old_text(&effect) {
                assert_eq!(read_text(text.as_bytes()), Ok(effect));
            }
            assert_eq!(decoded_limit(&encoded(&Effect::Limit(effect))), Ok(effect));
            effect.apply(&mut state).unwrap();
        }
    }
    if let Rule::Bucket(rule) = rule {
        assert!(rule.refill().checked().is_some());
    }
}
