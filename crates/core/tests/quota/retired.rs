//! Tests retired limits: a key keeps them while they count, and merges those beyond the largest number.

use std::sync::Arc;

use rl_core::effect::told::{Elsewhere, Told};
use rl_core::quota::bounds::RETIRED_MAX;
use rl_core::quota::effect::{Admission, QuotaEffect as Change};
use rl_core::quota::outsides::Names;
use rl_core::quota::shape::Shape;
use rl_core::value::Value;

use crate::common::{TODAY, at};
use crate::key::{Key, apply, standing};
use crate::plain::{limits, remaining};
use crate::sound::sound;

const MOST: usize = RETIRED_MAX + 1;

/// Makes a limit of this many tokens a minute.
fn minute(number: usize, tokens: u64) -> Arc<Shape> {
    limits(&format!("LIMIT l{number} {tokens} 60 UNIT tokens"))
}

fn denied(key: &mut Key, shape: &Arc<Shape>, tokens: u64, ms: u64) -> i64 {
    let verdict = key.ask(shape, tokens, None, ms);
    assert!(!verdict.allowed());
    verdict.retry().reply()
}

#[test]
fn a_limit_renamed_many_times_is_neither_locked_nor_forgotten() {
    let mut key = Key::default();
    for number in 0..100 {
        assert_eq!(
            key.take(&minute(number, 5), 5, None, number as u64),
            [0],
            "a new name has all of its limit"
        );
    }
    (0..100).for_each(|number| assert!(denied(&mut key, &minute(number, 5), 1, 100) > 0));
    // The merged names count until the last of them would have. Those that are not merged leave by themselves.
    assert_eq!(denied(&mut key, &minute(0, 5), 1, 100), 60_083 - 100);
    assert_eq!(denied(&mut key, &minute(83, 5), 1, 100), 60_083 - 100);
    assert_eq!(denied(&mut key, &minute(84, 5), 1, 100), 60_084 - 100);
    assert_eq!(key.take(&minute(0, 5), 5, None, 60_083), [0]);
    assert_eq!(denied(&mut key, &minute(99, 5), 1, 60_083), 16);
}

#[test]
fn a_name_that_comes_back_is_charged_with_no_more_than_one_of_the_merged() {
    let mut key = Key::default();
    (0..40).for_each(|number| drop(key.take(&minute(number, 9), number as u64 % 4, None, number as u64)));
    assert_eq!(key.left(&minute(1, 9), 40), [6], "at most three were taken by one");
    assert_eq!(key.left(&minute(500, 9), 40), [9], "never named");
    assert_eq!(key.take(&minute(1, 9), 2, None, 40), [4]);
    assert_eq!((key.left(&minute(1, 9), 41), key.left(&minute(5, 9), 41)), (vec![4], vec![6]));
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
    // A third state for each.
    assert_eq!(key.take(&bucket, 1, None, 3), [1; 16]);
    assert_eq!(key.take(&window, 1, None, 4), [0; 16]);
    for shape in [&slide, &bucket, &window] {
        assert_eq!(key.left(shape, 5), [0; 16]);
    }
}

#[test]
fn a_merged_limit_gives_nothing_back_and_is_charged_with_what_was_used_in_the_end() {
    let mut key = Key::default();
    let ids: Vec<&[u8]> = b"0123456789abcdefghijklmno".chunks(1).collect();
    let shape = |number: usize| limits(&format!("LIMIT l{number} 50 60 UNIT tokens LIMIT r{number} 9 60"));
    (0..25).for_each(|at| drop(key.take(&shape(at), 10, Some((ids[at], 600_000)), at as u64)));
    assert!(key.cancel(ids[0], 100));
    assert_eq!(key.left(&shape(0), 100), [40, 8], "merged");
    assert!(key.used(ids[1], 30, 100));
    assert_eq!(key.left(&shape(1), 100), [20, 8]);
    assert!(!key.used(ids[1], 50, 100), "once");
    assert!(key.cancel(ids[24], 100));
    assert_eq!(key.left(&shape(24), 100), [50, 9], "not merged");
    // A name that has come back is charged, too, with what its reservation of before has used.
    key.take(&shape(2), 1, None, 101);
    assert_eq!(key.left(&shape(2), 101), [19, 7]);
    assert!(key.used(ids[2], 21, 102));
    assert_eq!(key.left(&shape(2), 102), [8, 7]);
}

