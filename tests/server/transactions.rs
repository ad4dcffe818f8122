//! One clock value for a whole MULTI, script or function: slow work inside does not move the clock.

use std::time::{Duration, Instant};

use crate::common::{Conn, Server, Value};

/// Long enough to show a running clock.
const LONG: Duration = Duration::from_millis(30);

/// Returns two replies with work between them that takes at least `LONG`.
fn around_work(mut run: impl FnMut(&str) -> (Value, Value)) -> (Value, Value) {
    for rounds in [10_000_000_u64, 100_000_000, 1_000_000_000] {
        let begin = Instant::now();
        let answers = run(&rounds.to_string());
        if begin.elapsed() >= LONG {
            return answers;
        }
    }
    panic!("this machine is too fast for the test");
}

fn pair(reply: &Value) -> (Value, Value) {
    (reply.list()[0].clone(), reply.list()[1].clone())
}

fn of_each_type(conn: &mut Conn) -> [&'static str; 3] {
    conn.done("RL.SLIDE slide 5 1d");
    conn.done("RL.WINDOW window 5 3650d");
    conn.done("RL.BUCKET bucket 5 1 1d");
    ["slide", "window", "bucket"]
}

const PEEK_TWICE: &str = "
    local first = redis.call('RL.PEEK', KEYS[1])
    local x = 0
    for i = 1, tonumber(ARGV[1]) do x = x + i % 7 end
    return {first, redis.call('RL.PEEK', KEYS[1])}
";

#[test]
fn a_script_has_one_now() {
    let server = Server::start(&["lua-time-limit 60000"]);
    let mut conn = server.connect();
    for key in of_each_type(&mut conn) {
        let (first, second) = around_work(|rounds| pair(&conn.call(&["EVAL", PEEK_TWICE, "1", key, rounds])));
        assert_eq!(first.five(), second.five(), "{key}");
    }
}

#[test]
fn a_function_has_one_now() {
    let server = Server::start(&["lua-time-limit 60000"]);
    let mut conn = server.connect();
    let library =
        format!("#!lua name=rl\nredis.register_function('twice', function(KEYS, ARGV) {PEEK_TWICE} end)");
    conn.call(&["FUNCTION", "LOAD", &library]);
    for key in of_each_type(&mut conn) {
        let (first, second) = around_work(|rounds| pair(&conn.call(&["FCALL", "twice", "1", key, rounds])));
        assert_eq!(first.five(), second.five(), "{key}");
    }
}

#[test]
fn a_transaction_has_one_now() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    for key in of_each_type(&mut conn) {
        let peek = format!("RL.PEEK {key}");
        let begin = Instant::now();
        let replies = conn.multi(&[&peek, "DEBUG SLEEP 0.03", &peek, "DEBUG SLEEP 0.03", &peek]);
        assert!(begin.elapsed() >= LONG);
        assert_eq!(replies[0].five(), replies[2].five(), "{key}");
        assert_eq!(replies[0].five(), replies[4].five(), "{key}");
    }
}

#[test]
fn admissions_in_a_transaction_happen_at_once() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let request = "RL.SLIDE k 3 60";
    let replies = conn.multi(&[request, "DEBUG SLEEP 0.03", request, "DEBUG SLEEP 0.03", request, request]);
    let fives: Vec<_> = [0, 2, 4, 5].iter().map(|&index: &usize| replies[index].five()).collect();
    assert_eq!(fives[0], [1, 3, 2, 0, 60_000]);
    assert_eq!(fives[1], [1, 3, 1, 0, 60_000]);
    assert_eq!(fives[2], [1, 3, 0, 0, 60_000]);
    assert_eq!(fives[3], [0, 3, 0, 60_000, 60_000]);
}

#[test]
fn the_clock_runs_again_after_a_transaction() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    conn.done("RL.SLIDE k 5 1d");
    let reset = |reply: &Value| reply.five()[4];
    let replies = conn.multi(&["RL.PEEK k", "DEBUG SLEEP 0.03"]);
    assert!(reset(&replies[0]) - reset(&conn.ask("RL.PEEK k")) >= 30);
    let before = reset(&conn.ask("RL.PEEK k"));
    conn.done("DEBUG SLEEP 0.03");
    assert!(before - reset(&conn.ask("RL.PEEK k")) >= 30);
}

#[test]
fn an_error_in_a_transaction_leaves_the_others_valid() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let replies = conn.multi(&["RL.SLIDE k 5 60", "RL.SLIDE k x 60", "RL.BUCKET k 5 1", "RL.SLIDE k 5 60"]);
    assert_eq!(replies[0].five()[..3], [1, 5, 4]);
    assert!(replies[1].error().starts_with("ERR limit"));
    assert!(replies[2].error().starts_with("WRONGTYPE"));
    assert_eq!(replies[3].five()[..3], [1, 5, 3]);
}

#[test]
fn a_script_sees_integers_and_errors() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let script = "local r = redis.call('RL.SLIDE', KEYS[1], 5, 60) return r[1] * 1000 + r[3]";
    assert_eq!(conn.call(&["EVAL", script, "1", "k"]).int(), 1_004);
    let caught = "local r = redis.pcall('RL.SLIDE', KEYS[1], 'x', 60) return r.err";
    assert!(conn.call(&["EVAL", caught, "1", "k"]).text().starts_with("ERR limit must be"));
    let read_only = "return redis.call('RL.PEEK', KEYS[1])";
    assert_eq!(conn.call(&["EVAL_RO", read_only, "1", "k"]).five()[..3], [1, 5, 4]);
    let writes = "return redis.call('RL.SLIDE', KEYS[1], 5, 60)";
    assert!(conn.call(&["EVAL_RO", writes, "1", "k"]).is_error());
}
