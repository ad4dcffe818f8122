//! Tests `WAIT duration [PRIORITY lane]`: its order among other options, and its errors.

use proptest::prelude::*;
use rl_core::fault::{Fault, Result};
use rl_core::grammar::limit::{self as request, Request};
use rl_core::grammar::quota;
use rl_core::grammar::terms::Terms;
use rl_core::queue::{Lane, Wait};
use rl_core::time::Span;

use crate::common::{cases, span};

fn words(text: &str) -> Vec<&[u8]> {
    text.split(' ').filter(|word| !word.is_empty()).map(str::as_bytes).collect()
}

/// Parses each command that can wait, with these options.
fn read(options: &str) -> [Result<Option<Wait>>; 5] {
    let wait = |request: Result<Request>| request.map(|request| request.wait);
    let terms = |terms: Result<Terms<'_>>| terms.map(|terms| terms.wait);
    let [slide, window, bucket, one, many] = [
        format!("RL.SLIDE k 5 60 {options}"),
        format!("RL.WINDOW k 5 60 {options}"),
        format!("RL.BUCKET k 5 1 60 {options}"),
        format!("RL.QUOTA k LIMIT rpm 5 60 {options}"),
        format!("RL.MQUOTA 1 k POLICY p {options}"),
    ];
    [
        wait(request::slide(words(&slide).as_slice())),
        wait(request::window(words(&window).as_slice())),
        wait(request::bucket(words(&bucket).as_slice())),
        terms(quota::quota(words(&one).as_slice()).map(|request| request.terms)),
        terms(quota::many(words(&many).as_slice()).map(|request| request.terms)),
    ]
}

const SYNTAX: [Fault; 5] =
    [Fault::SlideSyntax, Fault::WindowSyntax, Fault::BucketSyntax, Fault::QuotaSyntax, Fault::ManySyntax];

#[test]
fn it_reads() {
    for (options, wait) in [
        ("", None),
        ("WAIT 30", Some((30_000, Lane::Normal))),
        ("wait 1ms", Some((1, Lane::Normal))),
        ("WAIT 3650d", Some((Span::MAX.ms(), Lane::Normal))),
        ("WAIT 0.25 PRIORITY CRITICAL", Some((250, Lane::Critical))),
        ("WAIT 5m priority High", Some((300_000, Lane::High))),
        ("WAIT 5m PRIORITY normal", Some((300_000, Lane::Normal))),
        ("wAiT 5m pRiOrItY lOw", Some((300_000, Lane::Low))),
        ("WAIT 1 PRIORITY 0", Some((1_000, Lane::Critical))),
        ("WAIT 1 PRIORITY 1", Some((1_000, Lane::High))),
        ("WAIT 1 PRIORITY 2", Some((1_000, Lane::Normal))),
        ("WAIT 1 PRIORITY 3", Some((1_000, Lane::Low))),
    ] {
        let wait = wait.map(|(ms, lane)| Wait { time: span(ms), lane, flow: None });
        assert_eq!(read(options), [Ok(wait); 5], "{options}");
    }
}

#[test]
fn each_wrong_word_has_its_error() {
    for options in [
        "WAIT",
        "WAIT 1 PRIORITY",
        "WAIT 1 WAIT 1",
        "WAIT 1 PRIORITY LOW WAIT 1",
        "WAIT 1 PRIORITY LOW PRIORITY LOW",
        "PRIORITY LOW",
        "PRIORITY LOW WAIT 1",
        "WAIT 1 LOW",
    ] {
        assert_eq!(read(options), SYNTAX.map(Err), "{options}");
    }
    for options in
        ["WAIT 0", "WAIT -1", "WAIT x", "WAIT PRIORITY LOW", "WAIT 3651d", "WAIT 0.0001", "WAIT 1mo"]
    {
        assert_eq!(read(options), [Err(Fault::Wait); 5], "{options}");
    }
    for lane in ["4", "-1", "00", "urgent", "LOWER", "PRIORITY", "0x1", "1.0"] {
        let options = format!("WAIT 1 PRIORITY {lane}");
        assert_eq!(read(&options), [Err(Fault::Priority); 5], "{options}");
    }
}

