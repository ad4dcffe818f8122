//! Tests that head, turn, blocks, ahead, counts, next and all other answers equal the model's.

use proptest::prelude::*;
use rl_core::queue::{Lane, Lines, Place};
use rl_core::time::At;

use crate::common::{TODAY, at, cases, span};
use crate::history::{Event, Play, claims};

fn events(most: usize) -> impl Strategy<Value = Vec<Event>> {
    let most = if cfg!(miri) { most.min(12) } else { most };
    let event = (any::<u8>(), any::<u8>(), any::<u16>(), any::<u64>());
    let event = event.prop_map(|(kind, pick, keys, time)| Event { kind, pick, keys, time });
    prop::collection::vec(event, 1..=most)
}

/// The start of time: of a clock that starts with the server, of the day's clock, and near the last instant.
fn begin() -> impl Strategy<Value = u64> {
    prop_oneof![3 => Just(0_u64), 1 => Just(TODAY), 1 => At::MAX.ms() - 2_000..At::MAX.ms()]
}

proptest! {
    #![proptest_config(cases(10_000))]

    #[test]
    fn lines_are_the_sorted_list_of_waiters(begin in begin(), history in events(40)) {
        let mut play = Play::new(begin);
        history.iter().for_each(|event| play.step(event));
        play.end();
    }

    /// One line with many waiters, where the first waiter changes most often.
    #[test]
    fn so_is_a_line_that_holds_all_waiters(history in events(60), aging in 1_u8..5) {
        let mut play = Play::new(0);
        play.step(&Event { kind: 9, pick: aging, keys: 0, time: 0 });
        for event in &history {
            play.step(&Event { keys: 0, pick: event.pick & 0x7f, ..*event });
        }
        play.end();
    }
}

/// Time passes between the look at a line and the call that puts it to sleep.
#[test]
fn a_waiter_that_rises_while_its_line_is_served_is_next() {
    let mut waiting = Lines::default();
    waiting.set_aging(Some(span(10)));
    let place = Place { db: 0, key: b"k".as_slice().into() };
    let join = |waiting: &mut Lines<()>, lane, ms| {
        let places = [place.clone()].into_iter().collect();
        waiting.join(places, claims(&[0], 1), lane, at(ms), span(1_000), ())
    };
    let low = join(&mut waiting, Lane::Low, 0);
    let high = join(&mut waiting, Lane::Normal, 5);
    let looked = at(9);
    assert_eq!(waiting.marked(looked), Some(place.clone()));
    assert_eq!(waiting.turn(&place, looked), Some(high));
    // By now it is 10 or later, and the low waiter has passed the other.
    waiting.sleep(&place, looked, Some(at(500)));
    assert_eq!(waiting.next(at(11)), Some(at(11)));
    assert_eq!(waiting.marked(at(11)), Some(place.clone()));
    assert_eq!(waiting.turn(&place, at(11)), Some(low));
}

/// A name may be long, and each waiter of its key has it.
#[test]
fn waiters_of_a_key_share_its_name() {
    let mut waiting = Lines::<()>::default();
    let mut join = || {
        let place = waiting.place(0, b"k");
        let places = std::iter::once(place.clone()).collect();
        waiting.join(places, claims(&[0], 1), Lane::Normal, at(0), span(1_000), ());
        place.key
    };
    let (first, second) = (join(), join());
    assert!(std::sync::Arc::ptr_eq(&first, &second));
}
