//! Clients that wait in line for their reply.
//!
//! If a command admits waiters, they are answered before the command is, because the server checks its timers
//! before it writes. After a reply, it is therefore certain who still waits.

use super::conn::{Conn, words};
use super::server::Server;
use super::value::Value;
use super::wait_until;

/// A client that waits for its reply.
pub struct Waiter {
    pub conn: Conn,
    /// The client id that `CLIENT` commands take.
    pub id: i64,
}

impl Waiter {
    /// Sends `line` from a new client, and waits until the server holds it.
    #[track_caller]
    pub fn start(server: &Server, line: &str) -> Self {
        Self::on(server, server.connect(), line)
    }

    /// Sends `line` from an existing client, and waits until the server holds it.
    #[track_caller]
    pub fn on(server: &Server, conn: Conn, line: &str) -> Self {
        Self::call(server, conn, &words(line))
    }

    /// Sends arguments of any bytes from an existing client, and waits until the server holds it.
    #[track_caller]
    pub fn call<A: AsRef<[u8]>>(server: &Server, mut conn: Conn, args: &[A]) -> Self {
        let id = conn.done("CLIENT ID").int();
        conn.send(args);
        conn.flush().unwrap();
        let waiter = Self { conn, id };
        let mut other = server.connect();
        wait_until("the client is held", || waiter.waits(&mut other));
        waiter
    }

    /// Returns whether the client still waits.
    #[track_caller]
    pub fn waits(&self, other: &mut Conn) -> bool {
        let told = other.ask(&format!("CLIENT LIST ID {}", self.id)).text();
        let flags = told.split(' ').find_map(|field| field.strip_prefix("flags="));
        flags.is_some_and(|flags| flags.contains('b'))
    }

    /// Waits for the reply and returns it.
    #[track_caller]
    pub fn answer(mut self) -> Value {
        self.conn.receive()
    }

    /// Waits for the reply of one limit, and returns its five integers.
    #[track_caller]
    pub fn five(self) -> [i64; 5] {
        self.answer().five()
    }
}

/// Returns the number of waiters twice: from the module's gauges, and from the server's own count.
#[track_caller]
pub fn waiting(conn: &mut Conn) -> (i64, i64) {
    let lanes = ["critical", "high", "normal", "low"];
    let count = lanes.map(|lane| conn.info_number(&format!("rl_waiting_{lane}"))).iter().sum();
    (count, conn.info_number("blocked_clients"))
}

/// Returns the indexes of the waiters that still wait.
#[track_caller]
pub fn still(waiters: &[Waiter], conn: &mut Conn) -> Vec<usize> {
    (0..waiters.len()).filter(|index| waiters[*index].waits(conn)).collect()
}

/// Checks that no request waits, and that no gauge counts a waiter.
#[track_caller]
pub fn assert_no_waiters(conn: &mut Conn) {
    assert_eq!(waiting(conn), (0, 0), "waiters, blocked clients");
}
