//! RL.FIRST under load: 200 clients wait for the first of three models with different limits. All three are used up, the
//! preferred one goes first whenever it has room, and no request is granted twice.
//!
//! It takes 5 s, or `REDIS_RL_CHAOS_SECONDS`, at most 30 s.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use super::number;
use crate::common::quota::{Event, entries};
use crate::common::{Server, wait_until};

const CLIENTS: usize = 200;

/// The models: the preferred one first, each with its requests a second and the capacity of its bucket.
const MODELS: [(&str, u64, u64); 3] = [("large", 40, 10), ("middle", 100, 10), ("small", 200, 20)];

/// A bucket in thousandths of a request, at the instants of the server.
struct Level {
    rate: u64,
    capacity: u64,
    level: u64,
    at: u64,
}

impl Level {
    fn at(&self, now: u64) -> u64 {
        (self.level + self.rate * now.saturating_sub(self.at)).min(self.capacity * 1_000)
    }

    #[track_caller]
    fn take(&mut self, now: u64) {
        self.level = self.at(now).checked_sub(1_000).expect("an admission beyond the limit");
        self.at = now;
    }
}

#[test]
fn three_models_are_used_up_in_order_and_none_is_granted_twice() {
    let run = Duration::from_secs(number("REDIS_RL_CHAOS_SECONDS").unwrap_or(5).min(30));
    let server = Server::start(&["appendonly yes", "auto-aof-rewrite-percentage 0"]);
    let mut conn = server.connect();
    for (name, rate, capacity) in MODELS {
        conn.done(&format!("RL.POLICY SET {name} LIMIT r {rate} 1 BUCKET {capacity}"));
    }
    let (over, told) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (server, over, told) = (&server, &over, &told);
            scope.spawn(move || {
                let mut conn = server.connect();
                for nth in 0.. {
                    let ask = "RL.FIRST 3 large middle small POLICY large middle small";
                    let reply = conn.done(&format!("{ask} RESERVE 1h ID {client}.{nth} WAIT 60 REPLY SHORT"));
                    assert_eq!(reply.list()[0].int(), 1, "{reply:?}");
                    assert_eq!(reply.list()[2].text(), format!("{client}.{nth}"), "another's answer");
                    told.fetch_add(1, Relaxed);
                    if over.load(Relaxed) {
                        break;
                    }
                }
            });
        }
        let begin = Instant::now();
        thread::sleep(run); // how long the load lasts; the event waited for is its end
        assert!(begin.elapsed() >= run);
        over.store(true, Relaxed);
    });
    conn.done("CONFIG SET appendonly no"); // writes what is not yet in the file
    wait_until("all are answered", || conn.info_number("rl_waiting_normal") == 0);

    let mut levels: Vec<Level> = Vec::new();
    let (mut ids, mut admitted, mut passed) = (HashSet::new(), [0_u64; 3], 0_u64);
    let (mut first, mut last) = (None, 0);
    let entries = entries(server.dir());
    for entry in &entries {
        let Event::Admitted { at, reserved: Some((id, _)), .. } = &entry.event else { panic!("{entry:?}") };
        if levels.is_empty() {
            let full = |(_, rate, capacity): (&str, u64, u64)| Level {
                rate,
                capacity,
                level: capacity * 1_000,
                at: *at,
            };
            levels = MODELS.map(full).into();
        }
        assert!(ids.insert(id.clone()), "granted twice: {}", String::from_utf8_lossy(id));
        let model = MODELS.iter().position(|(name, ..)| *name == entry.key).unwrap();
        passed += u64::from(levels[..model].iter().any(|preferred| preferred.at(*at) >= 1_000));
        levels[model].take(*at);
        admitted[model] += 1;
        first.get_or_insert(*at);
        last = *at;
    }
    // Until the end of the load all clients wait; after it, fewer and fewer.
    let all: u64 = admitted.iter().sum();
    let span = last - first.expect("some are admitted");
    let possible: u64 =
        MODELS.iter().map(|(_, rate, capacity)| capacity * 1_000 + rate * span).sum::<u64>() / 1_000;
    let percent = all * 10_000 / possible;
    eprintln!(
        "{all} of {possible} admitted ({}.{:02} %) in {span} ms, {admitted:?}; {passed} passed a preferred model",
        percent / 100,
        percent % 100
    );
    assert_eq!(told.load(Relaxed), all, "each is told once");
    assert!(percent >= 9_900, "{all} of {possible}");
    assert_eq!(passed, 0, "a preferred model had room");
}
