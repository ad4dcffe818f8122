//! Tests the heaviest keys against exact counts of all keys.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::expect_used,
    clippy::float_arithmetic,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that panics has failed, as it should"
)]

mod common;

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher};

use proptest::prelude::*;
use rl_core::top::{NAME_MAX, PLACES, Top};

use common::cases;

type Counted = Top<BuildHasherDefault<DefaultHasher>>;

/// A small random generator with the same stream in each run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Returns one of `keys` by Zipf's law: the nth key is asked for 1/n as often as the first. Inverts the
/// integral, which is close enough to have the same tail.
fn zipf(keys: f64, dice: &mut Dice) -> u64 {
    ((keys + 1.0).powf(dice.roll())) as u64
}

fn check(top: &Counted, exact: &HashMap<(i32, Vec<u8>), u64>) {
    let mut least = u64::MAX;
    let mut listed = 0;
    for db in [0, 1] {
        let all = top.heaviest(db, usize::MAX);
        assert!(all.is_sorted_by(|one, other| one.count >= other.count));
        listed += all.len();
        for heavy in all {
            let real = exact[&(heavy.db, heavy.name.to_vec())];
            assert!((heavy.count - heavy.error..=heavy.count).contains(&real), "{real} of {heavy:?}");
            least = least.min(heavy.count);
        }
    }
    assert_eq!(listed, PLACES.min(exact.len()));
    for ((db, name), real) in exact.iter().filter(|(_, real)| **real > least) {
        let all = top.heaviest(*db, usize::MAX);
        assert!(all.iter().any(|heavy| heavy.name[..] == name[..]), "{name:?} had {real} and is not there");
    }
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn nothing_is_counted_too_low_and_no_heavy_key_is_missed(
        seed in any::<u64>(), keys in 1_u64..40_000, evenly in any::<bool>(),
    ) {
        let (mut top, mut exact, mut dice) = (Counted::new(<_>::default()), HashMap::new(), Dice(seed));
        for _ in 0..20_000 {
            let key = if evenly { (dice.roll() * keys as f64) as u64 } else { zipf(keys as f64, &mut dice) };
            let (db, name) = ((key % 2) as i32, key.to_string().into_bytes());
            top.count(db, &name);
            *exact.entry((db, name)).or_insert(0) += 1;
        }
        check(&top, &exact);
        top.clear();
        prop_assert!(top.heaviest(0, 10).is_empty());
        top.count(0, b"again");
        prop_assert_eq!(top.heaviest(0, 10)[0].count, 1);
    }
}

#[test]
fn of_a_million_keys_the_ten_heaviest_are_right_to_a_hundredth() {
    let (mut top, mut exact, mut dice) = (Counted::new(<_>::default()), HashMap::new(), Dice(7));
    for _ in 0..3_000_000 {
        let name = format!("key:{}", zipf(1e6, &mut dice)).into_bytes();
        top.count(0, &name);
        *exact.entry(name).or_insert(0_u64) += 1;
    }
    let mut real: Vec<(&Vec<u8>, u64)> = exact.iter().map(|(name, count)| (name, *count)).collect();
    real.sort_by_key(|(_, count)| u64::MAX - count);
    for ((name, count), heavy) in real.iter().zip(top.heaviest(0, 10)) {
        assert_eq!(heavy.name[..], name[..]);
        assert!(heavy.count - count <= count / 100, "{} instead of {count}", heavy.count);
    }
}

/// A key that was rare for a long time and then becomes the heaviest.
#[test]
fn a_late_key_is_found() {
    let (mut top, mut dice) = (Counted::new(<_>::default()), Dice(3));
    (0..1_000_000).for_each(|_| top.count(0, &((dice.roll() * 1e6) as u64).to_be_bytes()));
    (0..100_000).for_each(|_| top.count(0, b"late"));
    let first = top.heaviest(0, 1)[0];
    assert_eq!(first.name[..], b"late"[..]);
    assert!((100_000..=101_000).contains(&first.count) && first.count - first.error <= 100_000, "{first:?}");
}

#[test]
fn of_a_long_key_the_beginning_is_stored() {
    let mut top = Counted::new(<_>::default());
    let long = vec![b'x'; 10_000];
    top.count(0, &long);
    top.count(0, &long[1..]);
    let all = top.heaviest(0, 10);
    assert_eq!(
        all.iter().map(|heavy| (heavy.name.len(), heavy.count)).collect::<Vec<_>>(),
        [(NAME_MAX, 1); 2]
    );
}
