//! Tests that encoded effects stay readable for ever. A new encoding adds its own bytes beside these.

use rl_core::effect::Effect;
use rl_core::fault::Fault;

use crate::common::effect::{encoded, is, read_text};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = (0..text.len()).step_by(2).map(|at| &text[at..at + 2]);
    digits.map(|digits| u8::from_str_radix(digits, 16).unwrap()).collect()
}

/// The effects of one limit, as text and as bytes. The effects of quotas are in tests/quota/golden.rs.
const GOLDEN: [(&str, &str); 7] = [
    ("slide 1764000000000 1 500 60000", "000080d0dfb4ab330100f403e0d403"),
    ("window 1764000000000 3 500 86400000 -28800000", "000080d0dfb4ab330301f40380b89929ffcfbb1b"),
    ("window 1 9007199254740991 9007199254740991 1mo 0", "000001ffffffffffffff0f01ffffffffffffff0f0000"),
    ("bucket 1764000000000 1 50 8.33 1000", "000080d0dfb4ab33010232c10602e807"),
    ("bucket 1764000000000 1 50 0.00625 60000", "000080d0dfb4ab33010232f10405e0d403"),
    (
        "bucket 8796093022207 9007199254740991 9007199254740991 9007199254740991 315360000000",
        "0000ffffffffffff01ffffffffffffff0f02ffffffffffffff0fffffffffffffff0f0080f0aee79609",
    ),
    ("refund 1764000000000 20", "000180d0dfb4ab3314"),
];

#[test]
fn effects_are_these_bytes() {
    for (text, golden) in GOLDEN {
        let effect = Effect::Limit(read_text(text.as_bytes()).unwrap());
        assert_eq!(hex(&encoded(&effect)), golden, "{text}");
        assert!(is(Effect::decode(&unhex(golden), None), &effect), "{text}");
    }
}

/// Puts each field beyond its bound in turn: the kind of effect, the kind of change, then the numbers.
#[test]
fn values_that_no_decision_has_are_no_effect() {
    let admission = |rule: [u64; 2], at: u64, cost: u64| {
        let mut bytes = vec![0, 0];
        for mut word in [at, cost, 0, rule[0], rule[1]] {
            while word > 0x7f {
                bytes.push(word as u8 | 0x80);
                word >>= 7;
            }
            bytes.push(word as u8);
        }
        bytes
    };
    let read = |rule, at, cost| Effect::decode(&admission(rule, at, cost), None).is_ok();
    let (count, span, instant) = ((1 << 53) - 1, 315_360_000_000, (1 << 43) - 1);
    assert!(read([0, 1], 0, 1) && read([1, 1], 0, 1) && read([count, span], instant, count));
    for (rule, at, cost) in [
        ([count + 1, 1], 0, 1),
        ([1, 0], 0, 1),
        ([1, span + 1], 0, 1),
        ([1, 1], instant + 1, 1),
        ([1, 1], 0, 0),
        ([1, 1], 0, count + 1),
    ] {
        assert_eq!(Effect::decode(&admission(rule, at, cost), None), Err(Fault::Effect));
    }
}
