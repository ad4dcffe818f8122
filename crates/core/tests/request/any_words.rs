//! Any words are read within bounds or refused, and a cache reads what the grammar reads.

use proptest::prelude::*;
use rl_core::fault::{Fault, Result};
use rl_core::grammar::cache::LimitCache;
use rl_core::grammar::limit::{self as request, Request};
use rl_core::limit::Kind;
use rl_core::limit::rule::Rule;
use rl_core::number::{self, COUNT_MAX};
use rl_core::time::Span;

use crate::common::{self, cases, span};

/// Words that a client may send, in any place, and hostile words.
fn any_word() -> impl Strategy<Value = Vec<u8>> {
    let known = [
        "COST",
        "cost",
        "OFFSET",
        "1",
        "0",
        "60",
        "500",
        "8.33",
        "250ms",
        "1mo",
        "1d",
        "-8h",
        "9007199254740991",
        "9007199254740992",
        "3650d",
        "-1",
        "",
        "\0",
        "\u{100}",
        "1\r\n",
        "0.0001",
        "1e9",
        "WAIT",
        "+1",
        " 1",
    ];
    prop_oneof![
        6 => prop::sample::select(known.map(|word| word.as_bytes().to_vec()).to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..30),
        1 => prop::collection::vec(b'0'..=b'9', 15..45),
    ]
}

/// Numbers and durations of few different digits and any length, with any suffix.
fn alike() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => prop::collection::vec(prop::sample::select(b"010".to_vec()), 1..11),
        2 => prop::collection::vec(prop::sample::select(b"1smd.".to_vec()), 1..5),
        1 => prop::sample::select(["COST", "WAIT", "", "\0", "1\0", "1\0\0\0"].map(|word| word.as_bytes().to_vec()).to_vec()),
    ]
}

/// The parser of a command.
type Read = fn(&[&[u8]]) -> Result<Request>;

proptest! {
    #![proptest_config(cases(50_000))]

    #[test]
    fn any_words_are_read_within_bounds_or_refused(words in prop::collection::vec(any_word(), 0..9)) {
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        let words = words.as_slice();
        for request in Kind::ALL.into_iter().flat_map(|kind| request::read_kind(kind, words)) {
            prop_assert!(request.cost <= COUNT_MAX);
            prop_assert!(common::rule_limit(&request.rule) <= COUNT_MAX);
            prop_assert!((1..=Span::MAX.ms()).contains(&request.rule.longest().ms()));
            if let Rule::Window(rule) = request.rule {
                prop_assert!(rule.offset.unsigned_abs() <= Span::MAX.ms());
            }
            if let Rule::Bucket(rule) = request.rule {
                prop_assert!(rule.refill().checked().is_some());
            }
        }
        let _ = (request::peek(words), request::refund(words));
    }

    /// Similar words in turn. A cached request is never used for other words.
    #[test]
    fn a_cached_request_is_never_used_for_other_words(
        pool in prop::collection::vec(prop::collection::vec(alike(), 0..6), 1..4),
        order in prop::collection::vec(any::<prop::sample::Index>(), 1..20),
    ) {
        let commands: [Read; 3] =
            [|words| request::slide(words), |words| request::window(words), |words| request::bucket(words)];
        for read in commands {
            let mut cache = LimitCache::new();
            for words in order.iter().map(|index| index.get(&pool)) {
                let words: Vec<&[u8]> = [b"RL.TEST".as_slice(), b"key"].into_iter().chain(words.iter().map(Vec::as_slice)).collect();
                prop_assert_eq!(cache.read(words.as_slice(), read).copied(), read(&words));
            }
        }
    }

    #[test]
    fn a_duration_is_the_same_in_every_unit(ms in 1..=Span::MAX.ms()) {
        for (name, unit) in [("ms", 1), ("s", 1_000), ("", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)] {
            // As a decimal of up to nineteen places, if there is one.
            let (whole, mut rest, mut text) = (ms / unit, ms % unit, String::new());
            for _ in 0..12 {
                rest *= 10;
                text.push(char::from(b'0' + (rest / unit) as u8));
                rest %= unit;
            }
            if rest == 0 {
                let written = format!("{whole}.{text}{name}");
                prop_assert_eq!(number::duration(written.as_bytes(), Fault::Window), Ok(span(ms)), "{}", written);
            }
            if ms % unit == 0 {
                prop_assert_eq!(number::duration(format!("{whole}{name}").as_bytes(), Fault::Window), Ok(span(ms)));
                prop_assert_eq!(number::offset(format!("-{whole}{name}").as_bytes()), Ok(-ms.cast_signed()));
            }
        }
    }
}

#[test]
fn no_fault_says_what_was_sent() {
    for fault in Fault::ALL {
        let text = fault.text().to_str().unwrap();
        let (kind, _) = text.split_once(' ').unwrap();
        assert!(["ERR", "WRONGTYPE", "RLBUSY", "NOPERM", "OOM", "TRYAGAIN"].contains(&kind), "{text}");
        assert!(!text.contains(['\r', '\n', '{', '%']));
    }
}