/// A hold and what is used elsewhere belong to a name. They are not merged, so no other name gets them.
#[test]
fn what_a_name_is_told_from_outside_outlives_the_merging_of_its_limit() {
    let mut key = Key::default();
    let hour = at(TODAY + 3_600_000);
    (0..2).for_each(|number| drop(key.take(&minute(number, 9), 1, None, 0)));
    key.tell(&Told::Hold { at: at(TODAY), until: hour, limits: Names::from_slice(&[b"l0"]) });
    let elsewhere = Elsewhere { limit: b"l1", used: 5, until: hour, since: at(0), lowered: None };
    key.tell(&Told::Sync { at: at(TODAY), limits: [elsewhere].into_iter().collect() });
    (2..40).for_each(|number| drop(key.take(&minute(number, 9), 1, None, number as u64)));
    assert_eq!(denied(&mut key, &minute(0, 9), 1, 40), 3_600_000 - 40, "l0 is merged and still held");
    assert_eq!(key.left(&minute(1, 9), 40), [9 - 1 - 5]);
    assert_eq!(key.left(&minute(2, 9), 40), [9 - 1]);
    assert_eq!(key.take(&minute(1, 9), 3, None, 40), [0]);
    // All counts have aged out, and the hold is still in force.
    assert_eq!(denied(&mut key, &minute(0, 9), 1, 200_000), 3_400_000);
    assert_eq!(key.left(&minute(1, 9), 200_000), [4]);
    assert_eq!(key.take(&minute(0, 9), 9, None, 3_600_000), [0]);
}

/// A shadow denies nobody, but what it counts is found by a limit that enforces.
#[test]
fn a_shadow_is_merged_with_what_it_has_counted() {
    let mut value: Option<Value> = None;
    for number in 0..40 {
        let shape = limits(&format!("LIMIT l{number} 5 60 UNIT tokens SHADOW"));
        let (at, costs) = (at(TODAY + number), [7].into_iter().collect());
        apply(&mut value, &Change::Admit(Admission { shape, at, costs, reserved: None }));
    }
    let quota = value.as_ref().unwrap().quota().unwrap();
    let left = |number: usize, ms: u64| remaining(&standing(Some(quota), &minute(number, 8), at(TODAY + ms)));
    (0..40).for_each(|number| assert_eq!(left(number, 60_000 - 1), [1]));
    assert_eq!(left(40, 100), [8], "never named");
    (0..40).for_each(|number| assert_eq!(left(number, 60_000 + 39), [8]));
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
fn different_limits_are_merged_as_well() {
    let mut value: Option<Value> = None;
    let how = ["SLIDE", "WINDOW", "BUCKET 5"];
    let shape = |number: usize| {
        let (name, seconds, unit) = (number, 60 + number, ["tokens", "cents"][number % 2]);
        limits(&format!("LIMIT l{name} 5 {seconds} UNIT {unit} {}", how[number % 3]))
    };
    for number in 0..MOST * 3 {
        let (shape, costs) = (shape(number), [1].into_iter().collect());
        apply(&mut value, &Change::Admit(Admission { shape, at: at(TODAY), costs, reserved: None }));
        sound(value.as_ref().unwrap());
    }
    let quota = value.as_ref().unwrap().quota().unwrap();
    let used: Vec<u64> = (0..MOST * 3).map(|number| quota.used(&shape(number), 0, at(TODAY))).collect();
    assert_eq!(used, vec![1; MOST * 3]);
}
