//! Clients that wait in line for their answer.
//!
//! What a command lets go on is answered before the command itself is, for the server looks at its
//! timers before it writes. So after a reply it is certain who still waits.

use super::conn::{Conn, words};
use super::server::Server;
use super::value::Value;
use super::wait_until;

/// A client whose answer is still to come.
pub struct Waiter {
    pub conn: Conn,
    /// What `CLIENT` commands know it by.
    pub id: i64,
}

impl Waiter {
    /// Sends `line` from a new client, and waits until the server holds it.
    #[track_caller]
    pub fn start(server: &Server, line: &str) -> Self {
        Self::on(server, server.connect(), line)
    }

    /// The same from a client that is there.
    #[track_caller]
    pub fn on(server: &Server, conn: Conn, line: &str) -> Self {
        Self::call(server, conn, &words(line))
    }

    /// The same with arguments of any bytes.
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

    /// Whether it still waits.
    #[track_caller]
    pub fn waits(&self, other: &mut Conn) -> bool {
        let told = other.ask(&format!("CLIENT LIST ID {}", self.id)).text();
        let flags = told.split(' ').find_map(|field| field.strip_prefix("flags="));
        flags.is_some_and(|flags| flags.contains('b'))
    }

    /// Its answer, once it comes.
    #[track_caller]
    pub fn answer(mut self) -> Value {
        self.conn.receive()
    }

    /// The same of one limit.
    #[track_caller]
    pub fn five(self) -> [i64; 5] {
        self.answer().five()
    }
}

/// How many wait, by what each part of the server says of it: the module's gauges and the server's own.
#[track_caller]
pub fn waiting(conn: &mut Conn) -> (i64, i64) {
    let lanes = ["critical", "high", "normal", "low"];
    let count = lanes.map(|lane| conn.info_number(&format!("rl_waiting_{lane}"))).iter().sum();
    (count, conn.info_number("blocked_clients"))
}

/// Which of them still wait, by their index.
#[track_caller]
pub fn still(waiters: &[Waiter], conn: &mut Conn) -> Vec<usize> {
    (0..waiters.len()).filter(|index| waiters[*index].waits(conn)).collect()
}

/// Holds the server to it that nobody waits, and that it counts nobody who does.
#[track_caller]
pub fn assert_nobody_waits(conn: &mut Conn) {
    assert_eq!(waiting(conn), (0, 0), "who waits, who is blocked");
}
