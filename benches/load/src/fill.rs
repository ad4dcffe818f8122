//! Makes keys: sends the command once for each key in each round, over one connection.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::{Duration, Instant};

use crate::command::{Command, clock};
use crate::replies::{Replies, fail};

/// The number of keys in one batch.
const BATCH: u64 = 200;

pub fn run(path: &str, keys: u64, rounds: u64, begin: &str, span: u64, mut command: Command) {
    let paced = begin == "paced";
    let begin =
        if paced { clock() / 1_000 } else { begin.parse().unwrap_or_else(|_| fail("BEGIN is in ms")) };
    let mut stream = UnixStream::connect(path).unwrap_or_else(|error| fail(&error.to_string()));
    let (mut replies, mut buffer) = (Replies::new(), Vec::new());
    let started = Instant::now();
    // All keys of a round come before the next round. A round with a time of its own is sent by itself.
    let (all, mut next) = (keys * rounds, 0);
    while next < all {
        if paced && next % keys == 0 {
            let passed = Duration::from_millis(span * (next / keys) / rounds);
            thread::sleep(passed.saturating_sub(started.elapsed()));
        }
        let end = if paced { keys * (next / keys + 1) } else { all };
        let batch = next..end.min(next + BATCH);
        let mut awaited = (batch.end - batch.start) as usize * command.replies();
        buffer.clear();
        next = batch.end;
        for number in batch {
            let (round, key) = (number / keys, number % keys);
            command.write(&mut buffer, key, (begin + span * round / rounds) * 1_000);
        }
        stream.write_all(&buffer).unwrap_or_else(|error| fail(&error.to_string()));
        while awaited > 0 {
            awaited -= replies.read(&mut stream);
        }
    }
    println!("{{\"requests\": {}, \"seconds\": {:.6}}}", keys * rounds, started.elapsed().as_secs_f64());
}
