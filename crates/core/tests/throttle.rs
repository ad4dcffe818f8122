//! Tests `CL.THROTTLE` against GCRA: a theoretical arrival time, in exact fractions of a millisecond.
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

use common::{Key, TODAY, at, begin, cases, steps};
use proptest::prelude::*;
use rl_core::fault::{Fault, Result};
use rl_core::grammar::cl_throttle as throttle;
use rl_core::grammar::limit::Request;
use rl_core::limit::rule::Rule;
use rl_core::number::COUNT_MAX;

fn read(text: &str) -> Result<Request> {
    let words: Vec<&[u8]> =
        ["CL.THROTTLE", "key"].into_iter().chain(text.split(' ')).map(str::as_bytes).collect();
    throttle::read(words.as_slice())
}

/// Runs `CL.THROTTLE` on a key as in the module, at a clock. Returns the five integers.
fn ask(key: &mut Key, text: &str, clock: u64) -> [i64; 5] {
    let Request { rule, cost, .. } = read(text).unwrap();
    throttle::reply(&match cost {
        0 => throttle::probe(key.state(), &rule, at(clock)).unwrap(),
        _ => key.request(&rule, cost, clock),
    })
}

/// GCRA as published and as in redis-cell, for one count and period: the theoretical arrival time of a
/// request that keeps exactly to the rate. A millisecond has `count` parts, so the interval between two
/// requests is as many parts as `period` has ms.
struct Gcra {
    count: i128,
    interval: i128,
    arrival: Option<i128>,
}

impl Gcra {
    fn new(count: u64, seconds: u64) -> Self {
        Self { count: i128::from(count), interval: i128::from(seconds) * 1_000, arrival: None }
    }

    fn ask(&mut self, max_burst: u64, quantity: u64, clock: u64) -> [i64; 5] {
        let now = i128::from(clock) * self.count;
        let limit = i128::from(max_burst) + 1;
        let (tolerance, increment) = (self.interval * limit, self.interval * i128::from(quantity));
        let arrival = self.arrival.map_or(now, |arrival| arrival.max(now));
        let early = arrival + increment - tolerance - now; // above 0: the request is this much too early
        let limited = early > 0;
        let ahead = if limited { arrival } else { arrival + increment } - now;
        if !limited {
            self.arrival = Some(arrival + increment);
        }
        let seconds = |parts: i128| (parts + self.count * 1_000 - 1).div_euclid(self.count * 1_000) as i64;
        let fits = increment <= tolerance;
        [
            i64::from(limited),
            limit as i64,
            (tolerance - ahead).max(0).div_euclid(self.interval) as i64,
            if limited && fits { seconds(early) } else { -1 },
            seconds(ahead),
        ]
    }
}

#[test]
fn the_example_of_redis_cell_is_answered_alike() {
    let mut key = Key::default();
    assert_eq!(ask(&mut key, "15 30 60", TODAY), [0, 16, 15, -1, 2]);
    assert_eq!(ask(&mut key, "15 30 60 1", TODAY), [0, 16, 14, -1, 4]);
}

/// A burst of five and one a second: the instants and quantities of redis-cell's own table of cases.
/// redis-cell keeps fractions of a second, and a reply rounds them up.
#[test]
fn its_table_of_cases_is_answered_alike() {
    let mut key = Key::default();
    for (number, (ms, quantity, remaining, reset, retry, limited)) in [
        (0, 6, 5, 0, -1, 1),
        (0, 1, 4, 1, -1, 0),
        (0, 1, 3, 2, -1, 0),
        (0, 1, 2, 3, -1, 0),
        (0, 1, 1, 4, -1, 0),
        (0, 1, 0, 5, -1, 0),
        (0, 1, 0, 5, 1, 1),
        (3_000, 1, 2, 3, -1, 0),
        (3_100, 1, 1, 4, -1, 0),
        (4_000, 1, 1, 4, -1, 0),
        (8_000, 1, 4, 1, -1, 0),
        (9_500, 1, 4, 1, -1, 0),
        (9_500, 0, 4, 1, -1, 0),
        (9_500, 2, 2, 3, -1, 0),
        (9_500, 5, 2, 3, 3, 1),
    ]
    .into_iter()
    .enumerate()
    {
        let told = ask(&mut key, &format!("4 1 1 {quantity}"), TODAY + ms);
        assert_eq!(told, [limited, 5, remaining, retry, reset], "case {number}");
    }
}

#[test]
fn rates_that_no_nanosecond_divides_are_exact() {
    for (text, told) in [
        ("15 7 60", [0, 16, 15, -1, 9]),
        ("6 7 60 7", [0, 7, 0, -1, 60]),
        ("4 3 1 3", [0, 5, 2, -1, 1]),
        ("15 1000000 1", [0, 16, 15, -1, 1]),
        ("15 9007199254740991 1 16", [0, 16, 0, -1, 1]),
        ("0 1 315360000", [0, 1, 0, -1, 315_360_000]),
        ("9007199254740990 1 1 9007199254740991", [0, COUNT_MAX.cast_signed(), 0, -1, 9_007_199_254_741]),
    ] {
        // In the last case, a time later than 2^53 - 1 ms is reported as 2^53 - 1 ms.
        assert_eq!(ask(&mut Key::default(), text, 0), told, "{text}");
    }
}

