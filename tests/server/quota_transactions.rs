//! Quotas in MULTI, scripts and functions: one clock value for all commands, which run in order, each with
//! what the ones before have left.

use std::time::{Duration, Instant};

use crate::common::quota::Answer;
use crate::common::{Server, Value};

const REQUEST: &str =
    "RL.QUOTA k LIMIT a 3 60 LIMIT t 9 60 UNIT tokens LIMIT open 2 INFLIGHT COST tokens 3 RESERVE 60";

#[test]
fn a_transaction_has_one_now_for_all_of_its_requests() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let begin = Instant::now();
    let settle = "RL.SETTLE k one COST tokens 1";
    let sleep = "DEBUG SLEEP 0.03";
    let (one, two, three) =
        (format!("{REQUEST} ID one"), format!("{REQUEST} ID two"), format!("{REQUEST} ID three"));
    let replies = conn.multi(&[&one, sleep, &two, sleep, &three, settle, &three, "RL.PEEK k COST tokens 9"]);
    assert!(begin.elapsed() >= Duration::from_millis(60));
    let answers = [0, 2, 4, 6, 7].map(|index: usize| Answer::of(&replies[index]));
    let allowed = answers.clone().map(|answer| answer.allowed);
    assert_eq!(allowed, [true, true, false, true, false]);
    assert_eq!(answers[2].blocking, ["open"]);
    assert_eq!((answers[2].retry_after, replies[5].int()), (60_000, 1));
    assert_eq!(answers[3].remaining(), [0, 2, 0]);
    assert_eq!(answers[4].blocking, ["a", "t", "open"]);
    for row in answers.iter().flat_map(|answer| &answer.rows) {
        assert_eq!(row.reset_after, 60_000, "in one instant: {row:?}");
    }
}

#[test]
fn a_script_has_one_now_and_sees_the_whole_answer() {
    let server = Server::start(&["lua-time-limit 60000"]);
    let mut conn = server.connect();
    let script = "
        local first = redis.call('RL.QUOTA', KEYS[1], 'LIMIT', 'a', 5, 60, 'RESERVE', 60)
        local begin, x = redis.call('TIME'), 0
        for i = 1, 20000000 do x = x + i % 7 end
        local peek = redis.call('RL.PEEK', KEYS[1], 'COST', 5)
        local done = redis.call('RL.SETTLE', KEYS[1], first[5], 'COST', 'requests', 3)
        local last = redis.call('RL.QUOTA', KEYS[1], 'LIMIT', 'a', 5, 60, 'COST', 'requests', 3)
        return {first, peek, done, last, first[4][1][2] * 1000 + first[4][1][3]}
    ";
    let reply = conn.call(&["EVAL", script, "1", "k"]);
    let fields = reply.list();
    let (first, peek, last) = (Answer::of(&fields[0]), Answer::of(&fields[1]), Answer::of(&fields[3]));
    assert!(first.allowed && !peek.allowed && !last.allowed);
    assert_eq!((&peek.blocking, &last.blocking), (&vec!["a".to_owned()], &vec!["a".to_owned()]));
    assert_eq!((peek.retry_after, last.retry_after), (60_000, 60_000), "no time has passed");
    assert_eq!((fields[2].int(), last.remaining(), fields[4].int()), (1, vec![2], 5_004));
    let caught = "return redis.pcall('RL.QUOTA', KEYS[1], 'LIMIT', 'a', -1, 60).err";
    assert!(conn.call(&["EVAL", caught, "1", "k"]).text().starts_with("ERR limit must be"));
    let read_only = "return redis.call('RL.PEEK', KEYS[1])";
    assert_eq!(Answer::of(&conn.call(&["EVAL_RO", read_only, "1", "k"])).remaining(), [2]);
    for line in ["'RL.QUOTA', KEYS[1], 'LIMIT', 'a', 5, 60", "'RL.SETTLE', KEYS[1], 'x'"] {
        let writes = format!("return redis.call({line})");
        assert!(conn.call(&["EVAL_RO", &writes, "1", "k"]).is_error(), "{line}");
    }
}

#[test]
fn a_function_admits_and_settles() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let library = "#!lua name=rl\nredis.register_function('call', function(KEYS, ARGV)
        local made = redis.call('RL.QUOTA', KEYS[1], 'LIMIT', 'a', 9, '1h', 'UNIT', 'tokens', 'COST', 'tokens', ARGV[1], 'RESERVE', 60)
        if made[1] == 0 then return made[3] end
        return redis.call('RL.SETTLE', KEYS[1], made[5], 'COST', 'tokens', ARGV[2])
    end)";
    conn.call(&["FUNCTION", "LOAD", library]);
    assert_eq!(conn.call(&["FCALL", "call", "1", "k", "8", "5"]), Value::Int(1));
    assert_eq!(conn.call(&["FCALL", "call", "1", "k", "8", "5"]).words(), ["a"]);
    assert_eq!(conn.call(&["FCALL", "call", "1", "k", "4", "9"]), Value::Int(1));
    assert_eq!((conn.used("k"), conn.open("k")), (vec![14], 0));
}

#[test]
fn an_error_in_a_transaction_leaves_the_others_valid() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let replies = conn.multi(&[
        "RL.QUOTA k LIMIT a 5 60 RESERVE 60 ID r",
        "RL.QUOTA k LIMIT a x 60",
        "RL.SLIDE k 5 60",
        "RL.SETTLE k r COST requests x",
        "RL.SETTLE k r COST requests 2",
        "RL.SETTLE k r COST requests 2",
    ]);
    assert!(Answer::of(&replies[0]).allowed);
    assert!(replies[1].error().starts_with("ERR limit"));
    assert!(replies[2].error().starts_with("WRONGTYPE"));
    assert!(replies[3].error().starts_with("ERR cost"));
    assert_eq!((replies[4].int(), replies[5].int()), (1, 0));
    assert_eq!(conn.used("k"), [2]);
}
