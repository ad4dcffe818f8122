//! Plays any history of waiters. Every answer must equal that of a list that is sorted again each time, and
//! nothing may stay when all waiters have left.
#![no_main]

#[path = "../../tests/queue/history.rs"]
mod history;
#[path = "../../tests/queue/model.rs"]
mod model;

use history::{Event, Play};
use libfuzzer_sys::fuzz_target;

// The first byte chooses the start time. Each event takes the next few bytes.
fuzz_target!(|input: &[u8]| {
    let Some((begin, events)) = input.split_first() else { return };
    let mut play = Play::new(u64::from(*begin) << 34);
    for bytes in events.as_chunks().0.iter().take(100) {
        play.step(&Event::from_bytes(bytes));
    }
    play.end();
});
