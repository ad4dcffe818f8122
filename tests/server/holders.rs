//! A holder of slots may die. Each slot is free again after its ttl, and what was charged stays charged.

use crate::common::clock::{frozen, lives_until, now, wait_for_clock};
use crate::common::ledger::Ledger;
use crate::common::process::{self, Process};
use crate::common::quota::{Answer, entries};
use crate::common::{Conn, Random, Server, Value, wait_until};

const HOLDERS: u64 = 10;
const EACH: u64 = 100;
const SLOTS: i64 = 1_000;
const LIMITS: &str = "LIMIT rpm 5000 1h LIMIT tpm 1000000 1d UNIT tokens LIMIT day 1000000 3650d UNIT tokens WINDOW \
                      LIMIT slots 1000 INFLIGHT";

/// Runs as one of the processes that take slots and are killed before they can give them back.
#[test]
fn holder() {
    let Some(order) = process::order() else { return };
    let seed: u64 = order[1].parse().unwrap();
    let mut conn = Conn::unix(std::path::Path::new(&order[0])).unwrap();
    let mut random = Random::new(seed);
    let mut tokens = 0;
    for _ in 0..EACH {
        let (cost, ttl) = (random.between(1, 900), random.between(2_500, 4_500));
        let answer = conn.quota(&format!("RL.QUOTA k {LIMITS} COST tokens {cost} RESERVE {ttl}ms"));
        assert!(answer.allowed && answer.id.is_some_and(|id| id.is_some()), "{:?}", answer.blocking);
        tokens += cost;
    }
    process::report(&[tokens.to_string()]);
    loop {
        std::thread::park(); // until it is killed
    }
}

/// Takes all slots from processes that are then killed. Returns the tokens that were charged.
fn take_all_and_die(server: &Server) -> i64 {
    let order = |seed: u64| [server.socket().display().to_string(), seed.to_string()];
    let mut holders: Vec<Process> =
        (0..HOLDERS).map(|seed| Process::start("holders::holder", &order(seed))).collect();
    let tokens = holders.iter_mut().map(|holder| holder.reported()[0].parse::<i64>().unwrap()).sum();
    holders.into_iter().for_each(Process::kill);
    tokens
}

/// Returns the instant at which each slot must be free, from the primary's file.
fn expiries(server: &Server) -> Vec<i64> {
    let ledger = Ledger::of(entries(server.dir()));
    let mut expiries: Vec<i64> =
        ledger.account("k").expiries().iter().map(|at| i64::try_from(*at).unwrap()).collect();
    expiries.sort_unstable();
    assert_eq!(i64::try_from(expiries.len()).unwrap(), SLOTS);
    expiries
}

/// Polls without a pause until all slots are free. Each must be free at its ttl, to the ms of the server's
/// clock.
fn assert_each_is_free_again(conn: &mut Conn, expiries: &[i64], tokens: i64) {
    let (mut polls, mut last, mut gap) = (0, 0, 0);
    loop {
        let (now, reply) = frozen(conn, "RL.PEEK k");
        let peeked = Answer::of(&reply);
        let over = expiries.partition_point(|at| *at <= now);
        let slots = peeked.row("slots");
        assert_eq!(slots.remaining, i64::try_from(over).unwrap(), "slots that are free at {now}");
        assert_eq!(peeked.allowed, over > 0);
        assert_eq!(peeked.rows[1].remaining, 1_000_000 - tokens, "the estimates stay charged");
        if over == 0 {
            assert_eq!(now + slots.retry_after, expiries[0]);
        }
        if over == expiries.len() {
            break;
        }
        gap = gap.max(if polls == 0 { 0 } else { now - last });
        (polls, last) = (polls + 1, now);
    }
    eprintln!("{polls} looks, the longest pause between two was {gap} ms");
    assert!(polls > 50, "looked {polls} times only");
    assert_eq!(conn.used("k"), [SLOTS, tokens, tokens, 0]);
    // All slots can be taken again, and no more.
    let request = format!("RL.QUOTA k {LIMITS} RESERVE 1h");
    let admitted = (0..=SLOTS).filter(|_| conn.quota(&request).allowed).count();
    assert_eq!(i64::try_from(admitted).unwrap(), SLOTS);
}

