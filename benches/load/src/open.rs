//! Sends at a fixed rate, however fast the server answers. The due time of each request is known beforehand, and its
//! latency is counted from then. If the server or this program falls behind, the delay counts as latency.

use std::time::{Duration, Instant};

use crate::command::{Command, Dice, clock};
use crate::connections::Connections;

const WARM_UP: f64 = 1.0;

pub fn run(path: &str, keys: u64, seconds: f64, count: usize, rate: f64, mut command: Command) {
    let mut connections = Connections::new(path, count, command.replies());
    // Due times are random, as with many callers, but the same in each run.
    let (mut dice, mut gaps) = (Dice(0x9e37_79b9_7f4a_7c15), Dice(0x2545_f491_4f6c_dd1d));
    let mean = 1e9 / rate;
    let (from, until) = ((WARM_UP * 1e9) as u64, ((WARM_UP + seconds) * 1e9) as u64);
    let mut took: Vec<u64> = Vec::with_capacity((rate * seconds * 1.1) as usize);
    let mut late: Vec<u64> = Vec::with_capacity(took.capacity());
    let (mut due, mut open, mut turn) = (gaps.gap(mean), 0_usize, 0_usize);
    let mut buffer = Vec::new();
    let begin = Instant::now();
    loop {
        let now = begin.elapsed().as_nanos() as u64;
        if due as u64 <= now && (due as u64) < until {
            buffer.clear();
            command.write(&mut buffer, dice.below(keys), clock());
            let client = &mut connections.clients[turn % count];
            client.send(&buffer);
            client.asked.push_back(due as u64);
            if due as u64 >= from {
                late.push(now - due as u64);
            }
            (turn, open) = (turn + 1, open + 1);
            due += gaps.gap(mean);
        } else if open == 0 && due as u64 >= until {
            break;
        }
        // Never sleeps: a wake-up takes longer than the measured times.
        connections.hear(Some(Duration::ZERO), |client, requests| {
            let now = begin.elapsed().as_nanos() as u64;
            open -= requests;
            let answered = client.asked.drain(..requests);
            took.extend(answered.filter(|due| *due >= from).map(|due| now - due));
        });
    }
    took.sort_unstable();
    late.sort_unstable();
    let micros = |sorted: &[u64], thousandth: usize| sorted[sorted.len() * thousandth / 1_000] as f64 / 1e3;
    println!(
        "{{\"requests\": {}, \"p50\": {:.1}, \"p99\": {:.1}, \"p99.9\": {:.1}, \"sent late p99\": {:.1}}}",
        took.len(),
        micros(&took, 500),
        micros(&took, 990),
        micros(&took, 999),
        micros(&late, 990),
    );
}
