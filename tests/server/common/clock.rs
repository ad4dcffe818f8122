//! Waits for events, and reads the server's clock. No test sleeps for a fixed time.

use std::thread;
use std::time::{Duration, Instant};

use super::conn::Conn;
use super::value::Value;

/// Returns how long to wait for an event before the test fails. `REDIS_RL_DEADLINE` sets another number of
/// seconds, for servers that run in valgrind.
fn deadline() -> Duration {
    let seconds = std::env::var("REDIS_RL_DEADLINE").ok().and_then(|seconds| seconds.parse().ok());
    Duration::from_secs(seconds.unwrap_or(90))
}

/// Polls until `happened` returns true. Fails if it does not before the deadline.
#[track_caller]
pub fn wait_until(what: &str, mut happened: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !happened() {
        assert!(begin.elapsed() < deadline(), "waited in vain until {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// Returns the server's clock in ms.
#[track_caller]
pub fn now(conn: &mut Conn) -> i64 {
    let time = conn.ask("TIME").words();
    time[0].parse::<i64>().unwrap() * 1_000 + time[1].parse::<i64>().unwrap() / 1_000
}

/// Waits until the server's own clock has reached `at` (ms).
#[track_caller]
pub fn wait_for_clock(conn: &mut Conn, at: i64) {
    wait_until("the server's clock has reached an instant", || now(conn) >= at);
}

/// Returns an instant some minutes ahead of the server's clock, at the beginning of a minute.
///
/// A key's own clock never runs backwards. After an effect is applied at a future instant, every decision on
/// its key is made for exactly that instant, even if the machine that runs the test is slow. The next effect
/// advances the key's clock by exactly as many ms as the test wants.
#[track_caller]
pub fn ahead(conn: &mut Conn) -> i64 {
    (now(conn) / 60_000 + 10) * 60_000
}

/// A decision, and the server's clock at which it was made.
#[derive(Clone, Copy, Debug)]
pub struct Judged {
    pub now: i64,
    pub allowed: bool,
    pub limit: i64,
    pub remaining: i64,
    pub retry_after: i64,
    pub reset_after: i64,
}

impl Judged {
    pub fn retry_at(&self) -> i64 {
        self.now + self.retry_after
    }

    pub fn reset_at(&self) -> i64 {
        self.now + self.reset_after
    }
}

/// Sends `line` and reads the clock in one MULTI. The clock stands still in a MULTI, so a key that is only held, for a
/// minute, expires exactly one minute after the returned instant.
#[track_caller]
pub fn frozen(conn: &mut Conn, line: &str) -> (i64, Value) {
    let mut replies = conn.multi(&["DEL minute", "RL.HOLD minute 60", "PEXPIRETIME minute", line]);
    (replies[2].int() - 60_000, replies.swap_remove(3))
}

/// Returns the decision of one limit, with its clock.
#[track_caller]
pub fn judged(conn: &mut Conn, line: &str) -> Judged {
    let (now, reply) = frozen(conn, line);
    let [allowed, limit, remaining, retry_after, reset_after] = reply.five();
    Judged { now, allowed: allowed == 1, limit, remaining, retry_after, reset_after }
}

/// Until when a key lives that holds nothing from `end` on, if its longest window has so many ms.
pub fn lives_until(end: i64, longest: i64) -> i64 {
    let grid = (longest / 8).clamp(1_000, 60_000);
    (end + grid - 1) / grid * grid
}
