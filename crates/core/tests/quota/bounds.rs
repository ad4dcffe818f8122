//! Tests a key with the largest number of reservations, and one more.

use std::sync::Arc;

use rl_core::fault::Fault;
use rl_core::quota::Quota;
use rl_core::quota::bounds::RESERVATIONS_MAX;
use rl_core::quota::costs::Costs;
use rl_core::quota::decide::{self, Demand};
use rl_core::quota::effect::{Admission, QuotaEffect as Change, Reserved};
use rl_core::quota::shape::Shape;
use rl_core::value::Value;

use crate::common::{TODAY, at, span};
use crate::plain::limits;

/// A key on which everything happens at one instant. Each reservation lasts a millisecond longer.
struct Full {
    quota: Box<Quota>,
    shape: Arc<Shape>,
    made: u64,
}

const HOUR: u64 = 3_600_000;

impl Full {
    fn new() -> Self {
        // With a bucket, the key keeps a refund floor for each reservation.
        let shape = limits("LIMIT a 1 1d UNIT tokens BUCKET 1000000 LIMIT n 1000000 INFLIGHT");
        let quota = Box::new(Quota::new(Arc::clone(&shape)));
        let mut full = Self { quota, shape, made: 0 };
        (0..RESERVATIONS_MAX).for_each(|_| full.reserve());
        full
    }

    fn admit(&mut self, reserved: Option<Reserved<'_>>) {
        let (shape, costs) = (Arc::clone(&self.shape), [1, 0].into_iter().collect());
        Change::Admit(Admission { shape, at: at(TODAY), costs, reserved }).apply(&mut self.quota);
    }

    fn reserve(&mut self) {
        let (id, expires) = (self.made.to_be_bytes(), at(TODAY + HOUR + self.made));
        let answers = [(1, 1), (1, 1)].into_iter().collect();
        self.admit(Some(Reserved { id: &id, expires, answers, is_lease: false }));
        self.made += 1;
    }

    fn settle(&mut self, number: u64) {
        let id = number.to_be_bytes();
        Change::Settle { id: &id, at: at(TODAY), used: Costs::default() }.apply(&mut self.quota);
    }

    fn open(&self) -> usize {
        self.quota.reservations().unwrap().open(at(TODAY))
    }

    fn allow(&self, ms: u64) -> Result<(), Fault> {
        let demand = Demand { ttl: Some(span(1)), ..Demand::NONE };
        decide::allow(Some(&self.quota), &self.shape, &demand, at(TODAY + ms))
    }

    fn is_read_as_it_is_written(&self) {
        let value = Value::Quota(self.quota.clone());
        let bytes = value.encode();
        let again = Value::decode(&bytes).expect("what is written can be read");
        assert!(again == value && again.encode() == bytes);
    }
}

#[test]
#[cfg_attr(miri, ignore = "100,000 of anything are too many for it")]
fn a_key_holds_so_many_reservations_and_is_written_and_read_with_them() {
    let mut full = Full::new();
    assert_eq!((full.open(), full.allow(0)), (RESERVATIONS_MAX, Err(Fault::Reservations)));
    assert_eq!((full.allow(HOUR - 1), full.allow(HOUR)), (Err(Fault::Reservations), Ok(())), "one is over");
    full.is_read_as_it_is_written();
    // A stream of effects may have one more reservation: it is charged but not stored.
    full.reserve();
    assert_eq!((full.open(), full.quota.used(&full.shape, 0, at(TODAY))), (RESERVATIONS_MAX, full.made));
    full.is_read_as_it_is_written();
    full.settle(7);
    assert_eq!((full.open(), full.allow(0)), (RESERVATIONS_MAX - 1, Ok(())));
}

/// Each new reservation finds the bucket missing more. Many levels are kept for reservations that are settled
/// meanwhile, until the list is thinned.
#[test]
#[cfg_attr(miri, ignore = "100,000 of anything are too many for it")]
fn a_key_that_remembers_as_many_levels_as_it_may_is_written_and_read() {
    let mut full = Full::new();
    for number in 0..RESERVATIONS_MAX as u64 + 65 {
        full.settle(number);
        full.reserve();
    }
    full.is_read_as_it_is_written();
    full.admit(None);
    full.is_read_as_it_is_written();
    full.settle(full.made - 1);
    full.reserve();
    full.is_read_as_it_is_written();
    assert_eq!(full.open(), RESERVATIONS_MAX);
}

#[test]
#[cfg_attr(miri, ignore = "100,000 of anything are too many for it")]
fn reservations_that_end_together_are_dropped_over_several_changes_and_count_no_more() {
    let mut full = Full::new();
    let later = at(TODAY + 2 * HOUR);
    let mut changes = 0;
    let mut left = RESERVATIONS_MAX;
    while left > 0 {
        let (shape, costs) = (Arc::clone(&full.shape), [1, 0].into_iter().collect());
        Change::Admit(Admission { shape, at: later, costs, reserved: None }).apply(&mut full.quota);
        let stored = full.quota.reservations().map_or(0, |stored| stored.iter().len());
        assert!(stored < left && left - stored <= 4_096, "{left} before, {stored} after a change");
        assert_eq!(full.quota.reservations().map_or(0, |stored| stored.open(later)), 0);
        assert_eq!(full.allow(2 * HOUR), Ok(()), "what is over takes no room");
        (changes, left) = (changes + 1, stored);
        if changes % 8 == 1 {
            full.is_read_as_it_is_written();
        }
    }
    assert_eq!(changes, RESERVATIONS_MAX.div_ceil(4_096));
}
