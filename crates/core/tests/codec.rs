//! Tests states as bytes: the form never changes, equal states have equal bytes, and no input is dangerous.
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

use common::any::{any_effect, rules};
use common::effect::read_text;
use common::{TODAY, at, cases, sound, span};
use proptest::prelude::*;
use rl_core::limit::bucket::BucketRule;
use rl_core::limit::codec::{self, VERSION};
use rl_core::limit::decision::Expiry;
use rl_core::limit::effect::LimitEffect;
use rl_core::limit::state::State;
use rl_core::number;
use rl_core::time::At;

/// Returns the state of a key after these effects.
fn state_of(effects: &[LimitEffect]) -> Option<State> {
    let mut state: Option<State> = None;
    for effect in effects {
        match &mut state {
            Some(state) => drop(effect.apply(state)),
            None => state = effect.create().map(|(state, _)| state),
        }
    }
    state
}

fn states() -> impl Strategy<Value = State> {
    let most = if cfg!(miri) { 6 } else { 40 };
    let effects = rules().prop_flat_map(move |rules| prop::collection::vec(any_effect(rules), 1..most));
    effects.prop_filter_map("nothing but refunds", |effects| state_of(&effects))
}

/// Checks that a decoded state takes requests like any other state.
fn takes_requests(mut state: State) {
    sound(&state);
    let rule = state.rule();
    let last = state.peek(0, At::MIN).at;
    for (clock, cost) in [(last, 1), (last.plus(span(1)), 7), (last.plus(rule.longest()), 1), (At::MAX, 3)] {
        let clock = clock.min(At::MAX);
        let decision = state.decide(&rule, cost, clock).unwrap();
        assert!(decision.remaining <= decision.limit && decision.at >= clock);
        common::honest(&state, &rule, cost, clock.ms());
        let before = codec::encode(&state);
        if (LimitEffect::Admit { rule, at: decision.at, cost }).apply(&mut state).is_err() {
            assert_eq!(codec::encode(&state), before);
        }
        sound(&state);
    }
    state.refund(3, last);
    sound(&state);
}

proptest! {
    #![proptest_config(cases(10_000))]

    #[test]
    fn a_state_that_is_written_and_read_is_the_same_and_goes_on_the_same(
        mut state in states(), cost in 1_u64..50, ms in 0_u64..100,
    ) {
        let bytes = codec::encode(&state);
        let mut again = codec::decode(&bytes).unwrap();
        prop_assert!(again == state);
        prop_assert_eq!(codec::encode(&again), bytes);
        let effect = LimitEffect::Admit { rule: state.rule(), at: at(ms), cost };
        match (effect.apply(&mut again), effect.apply(&mut state)) {
            // One that was read does not know which expiry its key has.
            (Ok(Expiry::Moved { .. }), Ok(Expiry::Same)) => {}
            (Ok(Expiry::Moved { to, .. }), Ok(Expiry::Moved { to: too, .. })) => prop_assert_eq!(to, too),
            (one, other) => prop_assert_eq!(one, other),
        }
        prop_assert_eq!(codec::encode(&again), codec::encode(&state));
        takes_requests(again);
    }

    #[test]
    fn mutated_bytes_are_refused_or_a_sound_state(
        state in states(), changes in prop::collection::vec(any::<(u16, u8, u8)>(), 1..5),
    ) {
        let mut bytes = codec::encode(&state);
        for (place, kind, byte) in changes {
            let place = usize::from(place) % (bytes.len() + 1);
            match kind % 4 {
                0 => bytes.insert(place, byte),
                1 => bytes.truncate(place),
                _ => if let Some(old) = bytes.get_mut(place) { *old = if kind < 128 { byte } else { *old ^ 1 << (byte % 8) } },
            }
        }
        if let Some(state) = codec::decode(&bytes) {
            prop_assert_eq!(codec::encode(&state), bytes, "each state in its one form");
            takes_requests(state);
        }
    }

    #[test]
    fn arbitrary_bytes_are_refused_or_a_sound_state(
        kind in 0_u8..4, bytes in prop::collection::vec(prop_oneof![any::<u8>(), 0_u8..4], 0..300),
    ) {
        let bytes = [&[kind], &bytes[..]].concat();
        if let Some(state) = codec::decode(&bytes) {
            prop_assert_eq!(&codec::encode(&state), &bytes);
            prop_assert!(state.heap_bytes() <= bytes.len() + 512, "no length is believed");
            takes_requests(state);
        }
    }

    #[test]
    fn no_shorter_and_no_longer_bytes_are_the_same_state(state in states(), more in any::<u8>()) {
        let mut bytes = codec::encode(&state);
        for len in 0..bytes.len().min(60) {
            prop_assert!(codec::decode(&bytes[..len]).is_none());
        }
        prop_assert!(codec::decode(&bytes[..bytes.len() - 1]).is_none());
        bytes.push(more);
        prop_assert!(codec::decode(&bytes).is_none());
    }
}

