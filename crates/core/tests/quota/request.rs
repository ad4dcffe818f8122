//! Tests the grammar of the quota commands: the words of each, and the fault for each error.

use rl_core::fault::Fault;
use rl_core::grammar::policy::setting;
use rl_core::grammar::quota::{self as request, Limits};
use rl_core::grammar::terms::{Reserve, Terms};
use rl_core::limit::bucket::BucketRule;
use rl_core::limit::rule::Rule;
use rl_core::limit::slide::SlideRule;
use rl_core::limit::window::{Length, WindowRule};
use rl_core::number::{COUNT_MAX, Decimal};
use rl_core::quota::name::Name;
use rl_core::quota::shape::{Draft, Measure, Shape};
use rl_core::time::Span;

use crate::common::span;

/// Returns the words of a text, after the name of the command and the key.
fn words(text: &str) -> Vec<&[u8]> {
    ["RL.TEST", "key"].into_iter().chain(text.split_ascii_whitespace()).map(str::as_bytes).collect()
}

fn slide(limit: u64, window: u64) -> Measure {
    Measure::Rate(Rule::Slide(SlideRule { limit, window: span(window) }))
}

fn window(limit: u64, length: Length, offset: i64) -> Measure {
    Measure::Rate(Rule::Window(WindowRule { limit, length, offset }))
}

fn bucket(capacity: u64, refill: u64, period: u64) -> Measure {
    let refill = Decimal { mantissa: refill, scale: 0 };
    Measure::Rate(Rule::Bucket(BucketRule::new(capacity, refill, span(period)).unwrap()))
}

#[test]
fn a_limit_reads() {
    let hour = 3_600_000_i64;
    for (text, unit, measure) in [
        ("LIMIT a 500 60", "requests", slide(500, 60_000)),
        ("limit a 500 60 slide", "requests", slide(500, 60_000)),
        ("LIMIT a 500 250ms UNIT tokens", "tokens", slide(500, 250)),
        ("LIMIT a 5 1d WINDOW", "requests", window(5, Length::Span(span(86_400_000)), 0)),
        ("LIMIT a 5 1mo WINDOW UNIT t", "t", window(5, Length::Month, 0)),
        ("LIMIT a 5 1d UNIT t WINDOW OFFSET -8h", "t", window(5, Length::Span(span(86_400_000)), -8 * hour)),
        ("LIMIT a 5 1d Window Unit t Offset 30m", "t", window(5, Length::Span(span(86_400_000)), hour / 2)),
        ("LIMIT a 500 60 BUCKET 50", "requests", bucket(50, 500, 60_000)),
        ("LIMIT a 500 60 bucket 50 unit UNIT", "UNIT", bucket(50, 500, 60_000)),
        (
            "LIMIT a 9007199254740991 3650d UNIT t BUCKET 9007199254740991",
            "t",
            bucket(COUNT_MAX, COUNT_MAX, Span::MAX.ms()),
        ),
        ("LIMIT a 3 INFLIGHT", "requests", Measure::InFlight(3)),
        ("LIMIT a 3 inflight", "requests", Measure::InFlight(3)),
    ] {
        let words = words(text);
        let read = request::quota(words.as_slice()).unwrap();
        let draft = Draft { name: b"a", unit: unit.as_bytes(), measure, is_shadow: false };
        assert_eq!(read.limits, Limits::Spelled([draft].into_iter().collect()), "{text}");
        assert_eq!(read.terms, Terms::default(), "{text}");
        let named = [&words[..2], &[b"p"], &words[2..]].concat();
        let shape = setting(named.as_slice()).unwrap().shape;
        assert_eq!(shape.limits()[0], rl_core::quota::shape::Limit::new(&draft).unwrap(), "{text}");
    }
}