#[test]
fn every_slot_of_a_killed_holder_comes_back_at_its_ttl() {
    let server = Server::start(&["appendonly yes", "appendfsync no"]);
    let tokens = take_all_and_die(&server);
    assert_each_is_free_again(&mut server.connect(), &expiries(&server), tokens);
}

#[test]
fn every_slot_comes_back_though_the_server_was_killed_too() {
    let mut server = Server::start(&["appendonly yes", "appendfsync always"]);
    let tokens = take_all_and_die(&server);
    server.crash_and_restart();
    server.connect().done("CONFIG SET appendfsync no"); // so that polls follow each other closely
    assert_each_is_free_again(&mut server.connect(), &expiries(&server), tokens);
}

#[test]
fn every_slot_comes_back_after_a_failover() {
    let mut primary = Server::start_tcp(&["appendonly yes", "appendfsync no"]);
    let replica = Server::start(&[&format!("replicaof 127.0.0.1 {}", primary.port())]);
    let mut conn = replica.connect();
    wait_until("the replica follows", || conn.info("master_link_status").as_deref() == Some("up"));
    let tokens = take_all_and_die(&primary);
    let offset = primary.connect().offset();
    wait_until("the replica has all of it", || conn.info_number("slave_repl_offset") >= offset);
    let expiries = expiries(&primary);
    let over = |now: i64| i64::try_from(expiries.partition_point(|at| *at <= now)).unwrap();
    // A replica reports the same before it is promoted.
    let before = over(now(&mut conn));
    let told = conn.quota("RL.PEEK k").row("slots").remaining;
    assert!((before..=over(now(&mut conn))).contains(&told), "{told}");
    primary.kill();
    conn.done("REPLICAOF NO ONE");
    assert_each_is_free_again(&mut conn, &expiries, tokens);
}

#[test]
fn a_slot_is_admitted_to_at_the_announced_instant() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let mut random = Random::new(3);
    for _ in 0..20 {
        let ttl = random.between(1, 60);
        let request = format!("RL.QUOTA k LIMIT slots 1 INFLIGHT RESERVE {ttl}ms");
        let (at, reply) = frozen(&mut conn, &request);
        assert!(Answer::of(&reply).allowed);
        loop {
            let (now, reply) = frozen(&mut conn, "RL.PEEK k");
            let free = reply == Value::Nil || Answer::of(&reply).allowed;
            assert_eq!(free, now >= at + ttl, "{} ms after a reservation of {ttl} ms", now - at);
            if free {
                break;
            }
        }
    }
}

#[test]
fn a_key_of_slots_alone_is_gone_a_second_after_the_last_at_the_latest() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let replies = conn.multi(&[
        "DEL minute",
        "RL.HOLD minute 60",
        "PEXPIRETIME minute",
        "RL.QUOTA k LIMIT slots 9 INFLIGHT RESERVE 30ms ID a",
        "RL.QUOTA k LIMIT slots 9 INFLIGHT RESERVE 80ms ID b",
        "PEXPIRETIME k",
        "RL.QUOTA k LIMIT slots 9 INFLIGHT RESERVE 50ms ID c",
        "PEXPIRETIME k",
        "RL.RENEW k a 120ms",
        "PEXPIRETIME k",
    ]);
    let expiries = [5, 7, 9].map(|index: usize| replies[index].int());
    let now = replies[2].int() - 60_000;
    assert_eq!(expiries, [80, 80, 120].map(|ttl| lives_until(now + ttl, 0)));
    wait_for_clock(&mut conn, expiries[2] + 1); // the server keeps a key through its last ms
    assert_eq!(conn.ask("EXISTS k").int(), 0);
}
