//! Tests that an effect has one encoding, and that no other bytes are an effect.

use proptest::prelude::*;
use rl_core::effect::Effect;
use rl_core::fault::Fault;
use rl_core::value::Value;

use crate::any::{any_of_all, changed, changes};
use crate::common::cases;
use crate::common::effect::{encoded, is};

/// Checks that bytes are refused, or are the encoding of an effect.
fn is_refused_or_canonical(bytes: &[u8], held: Option<&Value>) {
    match Effect::decode(bytes, held) {
        Err(fault) => assert_eq!(fault, Fault::Effect),
        Ok(effect) => {
            assert_eq!(encoded(&effect), bytes, "{effect:?} has another form");
            if let Some((value, _)) = effect.create() {
                let read = Value::decode(&value.encode()).expect("what is written can be read");
                assert!(read == value);
            }
        }
    }
}

proptest! {
    #![proptest_config(cases(20_000))]

    #[test]
    fn an_encoded_effect_is_decoded_to_itself(effect in any_of_all(), other in any_of_all()) {
        let bytes = encoded(&effect);
        prop_assert!(is(Effect::decode(&bytes, None), &effect));
        // The value of the key may save time, but it never changes what is read.
        for held in [effect.create(), other.create()].into_iter().flatten() {
            prop_assert!(is(Effect::decode(&bytes, Some(&held.0)), &effect));
        }
        prop_assert!(bytes[0] < 32, "it cannot be taken for a text");
        prop_assert_eq!(Effect::decode_text(&bytes), Err(Fault::Effect));
    }

    #[test]
    fn different_effects_have_different_bytes(one in any_of_all(), other in any_of_all()) {
        prop_assert_eq!(one == other, encoded(&one) == encoded(&other));
    }

    #[test]
    fn changed_bytes_are_refused_or_the_form_of_another_effect(
        effect in any_of_all(), held in any_of_all(), changes in changes(),
    ) {
        let bytes = changed(encoded(&effect), &changes);
        is_refused_or_canonical(&bytes, None);
        if let Some((held, _)) = held.create() {
            is_refused_or_canonical(&bytes, Some(&held));
        }
    }

    #[test]
    fn no_shorter_and_no_longer_bytes_are_an_effect(effect in any_of_all(), more in any::<u8>()) {
        let mut bytes = encoded(&effect);
        for len in 0..bytes.len() {
            prop_assert_eq!(Effect::decode(&bytes[..len], None), Err(Fault::Effect));
        }
        bytes.push(more);
        prop_assert_eq!(Effect::decode(&bytes, None), Err(Fault::Effect));
    }

    #[test]
    fn garbage_is_refused_or_the_form_of_an_effect(
        bytes in prop::collection::vec(prop_oneof![any::<u8>(), 0_u8..4], 0..80),
    ) {
        is_refused_or_canonical(&bytes, None);
        if let Ok(effect) = Effect::decode_quota(&bytes, None) {
            prop_assert_eq!(&encoded(&effect)[1..], &bytes[..]);
        }
    }
}
