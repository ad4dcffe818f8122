//! Quotas on a replica and after a restart: byte-equal, and they continue as on the original server.

use crate::common::clock::{ahead, frozen, wait_until};
use crate::common::load::{self, expiries, let_short_ones_expire};
use crate::common::quota::{Answer, Event, admission, entries, slide, window};
use crate::common::replica::{assert_equal, catch_up, pair, replica_of};
use crate::common::{Conn, Random, Server, Value, quota_load};

#[test]
fn after_100_000_quota_commands_a_replica_and_a_restarted_server_are_equal() {
    let mut primary = Server::start_tcp(&["appendonly yes", "appendfsync no", "repl-backlog-size 64mb"]);
    let replica = replica_of(&primary);
    let (mut first, mut second) = (primary.connect(), replica.connect());
    load::run_with(&mut first, &mut Random::new(21), 100_000, quota_load::command);
    assert_equal(&mut first, &mut second);
    let count =
        |of: fn(&Event) -> bool| entries(primary.dir()).iter().filter(|entry| of(&entry.event)).count();
    assert!(count(|event| matches!(event, Event::Admitted { reserved: None, .. })) > 1_000);
    assert!(count(|event| matches!(event, Event::Admitted { reserved: Some(_), .. })) > 1_000);
    assert!(count(|event| matches!(event, Event::Settled { .. })) > 1_000);
    assert!(count(|event| matches!(event, Event::Cancelled { .. })) > 500);
    assert!(count(|event| matches!(event, Event::Renewed { .. })) > 500);
    let both = [first.info_number("rl_mquota_admitted"), first.info_number("rl_mquota_denied")];
    assert!(both.iter().all(|count| *count > 100), "{both:?}");
    assert_eq!(policies(&mut first), policies(&mut second));
    let set = policies(&mut first);
    let (digest, expected) = (first.digest(), expiries(&mut first));
    primary.crash_and_restart();
    let mut first = primary.connect();
    let_short_ones_expire(&mut first);
    assert_eq!(first.digest(), digest);
    assert_eq!(expiries(&mut first), expected);
    assert_eq!(policies(&mut first), set);
}

fn policies(conn: &mut Conn) -> Vec<Value> {
    let names = conn.done("RL.POLICY LIST").words();
    names.iter().map(|name| conn.done(&format!("RL.POLICY GET {name}"))).collect()
}

/// Limits with windows so short that steps of some ms matter.
const LIMITS: &str = "LIMIT a 60 2000ms LIMIT b 90 5000ms UNIT tokens WINDOW LIMIT open 40 INFLIGHT";

#[test]
fn a_promoted_replica_goes_on_as_the_primary_would_have() {
    let (primary, replica) = pair();
    let (mut first, mut second) = (primary.connect(), replica.connect());
    let begin = ahead(&mut first);
    let mut random = Random::new(22);
    // The keys' clocks are ahead, so that both servers decide for exactly the same instants.
    let limits = [slide("a", "requests", 60, 2_000), window("b", "tokens", 90, 5_000)];
    for key in 0..20 {
        for step in 0..20 {
            let (id, cost) = (format!("id{step}"), random.between(1, 4).unsigned_abs());
            let change = admission(&limits, begin + step * 40, &[1, cost], Some((&id, 3_600_000)));
            first.apply_quota(&format!("k{key}"), &change);
        }
    }
    catch_up(&mut first, &mut second);
    second.done("REPLICAOF NO ONE");
    for step in 0..200 {
        let (key, id) = (random.below(20), random.below(25));
        let cost = random.between(0, 9);
        let line = match random.below(6) {
            0..=1 => format!("RL.QUOTA k{key} {LIMITS} COST tokens {cost} RESERVE 1h ID new{step}"),
            2 => format!("RL.QUOTA k{key} {LIMITS} COST tokens {cost} RESERVE 1h ID id{id}"),
            3 => format!("RL.SETTLE k{key} id{id} COST tokens {cost}"),
            4 => format!("RL.CANCEL k{key} id{id}"),
            _ => format!("RL.PEEK k{key} COST 9 COST tokens {}", cost * 10),
        };
        assert_eq!(absolute(&mut first, &line), absolute(&mut second, &line), "{line}");
    }
    // The remembered replies are in ms from two different clocks. Everything else is equal.
    for key in 0..20 {
        let key = format!("k{key}");
        assert_eq!((first.used(&key), first.open(&key)), (second.used(&key), second.open(&key)), "{key}");
    }
}

