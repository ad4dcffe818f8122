//! Decodes arbitrary bytes as a snapshot. Each input is refused or gives a valid state: it encodes to the
//! same bytes, keeps every bound and takes further requests.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rl_core::limit::codec;
use rl_core::limit::effect::LimitEffect;
use rl_core::limit::state::State;
use rl_core::time::At;

fuzz_target!(|input: &[u8]| {
    let Some(mut state) = codec::decode(input) else { return };
    assert_eq!(codec::encode(&state), input);
    sound(&state);
    let rule = state.rule();
    let last = state.peek(0, At::MIN).at.signed_ms();
    for (ms, cost) in [(0, 1), (1, 1 << 40), (rule.longest().ms().cast_signed(), 3), (i64::MAX - last, 1)] {
        let clock = At::from_ms(last + ms);
        let decision = state.decide(&rule, cost, clock).unwrap();
        assert!(decision.remaining <= decision.limit);
        // Apply denied requests too: a stream of effects may not come from this module.
        let before = codec::encode(&state);
        if (LimitEffect::Admit { rule, at: decision.at, cost }).apply(&mut state).is_err() {
            assert_eq!(codec::encode(&state), before, "an error changes nothing");
        }
        sound(&state);
    }
    state.refund(5, At::from_ms(last));
    sound(&state);
    state.refund(u64::MAX >> 11, At::from_ms(last));
    sound(&state);
});

fn sound(state: &State) {
    assert!(state.heap_bytes() + size_of::<State>() <= 256 << 10);
    let again = codec::decode(&codec::encode(state)).expect("what is written can be read");
    assert!(again == *state);
}