#[test]
fn an_error_names_the_wrong_part_of_a_limit() {
    for (text, fault) in [
        ("LIMIT", Fault::QuotaSyntax),
        ("LIMIT a", Fault::QuotaSyntax),
        ("LIMIT a 5", Fault::QuotaSyntax),
        ("LIMIT a -1 60", Fault::Limit),
        ("LIMIT a x 60", Fault::Limit),
        ("LIMIT a 01 60", Fault::Limit),
        ("LIMIT a 9007199254740992 60", Fault::Limit),
        ("LIMIT a -1 INFLIGHT", Fault::Limit),
        ("LIMIT a 5 0", Fault::Window),
        ("LIMIT a 5 x", Fault::Window),
        ("LIMIT a 5 1mo", Fault::Window),
        ("LIMIT a 5 1mo BUCKET 5", Fault::Window),
        ("LIMIT a 5 3651d SLIDE", Fault::Window),
        ("LIMIT a 5 2mo WINDOW", Fault::WindowOrMonth),
        ("LIMIT a 5 60 WINDOW OFFSET x", Fault::Offset),
        ("LIMIT a 5 60 WINDOW OFFSET", Fault::QuotaSyntax),
        ("LIMIT a 5 60 WINDOW OFFSET 1 OFFSET 1", Fault::QuotaSyntax),
        ("LIMIT a 5 60 OFFSET 1", Fault::QuotaSyntax),
        ("LIMIT a 5 60 SLIDE OFFSET 1", Fault::QuotaSyntax),
        ("LIMIT a 5 60 BUCKET", Fault::QuotaSyntax),
        ("LIMIT a 5 60 BUCKET -1", Fault::Capacity),
        ("LIMIT a 5 60 BUCKET UNIT", Fault::Capacity),
        ("LIMIT a 5 60 BUCKET 5 BUCKET 5", Fault::QuotaSyntax),
        ("LIMIT a 5 60 SLIDE WINDOW", Fault::QuotaSyntax),
        ("LIMIT a 5 60 UNIT", Fault::QuotaSyntax),
        ("LIMIT a 5 60 UNIT t UNIT t", Fault::QuotaSyntax),
        ("LIMIT a 5 INFLIGHT UNIT t", Fault::QuotaSyntax),
        ("LIMIT a 5 INFLIGHT SLIDE", Fault::QuotaSyntax),
        ("LIMIT a 5 60 x", Fault::QuotaSyntax),
        ("LIMIT a 5 60 POLICY p", Fault::QuotaSyntax),
        ("POLICY p LIMIT a 5 60", Fault::QuotaSyntax),
        ("POLICY p POLICY p", Fault::QuotaSyntax),
        ("POLICY", Fault::QuotaSyntax),
        ("COST t 5", Fault::QuotaSyntax),
        ("", Fault::QuotaSyntax),
    ] {
        assert_eq!(request::quota(words(text).as_slice()), Err(fault), "{text}");
        // For a policy only the name of the command differs.
        let expected = if fault == Fault::QuotaSyntax { Fault::PolicySyntax } else { fault };
        if text.starts_with("LIMIT") {
            let named = format!("p {text}");
            assert_eq!(setting(words(&named).as_slice()).unwrap_err(), expected, "{text}");
        }
    }
}

#[test]
fn names_are_checked_once_the_shape_is_made() {
    let of = |name: &[u8], unit: &[u8]| {
        let draft = Draft { name, unit, measure: slide(1, 1), is_shadow: false };
        Shape::new(None, &[draft]).map(|shape| shape.limits().len())
    };
    let longest = [b'x'; Name::MAX];
    for name in [&b"a"[..], b"A-Z_a.z:0-9", &longest] {
        assert_eq!((of(name, b"t"), of(b"a", name)), (Ok(1), Ok(1)));
    }
    let longer = [b'x'; Name::MAX + 1];
    for name in [&b""[..], b"a b", b"a/b", b"\xc3\xa4", b"a\0", b"a\r\n", &longer] {
        assert_eq!((of(name, b"t"), of(b"a", name)), (Err(Fault::LimitName), Err(Fault::UnitName)));
        let set = [&words("")[..], &[name], &words("LIMIT a 1 1")[2..]].concat();
        assert_eq!(setting(set.as_slice()).unwrap_err(), Fault::PolicyName);
    }
    let twice = [Draft { name: b"a", unit: b"t", measure: slide(1, 1), is_shadow: false }; 2];
    assert_eq!(Shape::new(None, &twice).unwrap_err(), Fault::LimitTwice);
    assert_eq!(Shape::new(None, &[]).unwrap_err(), Fault::QuotaLimits);
    assert_eq!(setting(words("p").as_slice()).unwrap_err(), Fault::QuotaLimits);
}

