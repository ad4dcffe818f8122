//! Any history of those who wait: every answer is that of a list which is sorted afresh each time, and
//! nothing stays behind when all have left.
#![no_main]

#[path = "../../tests/queue/history.rs"]
mod history;
#[path = "../../tests/queue/model.rs"]
mod model;

use history::{Event, Play};
use libfuzzer_sys::fuzz_target;

// The first byte says when it begins; each event takes the next few.
fuzz_target!(|input: &[u8]| {
    let Some((begin, events)) = input.split_first() else { return };
    let mut play = Play::new(u64::from(*begin) << 34);
    for bytes in events.as_chunks().0.iter().take(100) {
        play.step(&Event::from_bytes(bytes));
    }
    play.end();
});
