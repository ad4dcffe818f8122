//! Once for each key in each round, over one connection: makes keys.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::{Duration, Instant};

use crate::command::{Command, clock};
use crate::replies::{Replies, fail};

/// Keys in one go.
const BATCH: u64 = 200;

pub fn run(path: &str, keys: u64, rounds: u64, begin: &str, span: u64, mut command: Command) {
    let paced = begin == "paced";
    let begin =
        if paced { clock() / 1_000 } else { begin.parse().unwrap_or_else(|_| fail("BEGIN is in ms")) };
    let mut stream = UnixStream::connect(path).unwrap_or_else(|error| fail(&error.to_string()));
    let (mut replies, mut buffer) = (Replies::new(), Vec::new());
    let started = Instant::now();
    for round in 0..rounds {
        let passed = span * round / rounds;
        if paced {
            thread::sleep(Duration::from_millis(passed).saturating_sub(started.elapsed()));
        }
        for batch in (0..keys).step_by(BATCH as usize) {
            buffer.clear();
            let batch = batch..keys.min(batch + BATCH);
            let mut awaited = (batch.end - batch.start) as usize * command.replies();
            for key in batch {
                command.write(&mut buffer, key, (begin + passed) * 1_000);
            }
            stream.write_all(&buffer).unwrap_or_else(|error| fail(&error.to_string()));
            while awaited > 0 {
                awaited -= replies.read(&mut stream);
            }
        }
    }
    println!("{{\"requests\": {}, \"seconds\": {:.6}}}", keys * rounds, started.elapsed().as_secs_f64());
}
