//! Tests retired limits: a key keeps them while they count, up to the largest number.

use std::sync::Arc;

use rl_core::fault::Fault;
use rl_core::quota::bounds::RETIRED_MAX;
use rl_core::quota::effect::{Admission, QuotaEffect as Change};
use rl_core::quota::shape::Shape;
use rl_core::value::Value;

use crate::common::{TODAY, at};
use crate::key::{Ask, Key, apply, costs};
use crate::plain::{Reserve, limits};
use crate::sound::sound;

const MOST: usize = RETIRED_MAX + 1;

/// Makes a limit of one token, with a window of a minute and this many ms.
fn one(number: usize) -> Arc<Shape> {
    limits(&format!("LIMIT l{number} 1 {}ms UNIT tokens", 60_000 + number))
}

fn refused(key: &mut Key, shape: &Arc<Shape>, reserve: Reserve, ms: u64) -> bool {
    let before = key.bytes();
    let ask = Ask { costs: costs(&[(b"tokens", 1)]), reserve };
    let refused = key.request(shape, &ask, TODAY + ms).err();
    assert!(refused.is_none() || (key.bytes() == before && refused == Some(Fault::Retired)));
    refused.is_some()
}

#[test]
fn no_limit_that_still_counts_is_forgotten_for_others() {
    let mut key = Key::default();
    (0..MOST).for_each(|number| drop(key.take(&one(number), 1, None, 0)));
    assert!(refused(&mut key, &one(MOST), None, 0), "one more would have to be forgotten");
    assert!(refused(&mut key, &one(MOST), None, 59_999));
    (0..MOST).for_each(|number| assert!(!key.ask(&one(number), 1, None, 1).allowed()));
    assert!(!refused(&mut key, &one(MOST), None, 60_000), "the first has aged out");
    assert!(refused(&mut key, &one(0), None, 60_000));
    assert!(!refused(&mut key, &one(0), None, 60_001));
}

#[test]
fn as_many_limits_as_a_quota_has_may_change_their_algorithm() {
    let all = |how: &str| {
        let all: Vec<String> = (0..16).map(|at| format!("LIMIT l{at} 5 1h UNIT tokens {how}")).collect();
        limits(&all.join(" "))
    };
    let [slide, window, bucket] = ["SLIDE", "WINDOW", "BUCKET 5"].map(all);
    let mut key = Key::default();
    assert_eq!(key.take(&slide, 1, None, 0), [4; 16]);
    assert_eq!(key.take(&window, 1, None, 1), [3; 16]);
    assert_eq!(key.take(&slide, 1, None, 2), [2; 16]);
    assert!(refused(&mut key, &bucket, None, 3), "would be a third state for each");
}

#[test]
fn a_limit_with_an_open_reservation_is_retained_like_one_that_counts() {
    let quick =
        |number: usize| limits(&format!("LIMIT l{number} 5 1ms UNIT tokens LIMIT keeps 1000 1d UNIT tokens"));
    let mut key = Key::default();
    let ids: Vec<&[u8]> = b"0123456789abcdefghi".chunks(1).collect();
    (0..MOST).for_each(|at| drop(key.take(&quick(at), 1, Some((ids[at], 600_000)), at as u64 * 10)));
    assert!(refused(&mut key, &quick(MOST), None, 1_000));
    assert!(key.used(ids[3], 1, 1_000));
    assert!(!refused(&mut key, &quick(MOST), Some((ids[3], 600_000)), 1_001));
    assert!(refused(&mut key, &quick(3), None, 1_002));
    assert!(!refused(&mut key, &quick(3), None, 601_001), "all of them have run out");
}

#[test]
fn limits_that_count_reservations_are_never_among_them() {
    let mut key = Key::default();
    for number in 0..40 {
        let id: &'static [u8] = [&b"a"[..], b"b"][number % 2];
        let shape = limits(&format!("LIMIT n{number} 9 INFLIGHT"));
        assert_eq!(key.take(&shape, 1, Some((id, 5)), number as u64 * 3).len(), 1);
    }
}

#[test]
fn a_stream_of_changes_keeps_those_that_count_for_the_longest() {
    let mut value: Option<Value> = None;
    for number in 0..40 {
        let (shape, costs) = (one(number), [1].into_iter().collect());
        let change = Change::Admit(Admission { shape, at: at(TODAY), costs, reserved: None });
        apply(&mut value, &change);
        sound(value.as_ref().unwrap());
    }
    let quota = value.as_ref().unwrap().quota().unwrap();
    let used: Vec<u64> = (0..40).map(|number| quota.used(&one(number), 0, at(TODAY))).collect();
    assert_eq!(used, [[0; 23].as_slice(), &[1; 17]].concat());
}