#[test]
fn a_probe_is_limited_while_more_is_used_than_a_smaller_burst() {
    let (mut key, mut gcra) = (Key::default(), Gcra::new(30, 60));
    for (max_burst, quantity, ms, told) in [
        (15, 10, 0, [0, 16, 6, -1, 20]),
        (4, 0, 0, [1, 5, 0, 10, 20]),
        (4, 0, 9_999, [1, 5, 0, 1, 11]),
        (4, 0, 10_000, [0, 5, 0, -1, 10]),
        (15, 0, 10_000, [0, 16, 11, -1, 10]),
        (15, 0, 20_000, [0, 16, 16, -1, 0]),
    ] {
        assert_eq!(ask(&mut key, &format!("{max_burst} 30 60 {quantity}"), TODAY + ms), told);
        assert_eq!(gcra.ask(max_burst, quantity, TODAY + ms), told);
    }
}

#[test]
fn its_arguments_are_those_of_a_bucket() {
    let words: [&[u8]; 5] = [b"RL.BUCKET", b"key", b"16", b"30", b"60"];
    assert_eq!(read("15 30 60"), rl_core::grammar::limit::bucket(words.as_slice()));
    for text in ["+15 030 +60 1", "15 30 60 -0", "15 30 60 0"] {
        assert!(read(text).is_ok(), "{text}");
    }
}

#[test]
fn an_invalid_argument_is_named() {
    for (place, fault, extra) in [
        (0, Fault::MaxBurst, "9007199254740991"),
        (1, Fault::CountPerPeriod, "0"),
        (2, Fault::PeriodSeconds, "315360001"),
        (3, Fault::Quantity, "9007199254740992"),
    ] {
        let long = "9".repeat(10_000);
        let bad =
            ["", "x", "-1", "1.5", "1e3", "0x10", " 1", "1\0", "٣", "9223372036854775808", &long, extra];
        for word in bad.into_iter().chain((place == 2).then_some("0")) {
            let mut words: [&[u8]; 6] = [b"CL.THROTTLE", b"key", b"15", b"30", b"60", b"1"];
            words[place + 2] = word.as_bytes();
            assert_eq!(throttle::read(words.as_slice()), Err(fault), "{word:?}");
        }
    }
}

proptest! {
    #![proptest_config(cases(2_000))]

    /// Any history under one count and period, with changing bursts. Each answer is GCRA's.
    #[test]
    fn every_answer_is_that_of_gcra(
        count in prop_oneof![3 => 1_u64..100, 1 => 1_u64..1_000_000, 1 => Just(1_000_000_007)],
        seconds in prop_oneof![3 => 1_u64..100, 1 => Just(86_400_u64)],
        bursts in prop::collection::vec(prop_oneof![3 => 0_u64..40, 1 => 0_u64..100_000], 1..4),
        history in steps(80),
        begin in begin(),
    ) {
        let (mut key, mut gcra, mut clock) = (Key::default(), Gcra::new(count, seconds), begin);
        for step in &history {
            let burst = bursts[usize::from(step.pick) % bursts.len()];
            let quantity = step.cost(burst + 1);
            let fills = (burst + 1) * seconds * 1_000 / count + 1;
            clock = step.clock(clock, fills, false);
            let told = ask(&mut key, &format!("{burst} {count} {seconds} {quantity}"), clock);
            prop_assert_eq!(told, gcra.ask(burst, quantity, clock), "{} {} {} {}", burst, count, seconds, quantity);
        }
    }

    /// A caller that comes back after retry_after seconds is not early. One second earlier is too early.
    #[test]
    fn retry_after_is_honest_to_the_second(burst in 0_u64..40, count in 1_u64..100, seconds in 1_u64..100, history in steps(60)) {
        let (mut key, mut clock) = (Key::default(), TODAY);
        for step in &history {
            clock = step.clock(clock, (burst + 1) * seconds * 1_000 / count + 1, false);
            let text = format!("{burst} {count} {seconds} {}", step.cost(burst + 1).max(1));
            let [limited, _, _, retry, _] = ask(&mut key, &text, clock);
            if limited == 1 && retry > 0 {
                let then = |seconds: i64| ask(&mut key.clone(), &text, clock + u64::try_from(seconds).unwrap() * 1_000)[0];
                prop_assert_eq!((then(retry), then(retry - 1)), (0, 1));
            }
        }
    }

    /// RL.BUCKET with a capacity of one more than the burst is the same bucket as CL.THROTTLE on that key.
    #[test]
    fn a_bucket_of_the_same_rate_takes_turns_with_it(burst in 0_u64..40, count in 1_u64..100, seconds in 1_u64..100, history in steps(60)) {
        let (mut mixed, mut gcra, mut clock) = (Key::default(), Gcra::new(count, seconds), TODAY);
        let Request { rule, .. } = read(&format!("{burst} {count} {seconds}")).unwrap();
        prop_assert!(matches!(rule, Rule::Bucket(_)));
        for step in &history {
            clock = step.clock(clock, (burst + 1) * seconds * 1_000 / count + 1, false);
            let quantity = step.cost(burst + 1).max(1);
            let expected = gcra.ask(burst, quantity, clock);
            if step.pick % 2 == 0 {
                let decision = mixed.request(&rule, quantity, clock);
                prop_assert_eq!(decision.allowed, expected[0] == 0);
            } else {
                prop_assert_eq!(ask(&mut mixed, &format!("{burst} {count} {seconds} {quantity}"), clock), expected);
            }
        }
    }
}
