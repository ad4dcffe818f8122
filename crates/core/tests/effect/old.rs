//! Tests effects from versions up to 0.1, which AOFs still hold: text for one limit, bytes for a quota.

use proptest::prelude::*;
use rl_core::effect::Effect;
use rl_core::fault::Fault;
use rl_core::limit::bucket::BucketRule;
use rl_core::limit::effect::LimitEffect;
use rl_core::limit::rule::Rule;
use rl_core::limit::slide::SlideRule;
use rl_core::limit::window::{Length, WindowRule};
use rl_core::number::{COUNT_MAX, Decimal};
use rl_core::time::Span;

use crate::any::{any_limit_effect, any_quota_effect, changed, changes};
use crate::common::effect::{encoded, encoded_quota, is, old_text, read_text};
use crate::common::{TODAY, at, cases, span};

fn admit(rule: Rule, ms: u64, cost: u64) -> LimitEffect {
    LimitEffect::Admit { rule, at: at(ms), cost }
}

fn window(limit: u64, length: Length, offset: i64) -> Rule {
    Rule::Window(WindowRule { limit, length, offset })
}

fn bucket(capacity: u64, mantissa: u64, scale: u8, period: u64) -> Rule {
    let refill = Decimal { mantissa, scale };
    Rule::Bucket(BucketRule::new(capacity, refill, span(period)).unwrap())
}

#[test]
fn texts_mean_these_effects() {
    let month = window(COUNT_MAX, Length::Month, 0);
    for (text, effect) in [
        (
            "slide 1764000000000 1 500 60000",
            admit(Rule::Slide(SlideRule { limit: 500, window: span(60_000) }), TODAY, 1),
        ),
        (
            "window 1764000000000 3 500 86400000 -28800000",
            admit(window(500, Length::Span(span(86_400_000)), -28_800_000), TODAY, 3),
        ),
        ("window 1 9007199254740991 9007199254740991 1mo 0", admit(month, 1, COUNT_MAX)),
        ("bucket 1764000000000 1 50 8.33 1000", admit(bucket(50, 833, 2, 1_000), TODAY, 1)),
        ("bucket 1764000000000 1 50 0.00625 60000", admit(bucket(50, 625, 5, 60_000), TODAY, 1)),
        (
            "bucket 8796093022207 9007199254740991 9007199254740991 9007199254740991 315360000000",
            admit(bucket(COUNT_MAX, COUNT_MAX, 0, Span::MAX.ms()), 8_796_093_022_207, COUNT_MAX),
        ),
        ("refund 1764000000000 20", LimitEffect::Refund { at: at(TODAY), cost: 20 }),
    ] {
        assert_eq!(read_text(text.as_bytes()), Ok(effect), "{text}");
        assert_eq!(old_text(&effect).as_deref(), Some(text));
    }
}

#[test]
fn a_text_that_is_no_effect_is_refused() {
    for text in [
        "",
        "slide",
        "slide 1 1 1",
        "slide 1 1 1 1 1",
        "slide 1 0 1 1",
        "slide 1 1 0 1",
        "slide 1 1 1 0",
        "slide 8796093022208 1 1 1",
        "slide 1 1 1 315360000001",
        "slide  1 1 1 1",
        " slide 1 1 1 1",
        "slide 1 1 1 1 ",
        "window 1 1 1 1",
        "window 1 1 1 1 -0",
        "window 1 1 1 2mo 0",
        "bucket 1 1 1 0 1",
        "bucket 1 1 1 1.0 1",
        "bucket 1 1 1 0.0000000000000000001 1",
        "refund 1",
        "refund 1 0",
        "refund 1 1 1",
        "SLIDE 1 1 1 1",
        "state 1",
        "slide 1 9007199254740992 1 1",
    ] {
        assert_eq!(Effect::decode_text(text.as_bytes()), Err(Fault::Effect), "{text:?}");
    }
}

proptest! {
    #![proptest_config(cases(20_000))]

    #[test]
    fn an_effect_has_one_text_and_a_text_one_effect(effect in any_limit_effect(), change in any::<(u16, u8)>()) {
        let Some(text) = old_text(&effect) else { return Ok(()) };
        let text = text.into_bytes();
        prop_assert!(text.len() < 128 && text.is_ascii());
        prop_assert_eq!(read_text(&text), Ok(effect));
        let mut mutated = text.clone();
        let place = usize::from(change.0) % text.len();
        mutated[place] = change.1;
        match read_text(&mutated) {
            Ok(other) => {
                prop_assert!(mutated == text || other != effect);
                prop_assert!(old_text(&other).unwrap().as_bytes() == mutated, "it was never written like this");
            }
            Err(fault) => prop_assert_eq!(fault, Fault::Effect),
        }
        prop_assert!(read_text(&text[..place]).is_err() || place > 0);
        for extra in [b' ', b'0', b'\0', b'\n'] {
            mutated.clone_from(&text);
            mutated.push(extra);
            prop_assert!(read_text(&mutated) != Ok(effect));
        }
        // Neither of the two forms is mistaken for the other.
        prop_assert_eq!(Effect::decode(&text, None), Err(Fault::Effect));
        prop_assert!(Effect::decode_text(&encoded(&Effect::Limit(effect))).is_err());
    }

    #[test]
    fn no_text_is_too_odd_to_be_refused(text in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert_eq!(Effect::decode_text(&text), Err(Fault::Effect));
    }

    /// The old bytes of a quota's effect are those of today's form without the first byte.
    #[test]
    fn the_old_bytes_of_a_quotas_effect_are_read(
        effect in any_quota_effect(), held in any_quota_effect(), changes in changes(),
    ) {
        let bytes = &encoded_quota(&effect)[1..];
        let effect = Effect::Quota(effect);
        prop_assert!(is(Effect::decode_quota(bytes, None), &effect));
        if let Some((held, _)) = Effect::Quota(held).create() {
            prop_assert!(is(Effect::decode_quota(bytes, Some(&held)), &effect));
        }
        let changed = changed(bytes.to_vec(), &changes);
        match Effect::decode_quota(&changed, None) {
            Ok(other) => prop_assert_eq!(&encoded(&other)[1..], &changed[..]),
            Err(fault) => prop_assert_eq!(fault, Fault::Effect),
        }
    }

    /// An effect for the wrong type of key gets the same error as then.
    #[test]
    fn the_old_bytes_are_refused_for_a_key_of_one_limit(effect in any_quota_effect(), held in any_limit_effect()) {
        if let Some((held, _)) = Effect::Limit(held).create() {
            let bytes = &encoded_quota(&effect)[1..];
            prop_assert_eq!(Effect::decode_quota(bytes, Some(&held)), Err(held.quota().unwrap_err()));
        }
    }
}
