//! Tests that a memory manager is shown each allocation of a state that may be moved, and that nothing is lost by it.

use rl_core::effect::Effect;
use rl_core::effect::told::Told;
use rl_core::limit::bucket::BucketRule;
use rl_core::limit::outside::Outside;
use rl_core::limit::rule::Rule;
use rl_core::limit::slide::SlideRule;
use rl_core::limit::state::{Relocate, State};
use rl_core::number::Decimal;
use rl_core::quota::Quota;
use rl_core::quota::outsides::Names;
use rl_core::value::Value;

use crate::common::{TODAY, at, span};
use crate::key::Key;
use crate::plain::limits;

/// Adds up what it is shown. It moves each buffer, so that bytes which it leaves behind are lost.
#[derive(Default)]
struct Mover {
    boxes: usize,
    slices: usize,
    buffers: usize,
    bytes: usize,
}

impl Relocate for Mover {
    fn boxed<T>(&mut self, _: &mut Box<T>) {
        self.boxes += 1;
        self.bytes += size_of::<T>();
    }

    fn slice<T>(&mut self, values: &mut Box<[T]>) {
        self.slices += 1;
        self.bytes += size_of_val(&**values);
    }

    fn buffer(&mut self, value: &mut Vec<u8>) {
        self.buffers += 1;
        self.bytes += value.capacity();
        let mut moved = Vec::with_capacity(value.capacity());
        moved.append(value);
        *value = moved;
    }
}

fn slide(window: u64) -> Rule {
    Rule::Slide(SlideRule { limit: 100, window: span(window) })
}

/// Checks that all memory of a state is shown, in so many boxes and buffers.
fn shows_all(mut state: State, boxes: usize, buffers: usize) {
    let (before, mut mover) = (state.clone(), Mover::default());
    let bytes = state.heap_bytes();
    state.relocate(&mut mover);
    assert_eq!((mover.boxes, mover.buffers, mover.bytes), (boxes, buffers, bytes));
    assert!(state == before);
}

#[test]
fn all_memory_of_a_state_is_shown() {
    let mut one = State::new(&slide(60_000));
    for step in 0..50 {
        one.charge(&slide(60_000), 1, at(TODAY + step * 700)).unwrap();
    }
    shows_all(one.clone(), 1, 1);
    // A window that was longer before, and a hold.
    one.charge(&slide(1_000), 1, at(TODAY + 40_000)).unwrap();
    shows_all(one.clone(), 2, 1);
    one.tell(Outside { held: at(TODAY + 90_000), ..Outside::NONE }, at(TODAY + 40_000));
    shows_all(one, 3, 1);
    // A bucket with a rule before it.
    let refill = |mantissa| Decimal { mantissa, scale: 0 };
    let bucket = |mantissa| Rule::Bucket(BucketRule::new(9, refill(mantissa), span(60_000)).unwrap());
    let mut two = State::new(&bucket(1));
    two.charge(&bucket(1), 3, at(TODAY)).unwrap();
    shows_all(two.clone(), 0, 0);
    two.charge(&bucket(2), 3, at(TODAY)).unwrap();
    shows_all(two, 1, 0);
}

#[test]
fn each_state_of_a_quota_is_shown_and_so_is_the_quota() {
    let shape =
        limits("LIMIT a 90 60 UNIT tokens LIMIT b 90 1d UNIT tokens LIMIT c 90 60 UNIT tokens BUCKET 90");
    let mut key = Key::default();
    (0..30).for_each(|ms| drop(key.take(&shape, 1, None, ms * 500)));
    let bytes = key.bytes().unwrap();
    let (mut value, mut mover) = (Value::decode(&bytes).unwrap(), Mover::default());
    value.relocate(&mut mover);
    assert_eq!(
        (mover.boxes, mover.slices, mover.buffers),
        (3, 1, 2),
        "the quota with its states, and two logs"
    );
    assert!(mover.bytes > size_of::<Quota>() + 60, "with their entries");
    assert_eq!(value.encode(), bytes);
}

#[test]
fn the_parts_that_few_quotas_have_are_shown_and_so_are_those_of_a_key_that_is_only_held() {
    let shape = limits("LIMIT a 90 60 UNIT tokens WINDOW LIMIT n 9 INFLIGHT");
    let mut key = Key::default();
    key.take(&shape, 1, Some((b"r", 1_000)), 0);
    let bytes = key.bytes().unwrap();
    let (mut value, mut mover) = (Value::decode(&bytes).unwrap(), Mover::default());
    value.relocate(&mut mover);
    assert_eq!((mover.boxes, mover.buffers), (2, 0), "the quota, and what it keeps of reservations");
    assert_eq!(value.encode(), bytes);

    let hold = Told::Hold { at: at(TODAY), until: at(TODAY).plus(span(60_000)), limits: Names::new() };
    let (mut value, _) = Effect::Told(hold).create().unwrap();
    let (bytes, mut mover) = (value.encode(), Mover::default());
    value.relocate(&mut mover);
    assert_eq!(
        (mover.boxes, mover.buffers),
        (3, 0),
        "itself, and one for each kind of request that may come first"
    );
    assert_eq!(value.encode(), bytes);
}
