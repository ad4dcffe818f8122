//! Tests that a replica and a replayed AOF hold the same bytes as the primary.
//!
//! This must hold whatever their clocks are and whatever requests they get meanwhile. No stream of effects
//! may do harm.
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

use common::any::{any_effect, any_rule, rules};
use common::effect::{decoded_limit, encoded};
use common::{Step, TODAY, at, begin, cases, rule_limit, sound, steps};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use rl_core::effect::Effect;
use rl_core::fault::Fault;
use rl_core::limit::Kind;
use rl_core::limit::codec;
use rl_core::limit::decision::Expiry;
use rl_core::limit::effect::LimitEffect;
use rl_core::limit::rule::Rule;
use rl_core::limit::state::State;
use rl_core::time::At;

#[test]
fn the_strategies_make_rules_of_each_algorithm() {
    let mut runner = TestRunner::deterministic();
    let (mut alone, mut together) = (Vec::new(), Vec::new());
    for _ in 0..200 {
        alone.push(any_rule().new_tree(&mut runner).unwrap().current().kind());
        together.push(rules().new_tree(&mut runner).unwrap().current()[0].kind());
    }
    for kind in Kind::ALL {
        assert!(alone.contains(&kind) && together.contains(&kind), "{kind:?}");
    }
}

/// Plays one step on the primary. Returns the effect that it sends, if any.
fn decide(primary: Option<&State>, rule: &Rule, step: &Step, clock: u64) -> Option<LimitEffect> {
    if step.pick >= 220 {
        let at = primary?.refundable(at(clock))?;
        return Some(LimitEffect::Refund { at, cost: step.raw % rule_limit(rule).max(1) + 1 });
    }
    let cost = step.cost(rule_limit(rule));
    let decision = match primary {
        Some(state) => state.decide(rule, cost, at(clock)).unwrap(),
        None => State::decide_new(rule, cost, at(clock)),
    };
    (decision.allowed && cost > 0).then_some(LimitEffect::Admit { rule: *rule, at: decision.at, cost })
}

fn apply(state: &mut Option<State>, effect: &LimitEffect) -> Result<Expiry, Fault> {
    match state {
        Some(state) => effect.apply(state),
        None => {
            let (created, expiry) = effect.create().expect("an admission creates");
            *state = Some(created);
            Ok(expiry)
        }
    }
}

proptest! {
    #![proptest_config(cases(10_000))]

    #[test]
    fn a_replica_holds_the_same_bytes_after_every_effect(
        rules in rules(), begin in begin(), history in steps(40),
    ) {
        let (mut primary, mut replica, mut reloaded) = (None, None, None);
        let mut expiries = [None; 3];
        let mut clock = begin;
        for step in &history {
            let rule = rules[usize::from(step.pick) % rules.len()];
            clock = step.clock(clock, rule.longest().ms(), true);
            let Some(effect) = decide(primary.as_ref(), &rule, step, clock) else { continue };
            let applied = apply(&mut primary, &effect);
            let bytes = encoded(&Effect::Limit(effect));
            let read = decoded_limit(&bytes);
            prop_assert_eq!(read, Ok(effect), "{:?}", bytes);
            let replicated = apply(&mut replica, &read.unwrap());
            prop_assert_eq!(replicated, applied);
            // The replica decides at its own clock, which must not change it.
            let replica = replica.as_ref().unwrap();
            let _ = replica.peek(step.raw % 9, At::from_ms(step.raw.cast_signed()));
            // The third copy is saved and loaded before each effect, as on a server that keeps restarting.
            for (place, expiry) in expiries.iter_mut().zip([applied, replicated, apply(&mut reloaded, &effect)]) {
                if let Ok(Expiry::Moved { to, .. }) = expiry {
                    *place = Some(to);
                }
                prop_assert_eq!(expiry.is_ok(), applied.is_ok());
            }
            prop_assert_eq!(expiries, [expiries[0]; 3]);
            let bytes = codec::encode(primary.as_ref().unwrap());
            prop_assert_eq!(&codec::encode(replica), &bytes);
            prop_assert_eq!(&codec::encode(reloaded.as_ref().unwrap()), &bytes);
            prop_assert!(primary == reloaded && primary.as_ref() == Some(replica));
            reloaded = codec::decode(&bytes);
            prop_assert!(reloaded.is_some());
        }
        // A promoted replica answers as the primary would.
        if let (Some(primary), Some(replica)) = (&primary, &replica) {
            for rule in &rules {
                prop_assert_eq!(replica.decide(rule, 1, at(clock)), primary.decide(rule, 1, at(clock)));
            }
        }
    }

    #[test]
    fn hostile_effects_never_panic_and_never_break_a_bound(
        effects in rules().prop_flat_map(|rules| prop::collection::vec(any_effect(rules), 1..40)),
    ) {
        let mut state = None;
        for effect in &effects {
            if let (None, LimitEffect::Refund { .. }) = (&state, effect) {
                prop_assert_eq!(effect.create(), None);
                continue;
            }
            let before = state.as_ref().map(codec::encode);
            let applied = apply(&mut state, effect);
            if let Some(state) = &state {
                sound(state);
                prop_assert!(applied.is_ok() || before == Some(codec::encode(state)), "an error changes nothing");
                let decision = state.decide(&state.rule(), 1, At::MAX).unwrap();
                prop_assert!(decision.remaining <= decision.limit);
            }
        }
    }

    #[test]
    fn one_algorithms_key_takes_no_other_ones_effect(rules in rules(), other in any_rule()) {
        let (mut state, _) = LimitEffect::Admit { rule: rules[0], at: at(TODAY), cost: 1 }.create().unwrap();
        let before = codec::encode(&state);
        let applied = LimitEffect::Admit { rule: other, at: at(TODAY), cost: 1 }.apply(&mut state);
        if other.algorithm() != rules[0].algorithm() {
            prop_assert_eq!(applied, Err(rules[0].kind().held()));
            prop_assert_eq!(state.decide(&other, 1, at(TODAY)), Err(rules[0].kind().held()));
            prop_assert_eq!(codec::encode(&state), before);
        } else {
            prop_assert!(applied.is_ok());
        }
    }
}