/// Effects, and the bytes of the state they lead to. Such bytes are on disks and must stay readable for ever.
const GOLDEN: [(&str, &[&str], &str); 8] = [
    (
        "a sliding window",
        &[
            "slide 1764000000000 1 500 60000",
            "slide 1764000000120 1 500 60000",
            "slide 1764000000120 3 500 60000",
            "slide 1764000000500 1 500 60000",
        ],
        "00f403e0d40300f4d3dfb4ab3380d0dfb4ab330105f10104f805",
    ),
    (
        "one that remembers a longer one",
        &["slide 1764000000000 1 500 60000", "slide 1764000000001 2 10 1000"],
        "000ae80701e0d403e0a4e3b4ab3381d0dfb4ab3380d0dfb4ab3301020302",
    ),
    (
        "one of which all was given back",
        &["slide 1764000000000 5 500 60000", "refund 1764000000001 9"],
        "00f403e0d4030081d0dfb4ab33000000",
    ),
    (
        "a fixed window",
        &["window 1764000000000 3 500 86400000 -28800000"],
        "01f40380b89929ffcfbb1b80d0dfb4ab330300",
    ),
    (
        "a month, and a day before it",
        &["window 1764000000000 3 50 86400000 0", "window 1764000000001 2 500 1mo 3600000"],
        "01f4030080bab70381d0dfb4ab3305013280b8992900058088f9ddab33",
    ),
    ("a bucket", &["bucket 1764000000000 3 50 8.33 60000"], "0232c10602e0d40380d0dfb4ab3380d1ca0800"),
    (
        "one with another refill before",
        &["bucket 1764000000000 3 50 8.33 1000", "bucket 1764000000001 2 9 1 60000"],
        "02090100e0d40381d0dfb4ab33dfa7120132c10602e807dfbb1ef3fedfb4ab33",
    ),
    (
        "one of very fine ticks",
        &["bucket 1764000000000 9007199254740991 9007199254740991 0.000001 315360000000"],
        "02ffffffffffffff0f010680f0aee7960980d0dfb4ab33808088bd83b8e7cffbffaec8ff88834600",
    ),
];

#[test]
fn old_bytes_still_load() {
    assert_eq!(VERSION, 1, "new golden bytes beside these, not in their place");
    for (what, effects, golden) in GOLDEN {
        let effects: Vec<_> = effects.iter().map(|text| read_text(text.as_bytes()).unwrap()).collect();
        let state = state_of(&effects).unwrap();
        let bytes = codec::encode(&state);
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, golden, "{what}");
        assert!(codec::decode(&bytes) == Some(state), "{what}");
    }
}

#[test]
fn values_that_no_command_lets_in_are_no_state() {
    // Kind 2 is a bucket: capacity, mantissa, scale, period, then instant, amount, and no earlier rule.
    let bucket = |words: [u64; 6]| {
        let mut bytes = vec![2];
        for mut word in words {
            while word > 0x7f {
                bytes.push(word as u8 | 0x80);
                word >>= 7;
            }
            bytes.push(word as u8);
        }
        bytes.push(0);
        bytes
    };
    let good = [50, 833, 2, 1_000, TODAY, 300_000];
    let rule = BucketRule::new(50, number::refill(b"8.33").unwrap(), span(1_000)).unwrap();
    assert_eq!(codec::decode(&bucket(good)).unwrap().rule(), rl_core::limit::rule::Rule::Bucket(rule));
    for (word, value) in
        [(0, 1 << 53), (1, 0), (1, 830), (2, 20), (3, 0), (3, 315_360_000_001), (4, 1 << 43), (5, u64::MAX)]
    {
        let mut bad = good;
        bad[word] = value;
        let accepted = codec::decode(&bucket(bad));
        // Effects may charge 2^64 ticks at 100,000 ticks per token. All other numbers are invalid.
        assert_eq!(accepted.is_some(), word == 5, "{word} {value}");
    }
}
