//! Tests that any words of the quota commands are parsed within bounds or refused.

use std::sync::Arc;

use proptest::prelude::*;
use rl_core::grammar::cache::QuotaCache;
use rl_core::grammar::policy::{overrides, overriding, setting, shown};
use rl_core::grammar::quota::{self as request, Limits};
use rl_core::number::COUNT_MAX;
use rl_core::quota::policies::Policies;
use rl_core::quota::shape::Shape;
use rl_core::time::Span;

use crate::common::cases;
use crate::history::shapes;
use crate::key::policy;

/// Limits of few different words, so that many begin in the same way. Some have a cost between them.
pub(crate) fn spelled() -> impl Strategy<Value = Vec<&'static str>> {
    let parts = [
        "LIMIT a 5 60",
        "LIMIT b 5 60",
        "LIMIT a 5 60s",
        "limit a 5 60",
        "POLICY p",
        "policy p",
        "POLICY q",
        "UNIT t",
        "SLIDE",
        "WINDOW",
        "OFFSET 1",
        "BUCKET 5",
        "LIMIT c 5 INFLIGHT",
        "COST t 5",
        "COST t 66",
        "COST t 06",
        "COST u 5",
        "COST requests 2",
        "cost t 5",
        "RESERVE 60",
        "RESERVE 1m",
        "ID x",
        "ID COST",
        "COST",
    ];
    let first = prop::sample::select(parts[..7].to_vec());
    (first, prop::collection::vec(prop::sample::select(parts.to_vec()), 0..6))
        .prop_map(|(first, rest)| [first].into_iter().chain(rest).flat_map(|part| part.split(' ')).collect())
}

/// Words that a client may send, in any place, and hostile words.
pub(crate) fn any_word() -> impl Strategy<Value = Vec<u8>> {
    let known = [
        "LIMIT",
        "limit",
        "a",
        "b",
        "5",
        "60",
        "1mo",
        "1d",
        "UNIT",
        "tokens",
        "SLIDE",
        "WINDOW",
        "OFFSET",
        "-8h",
        "BUCKET",
        "INFLIGHT",
        "COST",
        "RESERVE",
        "ID",
        "POLICY",
        "p",
        "0",
        "1",
        "2",
        "16",
        "17",
        "9007199254740991",
        "9007199254740992",
        "3650d",
        "",
        "\0",
        "1\r\n",
        "a/b",
        "\u{100}",
    ];
    prop_oneof![
        8 => prop::sample::select(known.map(|word| word.as_bytes().to_vec()).to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..150),
    ]
}

proptest! {
    #![proptest_config(cases(20_000))]

    #[test]
    fn any_words_are_read_within_bounds_or_refused(words in prop::collection::vec(any_word(), 0..24)) {
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        let words = words.as_slice();
        if let Ok(read) = request::quota(words) {
            if let Limits::Spelled(drafts) = &read.limits {
                prop_assert!((1..=16).contains(&drafts.len()));
                let _ = Shape::new(None, drafts);
            }
            let reserve = read.terms.reserve;
            prop_assert!(reserve.is_none_or(|reserve| (1..=Span::MAX.ms()).contains(&reserve.ttl.ms())));
            prop_assert!(reserve.and_then(|reserve| reserve.id).is_none_or(|id| (1..=128).contains(&id.len())));
        }
        if let Ok(read) = request::many(words) {
            prop_assert_eq!(read.keys.len(), read.policies.len());
        }
        if let Ok(policy) = setting(words) {
            prop_assert!((1..=16).contains(&policy.shape.limits().len()) && policy.flows.len() <= 64);
        }
        let costs = [request::settle(words).map(|(_, costs)| costs), request::peek(words)];
        for costs in costs.into_iter().flatten() {
            prop_assert!(costs.iter().count() <= 16 && costs.iter().all(|(_, cost)| cost <= COUNT_MAX));
        }
        let _ = request::renew(words);
        let _ = QuotaCache::new().read(words, 0, &Policies::new());
        if let Ok(read) = overriding(words) {
            prop_assert_eq!(read.limits.is_none(), words.len() == 5);
        }
        let _ = (overrides(words), shown(words));
    }

    #[test]
    fn a_shape_in_words_is_read_as_the_same_shape(shapes in shapes()) {
        for shape in &shapes {
            let (spelled, named) = (shape.words(), policy(b"p", shape));
            let spelled = spelled.iter().map(Vec::as_slice);
            let words: Vec<&[u8]> = [&b"RL.POLICY"[..], b"SET", b"p"].into_iter().chain(spelled.clone()).collect();
            prop_assert!(Arc::ptr_eq(&setting(words.as_slice()).unwrap().shape, &named));
            let words: Vec<&[u8]> = [&b"RL.QUOTA"[..], b"key"].into_iter().chain(spelled).collect();
            let Limits::Spelled(drafts) = request::quota(words.as_slice()).unwrap().limits else { panic!("no policy") };
            prop_assert!(shape.is(&drafts) && !named.is(&drafts));
            prop_assert!(Arc::ptr_eq(&Shape::from_bytes(shape.bytes()).unwrap(), shape));
        }
    }
}