/// Returns the lane of a word, by a plain list.
fn lane(word: &[u8]) -> Option<Lane> {
    match word.to_ascii_uppercase().as_slice() {
        b"CRITICAL" | b"0" => Some(Lane::Critical),
        b"HIGH" | b"1" => Some(Lane::High),
        b"NORMAL" | b"2" => Some(Lane::Normal),
        b"LOW" | b"3" => Some(Lane::Low),
        _ => None,
    }
}

fn lane_words() -> impl Strategy<Value = Vec<u8>> {
    let named = prop::sample::select(Lane::ALL.map(Lane::name).to_vec());
    let cased = (named, any::<u16>()).prop_map(|(name, upper)| {
        let case =
            |(at, byte): (usize, u8)| if upper >> at & 1 == 1 { byte.to_ascii_uppercase() } else { byte };
        name.bytes().enumerate().map(case).collect()
    });
    prop_oneof![
        4 => cased,
        2 => any::<u8>().prop_map(|byte| vec![byte]),
        2 => "[0-9]{0,3}".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..12),
    ]
}

proptest! {
    #![proptest_config(cases(10_000))]

    #[test]
    fn any_word_is_a_lane_or_none(word in lane_words()) {
        prop_assert_eq!(Lane::parse(&word), lane(&word));
    }

    /// Options in any order, each present or absent.
    #[test]
    fn options_may_be_in_any_order(
        parts in prop::sample::subsequence(vec!["COST", "WAIT", "OFFSET"], 0..=3).prop_shuffle(),
        ms in 1_u64..100_000, word in prop::option::of(prop::sample::select(vec!["low", "0", "HIGH", "2"])),
    ) {
        let named = word.map_or(String::new(), |word| format!("PRIORITY {word}"));
        let spelled = |part: &&str| match *part {
            "WAIT" => format!("WAIT {ms}ms {named}"),
            part => format!("{part} 3"),
        };
        let text: Vec<String> = parts.iter().map(spelled).collect();
        let text = format!("RL.WINDOW k 5 60 {}", text.join(" "));
        let request = request::window(words(&text).as_slice()).unwrap();
        let place = word.map_or(Some(Lane::Normal), |word| lane(word.as_bytes())).unwrap();
        let wait = Wait { time: span(ms), lane: place, flow: None };
        prop_assert_eq!(request.wait, parts.contains(&"WAIT").then_some(wait));
        prop_assert_eq!(request.cost, if parts.contains(&"COST") { 3 } else { 1 });
    }

    /// The same for quotas, among limits and all that may follow them.
    #[test]
    fn so_they_do_for_quotas(
        parts in prop::sample::subsequence(vec!["LIMIT rps 1 1", "COST tokens 5", "RESERVE 60 ID x"], 0..=3),
        at in 0_usize..4, ms in 1_u64..100_000,
    ) {
        let wait = format!("WAIT {ms}ms PRIORITY 3");
        let mut all = parts.clone();
        all.insert(at.min(parts.len()), &wait);
        let text = format!("RL.QUOTA k LIMIT rpm 5 60 {}", all.join(" "));
        let words = words(&text);
        let terms = quota::quota(words.as_slice()).unwrap().terms;
        prop_assert_eq!(terms.wait, Some(Wait { time: span(ms), lane: Lane::Low, flow: None }));
        prop_assert_eq!(terms.reserve.is_some(), parts.contains(&"RESERVE 60 ID x"));
    }

    /// No words do harm, and a parsed wait is within its bounds.
    #[test]
    fn any_words_are_read_or_refused(
        picks in prop::collection::vec(prop::sample::select(
            vec!["WAIT", "PRIORITY", "LOW", "0", "1", "4", "COST", "60ms", "0", "RESERVE", "ID", "tokens"],
        ), 0..9),
    ) {
        for wait in read(&picks.join(" ")).into_iter().flatten().flatten() {
            prop_assert!((1..=Span::MAX.ms()).contains(&wait.time.ms()));
        }
    }
}
