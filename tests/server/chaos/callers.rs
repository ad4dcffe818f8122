//! Clients that send requests, wait and disconnect. An ECHO follows each request, so an extra reply, or a
//! reply meant for another request, is detected at once.

use std::collections::BTreeMap;
use std::fmt;
use std::io::ErrorKind;
use std::thread;
use std::time::{Duration, Instant};

use super::requests::{self, Became, Request};
use super::stage::{Over, Stage};
use crate::common::{Conn, Random, Value};

/// The results of all clients.
#[derive(Default)]
pub struct Counts {
    pub admitted: u64,
    pub denied: u64,
    errors: BTreeMap<String, u64>,
    /// The number of clients disconnected while they waited, by a kill or by a change of the primary.
    pub cut: u64,
    /// The number of clients that disconnected themselves.
    left: u64,
    /// The longest delay of a reply after the end of its wait.
    latest: Duration,
    /// The ids of requests whose clients were gone before anything was free for them.
    pub gone: Vec<String>,
}

impl Counts {
    pub fn add(&mut self, other: Self) {
        self.admitted += other.admitted;
        self.denied += other.denied;
        self.cut += other.cut;
        self.left += other.left;
        self.latest = self.latest.max(other.latest);
        for (kind, count) in other.errors {
            *self.errors.entry(kind).or_default() += count;
        }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { admitted, denied, errors, cut, left, latest, gone } = self;
        write!(
            f,
            "{admitted} admitted, {denied} denied, errors {errors:?}, {cut} cut off, {left} broke off, {} gone \
             before their turn, an answer was late by {latest:?} at most",
            gone.len()
        )
    }
}

struct Caller<'a> {
    stage: &'a Stage,
    random: Random,
    quiet: bool,
    counts: Counts,
}

/// Sends requests until the stage is over.
pub fn run(stage: &Stage, mut random: Random, quiet: bool) -> Counts {
    let _over = Over(stage); // also stops the others if this panics
    let name = random.next();
    let mut caller = Caller { stage, random, quiet, counts: Counts::default() };
    let mut conn = None;
    let mut number = 0;
    while !stage.is_over() {
        number += 1;
        conn = match conn.take() {
            Some(conn) => caller.ask(conn, &format!("{name:x}.{number}")),
            None => caller.connect(),
        };
    }
    caller.counts
}

impl Caller<'_> {
    /// Opens a client of the current primary, by its port or its socket.
    fn connect(&mut self) -> Option<Conn> {
        let server = self.stage.primary();
        let conn =
            if self.random.one_in(2) { Conn::tcp(server.port()) } else { Conn::unix(&server.socket()) };
        let mut conn = conn.ok()?;
        if self.random.one_in(3) {
            conn.send(&["HELLO", "3"]);
            conn.try_receive().ok()?;
        }
        let db = if self.quiet { 9 } else { self.random.below(3) };
        for line in ["CLIENT SETNAME caller", &format!("SELECT {db}")] {
            conn.send(&line.split(' ').collect::<Vec<_>>());
            conn.try_receive().ok()?;
        }
        Some(conn)
    }

    /// Sends one request. Returns the client if it is still usable.
    fn ask(&mut self, mut conn: Conn, id: &str) -> Option<Conn> {
        let draw = if self.quiet { requests::quiet } else { requests::any };
        let request = draw(&mut self.random, id);
        if self.random.one_in(12) {
            return self.break_off(conn, &request);
        }
        conn.send(&request.words());
        conn.send(&["ECHO", id]);
        let begin = Instant::now();
        let reply = self.receive(&mut conn, &request)?;
        let late = begin.elapsed().saturating_sub(Duration::from_millis(request.wait));
        assert!(late < slack(), "{}: answered {late:?} late", request.line);
        self.counts.latest = self.counts.latest.max(late);
        let became = request.became(&reply);
        // A change of the primary disconnects the clients that were told of it. An operator may disconnect
        // any client at any time.
        let echo = self.receive(&mut conn, &request);
        if let Some(echo) = &echo {
            assert_eq!(*echo, Value::Bulk(id.into()), "{}: after {reply:?}", request.line);
        }
        match became {
            Became::Admitted => self.counts.admitted += 1,
            Became::Denied => self.counts.denied += 1,
            Became::Error(kind) => {
                *self.counts.errors.entry(kind.clone()).or_default() += 1;
                if kind == "READONLY" {
                    thread::sleep(Duration::from_millis(5)); // the primary has changed, or is about to
                    return None;
                }
            }
        }
        echo.map(|_| conn)
    }

    /// Receives a reply. Returns `None` if the client is disconnected, which is not a failure.
    fn receive(&mut self, conn: &mut Conn, request: &Request) -> Option<Value> {
        match conn.try_receive() {
            Ok(reply) => Some(reply),
            Err(error) => {
                use ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
                let cut = matches!(error.kind(), UnexpectedEof | ConnectionReset | BrokenPipe);
                assert!(cut, "{}: {error}", request.line);
                self.counts.cut += 1;
                None
            }
        }
    }

    /// Sends a request and disconnects, at once or after a while. On the TCP port, an unread reply turns the
    /// close into a reset.
    fn break_off(&mut self, mut conn: Conn, request: &Request) -> Option<Conn> {
        if self.random.one_in(2) {
            conn.send(&["PING"]);
        }
        conn.send(&request.words());
        conn.flush().ok()?;
        if self.random.one_in(2) {
            let wait = self.random.between(0, 30);
            thread::sleep(Duration::from_millis(wait.unsigned_abs()));
        }
        self.counts.left += 1;
        None
    }
}

fn slack() -> Duration {
    Duration::from_secs(super::number("REDIS_RL_CHAOS_SLACK").unwrap_or(5))
}
