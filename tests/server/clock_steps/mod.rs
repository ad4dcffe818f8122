//! The wall clock steps, either way, while clients wait: each is answered when its time is over, once, and no limit admits
//! too much.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::thread;
use std::time::{Duration, Instant};

use crate::common::conn::words;
use crate::common::server::compile;
use crate::common::{Conn, Server, wait_until};

/// A server whose wall clock the test moves.
struct Moved {
    /// Its folder has the library.
    _folder: Server,
    server: Server,
    file: File,
}

impl Moved {
    fn start() -> Self {
        let folder = Server::start_without_module();
        let shim = compile(&folder, "tests/server/clock_steps/shim.c");
        let server = Server::start_preloaded(&[], &shim);
        let file = File::options().write(true).open(server.dir().join("clock")).unwrap();
        Self { _folder: folder, server, file }
    }

    /// Moves the wall clock by so much from the system's.
    fn by_seconds(&self, seconds: i64) {
        self.file.write_all_at(&(seconds * 1_000_000).to_ne_bytes(), 0).unwrap();
    }
}

/// How late an answer may be, measured on the server's side of a busy machine. On an idle machine it is a millisecond or two;
/// `REDIS_RL_CLOCK_SLACK_MS=20` holds it to that.
fn late() -> Duration {
    let ms = std::env::var("REDIS_RL_CLOCK_SLACK_MS").ok().and_then(|ms| ms.parse().ok());
    Duration::from_millis(ms.unwrap_or(400))
}

const WAITERS: u64 = 200;

/// Waits for each of the answers, with the time that it took. A second answer to a request would be read instead of the PONG.
fn answers(conns: Vec<(Conn, Duration, Instant)>) -> Vec<(i64, Duration, Duration)> {
    let threads = conns.into_iter().map(|(mut conn, wait, sent)| {
        thread::spawn(move || {
            let reply = conn.receive();
            let took = sent.elapsed();
            assert_eq!(conn.ask("PING").text(), "PONG", "after {reply:?}");
            (reply.list()[0].int(), wait, took)
        })
    });
    threads.collect::<Vec<_>>().into_iter().map(|thread| thread.join().unwrap()).collect()
}

fn waiters_are_answered_in_time(seconds: i64) {
    let moved = Moved::start();
    let mut conn = moved.server.connect();
    for setup in [
        "RL.POLICY SET p LIMIT a 1 1d LIMIT m 5 1mo WINDOW",
        "RL.SLIDE s 1 1d",
        "RL.WINDOW w 1 1mo",
        "RL.BUCKET b 1 1 1d",
        "RL.QUOTA q LIMIT a 1 1d LIMIT f 1 INFLIGHT RESERVE 1d ID first",
        "RL.QUOTA p POLICY p",
    ] {
        assert!(!conn.ask(setup).is_error(), "{setup}");
    }
    let mut conns = Vec::new();
    for nth in 0..WAITERS {
        let wait = Duration::from_millis(900 + nth % 40 * 10);
        let line = match nth % 6 {
            0 => "RL.SLIDE s 1 1d".to_owned(),
            1 => "RL.WINDOW w 1 1mo".to_owned(),
            2 => "RL.BUCKET b 1 1 1d".to_owned(),
            3 => format!("RL.QUOTA q LIMIT a 1 1d LIMIT f 1 INFLIGHT RESERVE 1d ID {nth}"),
            4 => "RL.MQUOTA 2 p q POLICY p p".to_owned(),
            _ => "RL.QUOTA p POLICY p".to_owned(),
        };
        let sent = Instant::now();
        let mut conn = moved.server.connect();
        conn.send(&words(&format!("{line} WAIT {}ms", wait.as_millis())));
        conn.flush().unwrap();
        conns.push((conn, wait, sent));
    }
    wait_until("all wait", || conn.info("rl_waiting_normal").as_deref() == Some("200"));
    moved.by_seconds(seconds);
    let (mut admitted, mut latest) = (0, Duration::ZERO);
    for (allowed, wait, took) in answers(conns) {
        admitted += allowed;
        let counted = took + Duration::from_millis(1); // the server counts whole milliseconds
        assert!(allowed == 1 || counted >= wait, "answered {:?} too soon", wait - took);
        latest = latest.max(took.saturating_sub(wait));
    }
    eprintln!("a step of {seconds} s: {admitted} admitted, the latest answer {latest:?} late");
    assert!(latest < late(), "{latest:?} late after a step of {seconds} s");
    // A step forward of a day may admit one for each limit of a day: what was used has aged, by this clock.
    assert!(admitted <= if seconds >= 86_400 { 5 } else { 0 }, "a step of {seconds} s admits {admitted}");
    assert_eq!(conn.info("rl_waiting_normal").as_deref(), Some("0"));
    moved.server.assert_alive();
}

#[test]
fn waiters_are_answered_in_time_after_a_step_of_five_seconds() {
    waiters_are_answered_in_time(-5);
    waiters_are_answered_in_time(5);
}

#[test]
fn waiters_are_answered_in_time_after_a_step_of_an_hour() {
    waiters_are_answered_in_time(-3_600);
    waiters_are_answered_in_time(3_600);
}

#[test]
fn waiters_are_answered_in_time_after_a_step_of_a_day() {
    waiters_are_answered_in_time(-86_400);
    waiters_are_answered_in_time(86_400);
}

/// After a step back, a key goes on at the instant that it has reached, and admits no more than before.
#[test]
fn no_step_admits_too_much() {
    let moved = Moved::start();
    let mut conn = moved.server.connect();
    let mut admitted = 0;
    for (round, seconds) in [0, -5, -3_600, 5, -86_400, 0, 100].into_iter().enumerate() {
        moved.by_seconds(seconds);
        for _ in 0..10 {
            admitted += conn.ask("RL.SLIDE k 20 1d").list()[0].int();
            admitted += conn.ask("RL.WINDOW w 20 1mo").list()[0].int();
            admitted += conn.ask("RL.QUOTA q LIMIT a 20 1d LIMIT f 20 INFLIGHT RESERVE 2d").list()[0].int();
        }
        assert!(admitted <= 60, "{admitted} in round {round}");
    }
    assert_eq!(admitted, 60);
}
