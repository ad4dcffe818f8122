//! Any words to the quota commands: within bounds or refused, and the same when they come again.

use std::sync::Arc;

use proptest::prelude::*;
use rl_core::fault::{Fault, Result};
use rl_core::grammar::quota::{self as request, Limits};
use rl_core::grammar::terms::Wanted;
use rl_core::number::COUNT_MAX;
use rl_core::quota::name::Name;
use rl_core::quota::shape::Shape;
use rl_core::time::Span;

use crate::common::cases;
use crate::history::shapes;
use crate::key::policy;

/// The shape that words spell out, or that of the policy they name, and what they ask of it.
fn read<'a>(words: &'a [&'a [u8]]) -> Result<(Arc<Shape>, Wanted<'a>)> {
    let read = request::quota(words)?;
    let shape = match &read.limits {
        Limits::Spelled(drafts) => Shape::new(None, drafts)?,
        Limits::Policy(name) => {
            let like = request::quota(LIKE_POLICIES)?;
            let Limits::Spelled(drafts) = &like.limits else { panic!("spelled out") };
            Shape::new(Some(&Name::new(name).ok_or(Fault::NoPolicy)?), drafts)?
        }
    };
    let wanted = read.terms.wanted(&shape);
    Ok((shape, wanted))
}

/// What the policies in requests are like.
const LIKE_POLICIES: &[&[u8]] = &[
    b"RL.QUOTA",
    b"key",
    b"LIMIT",
    b"a",
    b"5",
    b"60",
    b"LIMIT",
    b"b",
    b"5",
    b"60",
    b"UNIT",
    b"t",
    b"LIMIT",
    b"c",
    b"5",
    b"INFLIGHT",
];

/// Limits spelled in a few words, so that many begin alike; some with a cost between them.
fn spelled() -> impl Strategy<Value = Vec<&'static str>> {
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

/// Words a client may well send, in any place, and such as only an enemy would.
fn any_word() -> impl Strategy<Value = Vec<u8>> {
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
        if let Ok(shape) = request::policy(words) {
            prop_assert!((1..=16).contains(&shape.limits().len()));
        }
        let costs = [request::settle(words).map(|(_, costs)| costs), request::peek(words)];
        for costs in costs.into_iter().flatten() {
            prop_assert!(costs.iter().count() <= 16 && costs.iter().all(|(_, cost)| cost <= COUNT_MAX));
        }
        let _ = request::renew(words);
        if let Ok((shape, _)) = request::quota(words).and_then(|_| read(words)) {
            let _ = request::spelling(words, &shape);
        }
    }

    #[test]
    fn a_shape_in_words_is_read_as_the_same_shape(shapes in shapes()) {
        for shape in &shapes {
            let (spelled, named) = (shape.words(), policy(b"p", shape));
            let spelled = spelled.iter().map(Vec::as_slice);
            let words: Vec<&[u8]> = [&b"RL.POLICY"[..], b"SET", b"p"].into_iter().chain(spelled.clone()).collect();
            prop_assert!(Arc::ptr_eq(&request::policy(words.as_slice()).unwrap(), &named));
            let words: Vec<&[u8]> = [&b"RL.QUOTA"[..], b"key"].into_iter().chain(spelled).collect();
            let Limits::Spelled(drafts) = request::quota(words.as_slice()).unwrap().limits else { panic!("no policy") };
            prop_assert!(shape.is(&drafts) && !named.is(&drafts));
            prop_assert!(Arc::ptr_eq(&Shape::from_bytes(shape.bytes()).unwrap(), shape));
        }
    }

    #[test]
    fn words_that_are_known_again_are_what_they_would_be_read_as(first in spelled(), then in spelled()) {
        let words = |list: &[&'static str]| [&["RL.QUOTA", "key"], list].concat().into_iter().map(str::as_bytes).collect::<Vec<_>>();
        let (first, then) = (words(&first), words(&then));
        let Ok((shape, _)) = read(&first) else { return Ok(()) };
        for learned in [&first, &then] {
            let new = request::again(learned.as_slice(), &shape).is_none();
            if new && read(learned).is_ok_and(|(same, _)| Arc::ptr_eq(&same, &shape)) {
                let spelling = request::spelling(learned.as_slice(), &shape);
                let plain = spelling.is_some();
                shape.learn(|| spelling);
                prop_assert_eq!(request::again(learned.as_slice(), &shape).is_some(), plain);
            }
            for words in [&first, &then] {
                if let Some(wanted) = request::again(words.as_slice(), &shape) {
                    let (same, read) = read(words).unwrap();
                    prop_assert!(Arc::ptr_eq(&same, &shape), "other limits");
                    prop_assert_eq!(wanted, read);
                }
            }
        }
    }
}