/// Returns a reply with instants instead of times to wait, so that it can be compared with another server's.
/// The reply to a repeated request is the remembered one, with its times in ms, so it cannot be compared.
fn absolute(conn: &mut Conn, line: &str) -> String {
    let (now, reply) = frozen(conn, line);
    if !matches!(reply, Value::Array(_)) {
        return format!("{reply:?}");
    }
    let mut answer = Answer::of(&reply);
    let instant = |ms: &mut i64| *ms = if *ms > 0 { now + *ms } else { *ms };
    instant(&mut answer.retry_after);
    for row in &mut answer.rows {
        instant(&mut row.retry_after);
        instant(&mut row.reset_after);
        if line.contains("ID id") {
            row.reset_after = 0;
        }
    }
    format!("{answer:?}")
}

#[test]
fn a_replica_reads_quotas_and_does_not_write_them() {
    let (primary, replica) = pair();
    let (mut first, mut second) = (primary.connect(), replica.connect());
    first.done("RL.QUOTA k LIMIT a 5 1d UNIT tokens COST tokens 2 RESERVE 1d ID r");
    catch_up(&mut first, &mut second);
    assert_eq!(second.quota("RL.PEEK k COST tokens 4").blocking, ["a"]);
    assert_eq!((second.used("k"), second.open("k")), (vec![2], 1));
    for line in [
        "RL.QUOTA k LIMIT a 5 1d",
        "RL.MQUOTA 1 k POLICY p",
        "RL.SETTLE k r",
        "RL.CANCEL k r",
        "RL.RENEW k r 1d",
        "RL.APPLY k quota x",
    ] {
        assert!(second.ask(line).error().starts_with("READONLY"), "{line}");
    }
}

#[test]
fn what_a_transaction_or_script_charges_reaches_the_replica_as_effects() {
    let (primary, replica) = pair();
    let (mut first, mut second) = (primary.connect(), replica.connect());
    let request = "RL.QUOTA k LIMIT a 50 1d LIMIT open 9 INFLIGHT RESERVE 1d";
    first.multi(&[
        &format!("{request} ID one"),
        &format!("{request} ID two"),
        &format!("{request} COST requests 60"),
        "RL.SETTLE k one COST requests 3",
        "RL.RENEW k two 2d",
    ]);
    let script = "
        local made = redis.call('RL.QUOTA', KEYS[1], 'LIMIT', 'a', 9, '1mo', 'WINDOW', 'RESERVE', '1d')
        return redis.call('RL.SETTLE', KEYS[1], made[5], 'COST', 'requests', 4)
    ";
    assert_eq!(first.call(&["EVAL", script, "1", "s"]).int(), 1);
    catch_up(&mut first, &mut second);
    assert_eq!(first.digest(), second.digest());
    assert_eq!((second.used("k"), second.used("s")), (vec![4, 1], vec![4]));
    assert_eq!(expiries(&mut first), expiries(&mut second));
}

#[test]
fn a_replica_frees_slots_by_the_clock_and_not_by_its_primary() {
    let (primary, replica) = pair();
    let (mut first, mut second) = (primary.connect(), replica.connect());
    first.done("RL.QUOTA k LIMIT a 5 1d LIMIT open 1 INFLIGHT RESERVE 60ms");
    catch_up(&mut first, &mut second);
    primary.connect().send(&["DEBUG", "SLEEP", "1"]);
    wait_until("the slot is free on the replica", || second.quota("RL.PEEK k").allowed);
    assert_eq!(second.quota("RL.PEEK k").remaining(), [4, 1]);
}
