//! Tests how much a bucket can be given back after many other charges, and that stored levels are checked.

use rl_core::quota::bounds::RESERVATIONS_MAX;
use rl_core::value::Value;

use crate::key::Key;
use crate::plain::limits;

/// Levels that no reservation uses are dropped once there are more than 64 and two for each reservation. Those that
/// are used stay.
#[test]
fn what_a_reservation_may_get_back_outlives_the_dropping_of_levels() {
    let shape = limits("LIMIT a 60 60 UNIT tokens BUCKET 1000 LIMIT keeps 10000 1d UNIT tokens");
    let mut key = Key::default();
    key.take(&shape, 500, Some((b"r", 3_600_000)), 0);
    // Two tokens are missing when the next charge comes, so at most two can come back.
    for step in 0..200 {
        assert_eq!(key.take(&shape, 1, Some((b"s", 3_600_000)), 498_000)[0], 997 - step);
        assert!(key.used(b"s", 1, 498_000));
    }
    // Here 202 are missing. As many more are taken by one that stays open.
    key.take(&shape, 10, Some((b"t", 3_600_000)), 498_000);
    for _ in 0..200 {
        key.take(&shape, 1, Some((b"s", 3_600_000)), 700_000);
        assert!(key.used(b"s", 1, 700_000));
    }
    assert_eq!(key.left(&shape, 700_000), [1000 - 10 - 200, 10_000 - 500 - 410]);
    assert!(key.cancel(b"t", 700_000));
    assert_eq!(key.left(&shape, 700_000)[0], 1000 - 200, "ten were missing at the least");
    assert!(key.cancel(b"r", 700_000));
    assert_eq!(key.left(&shape, 700_000)[0], 1000 - 200, "none was missing by then");
}

#[test]
fn the_least_missing_since_a_reservation_is_all_that_it_gets_back() {
    let shape = limits("LIMIT a 60 60 UNIT tokens BUCKET 1000 LIMIT keeps 10000 1d UNIT tokens");
    let mut key = Key::default();
    key.take(&shape, 500, Some((b"r", 3_600_000)), 0);
    for _ in 0..200 {
        key.take(&shape, 1, Some((b"s", 3_600_000)), 498_000);
        assert!(key.used(b"s", 1, 498_000));
    }
    assert!(key.cancel(b"r", 498_000));
    assert_eq!(key.left(&shape, 498_000)[0], 1000 - 200, "two of 500");
}

/// A quota of a bucket and of a limit on reservations, with two reservations: up to how many were made, from there
/// up to the levels of the bucket, and the rest.
const PARTS: [&str; 3] = [
    "102100020374706d06746f6b656e7302643c00e0d403016e0872657175657374730305d1dfdfb4ab33e09ee5b4ab33021202643c00e0d403\
     d1dfdfb4ab33a492960100000100",
    "02017280d0dfb4ab33e0a4e3b4ab330102011e46b0ea01020064000173d0dfdfb4ab33e09ee5b4ab33020201075dd8360200640002020100",
    "020000",
];

fn varint(mut number: u128) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number > 127 {
        bytes.push(number as u8 | 128);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

/// Decodes the quota as if `made` reservations had been made and the bucket had these levels. Each has the number of
/// reservations made before it, and the amount missing.
fn read(made: u128, levels: &[(u128, u128)]) -> Option<Value> {
    let [first, held, last] = PARTS.map(|part| {
        let digits = (0..part.len()).step_by(2).map(|at| &part[at..at + 2]);
        digits.map(|digits| u8::from_str_radix(digits, 16).unwrap()).collect::<Vec<_>>()
    });
    let mut bytes = [first, varint(made), held, varint(levels.len() as u128)].concat();
    for (made, missing) in levels {
        bytes.extend([varint(*made), varint(*missing)].concat());
    }
    bytes.extend(last);
    let value = Value::decode(&bytes)?;
    assert_eq!(value.encode(), bytes);
    Some(value)
}

#[test]
fn stored_levels_must_rise_and_belong_to_reservations_that_were_made() {
    let reads = |levels: &[(u128, u128)]| read(2, levels).is_some();
    assert!(reads(&[(1, 1_750_000), (2, 2_400_000)]), "the last one made may have one");
    assert!(reads(&[]) && reads(&[(2, 1)]) && reads(&[(1, 1)]));
    assert!(!reads(&[(1, 5), (3, 6)]), "three were not made");
    assert!(!reads(&[(3, 6)]));
    assert!(!reads(&[(2, 5), (1, 6)]) && !reads(&[(1, 6), (2, 5)]), "falling");
    assert!(!reads(&[(1, 5), (1, 6)]) && !reads(&[(1, 5), (2, 5)]), "equal");
}

/// With the largest number of levels there is no room for another, unless a reservation comes first, which drops those
/// that are not used.
#[test]
fn there_are_stored_levels_up_to_a_bound() {
    let most = 2 * RESERVATIONS_MAX as u128 + 65;
    let reads = |made, levels| {
        let levels: Vec<_> = (1..=levels).map(|made| (made, made)).collect();
        read(made, &levels).is_some()
    };
    assert!(reads(most, most));
    assert!(!reads(most + 1, most));
    assert!(reads(most + 1, most - 1));
    assert!(!reads(most + 1, most + 1));
}