/// Prints terms in short: costs by unit, then the time to live and the id.
fn told(terms: &Terms<'_>) -> String {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let mut told: Vec<String> =
        terms.costs.iter().map(|(unit, cost)| format!("{}={cost}", text(unit))).collect();
    told.extend(
        terms.reserve.map(|Reserve { ttl, id, .. }| format!("{ttl} {}", id.map_or("-".into(), text))),
    );
    told.join(" ")
}

#[test]
fn the_terms_of_a_request_may_be_in_any_order() {
    for (text, expected) in [
        ("", Ok("")),
        ("COST tokens 5", Ok("tokens=5")),
        ("cost t 0 COST requests 9007199254740991", Ok("t=0 requests=9007199254740991")),
        ("RESERVE 60", Ok("60000ms -")),
        ("RESERVE 5m ID x COST t 1", Ok("t=1 300000ms x")),
        ("COST t 1 reserve 5m id COST", Ok("t=1 300000ms COST")),
        ("COST COST 1 RESERVE 1ms", Ok("COST=1 1ms -")),
        ("COST t x", Err(Fault::Cost)),
        ("COST t -1", Err(Fault::Cost)),
        ("COST t 9007199254740992", Err(Fault::Cost)),
        ("COST a/b 1", Err(Fault::UnitName)),
        ("COST t 1 COST t 1", Err(Fault::UnitTwice)),
        ("RESERVE 0", Err(Fault::Ttl)),
        ("RESERVE 3651d", Err(Fault::Ttl)),
        ("RESERVE 60 RESERVE 60", Err(Fault::QuotaSyntax)),
        ("ID x RESERVE 60", Err(Fault::QuotaSyntax)),
        ("x", Err(Fault::QuotaSyntax)),
    ] {
        for whole in ["LIMIT a 5 60 @", "@ LIMIT a 5 60", "POLICY p @", "@ POLICY p"] {
            let whole = whole.replace('@', text);
            let words = words(&whole);
            let read = request::quota(words.as_slice()).map(|read| told(&read.terms));
            assert_eq!(read, expected.map(String::from), "{whole}");
        }
        for whole in ["POLICY p q @", "@ POLICY p q"] {
            let whole = whole.replace('@', text);
            let words = [&[&b"RL.MQUOTA"[..], b"2", b"k1", b"k2"], &words(&whole)[2..]].concat();
            let many = request::many(words.as_slice());
            if let Ok(read) = &many {
                assert_eq!((&read.keys, &read.policies[..]), (&(2..4), &[&b"p"[..], b"q"][..]));
            }
            let syntax = |fault| if fault == Fault::QuotaSyntax { Fault::ManySyntax } else { fault };
            assert_eq!(
                many.map(|read| told(&read.terms)),
                expected.map(String::from).map_err(syntax),
                "{whole}"
            );
        }
    }
    for cut_short in ["COST", "COST t", "RESERVE", "RESERVE 60 ID"] {
        let whole = format!("POLICY p {cut_short}");
        let words = words(&whole);
        assert_eq!(request::quota(words.as_slice()), Err(Fault::QuotaSyntax), "{cut_short}");
    }
}

#[test]
fn there_may_be_so_many_and_no_more() {
    let repeat = |count: usize, each: &dyn Fn(usize) -> String| (0..count).map(each).collect::<String>();
    let limits = |count| repeat(count, &|at| format!("LIMIT a{at} 5 60 "));
    let units = |count| limits(1) + &repeat(count, &|at| format!("COST u{at} 1 "));
    let read = |text: &str| request::quota(words(text).as_slice()).map(|_| ());
    assert_eq!((read(&limits(16)), read(&limits(17))), (Ok(()), Err(Fault::QuotaLimits)));
    assert_eq!((read(&units(16)), read(&units(17))), (Ok(()), Err(Fault::Units)));
    let many = |count: usize| {
        let text = format!(
            "RL.MQUOTA {count} {}POLICY{}",
            repeat(count, &|at| format!("k{at} ")),
            " p".repeat(count)
        );
        let words: Vec<&[u8]> = text.split(' ').map(str::as_bytes).collect();
        request::many(words.as_slice()).map(|read| read.policies.len())
    };
    assert_eq!(
        (many(1), many(16), many(17), many(0)),
        (Ok(1), Ok(16), Err(Fault::Numkeys), Err(Fault::Numkeys))
    );
    let id = |len: usize| {
        request::reservation([&b"RL.CANCEL"[..], b"key", &vec![0xff; len]].as_slice()).map(<[u8]>::len)
    };
    assert_eq!((id(0), id(1), id(128), id(129)), (Err(Fault::Id), Ok(1), Ok(128), Err(Fault::Id)));
}

