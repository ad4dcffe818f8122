//! Tests that no effect of one limit takes or gives back 0, and that an effect which says that nothing is used elsewhere is one.

use proptest::prelude::*;
use rl_core::effect::Effect;
use rl_core::effect::told::{Elsewhere, Told};
use rl_core::fault::Fault;
use rl_core::limit::effect::LimitEffect;
use rl_core::time::At;

use crate::common::any::any_rule;
use crate::common::effect::{encoded, is, old_text};
use crate::common::{TODAY, at, cases, span};

/// The same effect with another cost.
fn of_cost(effect: LimitEffect, cost: u64) -> LimitEffect {
    match effect {
        LimitEffect::Admit { rule, at, .. } => LimitEffect::Admit { rule, at, cost },
        LimitEffect::Refund { at, .. } => LimitEffect::Refund { at, cost },
    }
}

proptest! {
    #![proptest_config(cases(5_000))]

    #[test]
    fn no_effect_of_one_limit_has_a_cost_of_0(rule in any_rule(), ms in 0..=At::MAX.ms()) {
        let at = at(ms);
        for effect in [LimitEffect::Admit { rule, at, cost: 1 }, LimitEffect::Refund { at, cost: 1 }] {
            let [one, zero] = [1, 0].map(|cost| encoded(&Effect::Limit(of_cost(effect, cost))));
            prop_assert!(is(Effect::decode(&one, None), &Effect::Limit(effect)));
            prop_assert_eq!(one.len(), zero.len());
            prop_assert_eq!(Effect::decode(&zero, None), Err(Fault::Effect));
            let held = Effect::Limit(LimitEffect::Admit { rule, at, cost: 1 }).create().unwrap().0;
            prop_assert_eq!(Effect::decode(&zero, Some(&held)), Err(Fault::Effect));
            if let Some([one, zero]) = old_text(&effect).zip(old_text(&of_cost(effect, 0))).map(<[_; 2]>::from) {
                prop_assert!(is(Effect::decode_text(one.as_bytes()), &Effect::Limit(effect)));
                prop_assert_eq!(Effect::decode_text(zero.as_bytes()), Err(Fault::Effect));
            }
        }
    }
}

/// `RL.SYNC` with all of a limit left. It ends what was told before.
#[test]
fn nothing_used_elsewhere_is_an_effect_that_is_over_at_once() {
    let sync = |used, until, since| {
        let told = Elsewhere { limit: b"", used, until, since, lowered: None };
        Effect::Told(Told::Sync { at: at(TODAY), limits: [told].into_iter().collect() })
    };
    let later = at(TODAY).plus(span(60_000));
    let (some, none) = (sync(3, later, At::MIN), sync(0, At::MIN, At::MIN));
    for effect in [&some, &none] {
        assert!(is(Effect::decode(&encoded(effect), None), effect));
    }
    for odd in [sync(0, later, At::MIN), sync(3, At::MIN, At::MIN), sync(0, At::MIN, at(TODAY))] {
        assert_eq!(Effect::decode(&encoded(&odd), None), Err(Fault::Effect), "{odd:?}");
    }
    let text = format!("slide {TODAY} 1 5 60000");
    let (mut primary, _) = Effect::decode_text(text.as_bytes()).unwrap().create().unwrap();
    let (before, mut replica) = (primary.encode(), primary.clone());
    for effect in [&some, &none] {
        effect.apply(&mut primary).unwrap();
        let bytes = encoded(effect);
        Effect::decode(&bytes, Some(&replica)).unwrap().apply(&mut replica).unwrap();
        assert_eq!(primary.encode(), replica.encode());
        assert_eq!(primary.encode() == before, *effect == none, "{effect:?}");
    }
}