#[test]
fn many_keys_read() {
    for (text, fault) in [
        ("1 k", Fault::ManySyntax),
        ("1 k POLICY", Fault::ManySyntax),
        ("2 k", Fault::ManySyntax),
        ("2 k POLICY p", Fault::ManySyntax),
        ("2 k l POLICY p", Fault::ManySyntax),
        ("1 k POLICY p q", Fault::ManySyntax),
        ("1 k POLICY p POLICY q", Fault::ManySyntax),
        ("1 k LIMIT a 1 1", Fault::ManySyntax),
        ("2 k k POLICY p q", Fault::KeyTwice),
        ("x k POLICY p", Fault::Numkeys),
        ("-1 k POLICY p", Fault::Numkeys),
        ("18446744073709551617 k POLICY p", Fault::Numkeys),
        ("", Fault::Numkeys),
    ] {
        let words: Vec<&[u8]> = ["RL.MQUOTA"].into_iter().chain(text.split(' ')).map(str::as_bytes).collect();
        assert_eq!(request::many(words.as_slice()), Err(fault), "{text}");
    }
}

#[test]
fn settle_renew_and_peek_read() {
    let settle = |text: &str| {
        request::settle(words(text).as_slice()).map(|(id, used)| (id.to_vec(), used.iter().count()))
    };
    for (text, expected) in [
        ("x", Ok((b"x".to_vec(), 0))),
        ("x COST t 1 cost u 0", Ok((b"x".to_vec(), 2))),
        ("", Err(Fault::Id)),
        ("x t 1", Err(Fault::SettleSyntax)),
        ("x COST", Err(Fault::SettleSyntax)),
        ("x COST t", Err(Fault::SettleSyntax)),
        ("x COST t x", Err(Fault::Cost)),
        ("x COST t/ 1", Err(Fault::UnitName)),
        ("x COST t 1 COST t 1", Err(Fault::UnitTwice)),
    ] {
        assert_eq!(settle(text), expected, "{text}");
    }
    let renew = |text: &str| request::renew(words(text).as_slice()).map(|(_, ttl)| ttl.ms());
    for (text, expected) in
        [("x 60", Ok(60_000)), ("x 0", Err(Fault::Ttl)), ("x", Err(Fault::Ttl)), ("", Err(Fault::Id))]
    {
        assert_eq!(renew(text), expected, "{text}");
    }
    let peek = |text: &str| {
        request::peek(words(text).as_slice())
            .map(|costs| (costs.of(b"requests"), costs.of(b"tokens"), costs.of(b"5")))
    };
    for (text, expected) in [
        ("", Ok((1, 0, 0))),
        ("COST 7", Ok((7, 0, 0))),
        ("COST tokens 5", Ok((1, 5, 0))),
        ("COST 5 7", Ok((1, 0, 7))),
        ("COST 7 COST tokens 5", Ok((7, 5, 0))),
        ("COST tokens 5 cost 7", Ok((7, 5, 0))),
        ("COST 7 COST 7", Err(Fault::UnitTwice)),
        ("COST 7 COST requests 7", Err(Fault::UnitTwice)),
        ("COST", Err(Fault::PeekSyntax)),
        ("COST tokens", Err(Fault::Cost)),
        ("COST tokens x", Err(Fault::Cost)),
        ("tokens 5", Err(Fault::PeekSyntax)),
    ] {
        assert_eq!(peek(text), expected, "{text}");
    }
}
