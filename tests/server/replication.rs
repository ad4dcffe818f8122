//! A replica holds byte-equal state after any request, and continues as its primary would have.

use crate::common::clock::{ahead, judged};
use crate::common::load;
use crate::common::replica::{assert_equal, catch_up, pair, replica_of};
use crate::common::{Random, Server, wait_until};

#[test]
fn after_100_000_mixed_commands_primary_and_replica_are_equal() {
    let (primary, replica) = pair();
    let (mut first, mut second) = (primary.connect(), replica.connect());
    load::run(&mut first, &mut Random::new(5), 100_000);
    assert_equal(&mut first, &mut second);
}

#[test]
fn a_replica_that_connects_late_is_equal() {
    let primary = Server::start_tcp(&[]);
    let mut first = primary.connect();
    let mut random = Random::new(6);
    load::run(&mut first, &mut random, 10_000);
    let replica = replica_of(&primary);
    load::run(&mut first, &mut random, 10_000);
    assert_equal(&mut first, &mut replica.connect());
}

#[test]
fn a_replica_that_connects_during_writes_is_equal() {
    let primary = Server::start_tcp(&[]);
    let replica = Server::start(&[]);
    let (mut first, mut second) = (primary.connect(), replica.connect());
    let mut random = Random::new(18);
    load::run(&mut first, &mut random, 2_000);
    second.done(&format!("REPLICAOF 127.0.0.1 {}", primary.port()));
    wait_until("it follows", || {
        load::run(&mut first, &mut random, 20);
        second.info("master_link_status").as_deref() == Some("up")
    });
    assert_equal(&mut first, &mut second);
}

#[test]
fn a_replica_that_was_cut_off_is_equal_after_a_partial_resync() {
    let (primary, replica) = pair();
    let (mut first, mut second) = (primary.connect(), replica.connect());
    let mut random = Random::new(7);
    for cuts in 1..=3 {
        load::run(&mut first, &mut random, 3_000);
        first.done("CONFIG SET maxclients 1"); // it cannot reconnect before all of this is done
        first.done("CLIENT KILL TYPE replica");
        load::run(&mut first, &mut random, 3_000);
        assert_eq!(first.info_number("connected_slaves"), 0);
        first.done("CONFIG SET maxclients 10000");
        wait_until("it has resynced", || first.info_number("sync_partial_ok") >= cuts);
    }
    assert_equal(&mut first, &mut second);
    assert_eq!(first.info_number("sync_full"), 1);
}

#[test]
fn a_replica_reads_and_does_not_write() {
    let (primary, replica) = pair();
    let (mut first, mut second) = (primary.connect(), replica.connect());
    first.done("RL.SLIDE k 5 1d COST 2");
    catch_up(&mut first, &mut second);
    assert_eq!(second.ask("RL.PEEK k COST 4").five()[..3], [0, 5, 3]);
    assert_eq!(second.ask("RL.INFO k").get("used").int(), 2);
    for line in ["RL.SLIDE k 5 1d", "RL.REFUND k 1", "RL.WINDOW w 5 1d", "RL.BUCKET b 5 1", "RL.APPLY k x"] {
        assert!(second.ask(line).error().starts_with("READONLY"), "{line}");
    }
}

#[test]
fn a_promoted_replica_answers_as_the_primary_would_have() {
    let (primary, replica) = pair();
    let (mut first, mut second) = (primary.connect(), replica.connect());
    let begin = ahead(&mut first);
    let mut random = Random::new(8);
    // The keys' clocks are ahead, so that both servers decide for exactly the same instants.
    for key in 0..30 {
        for after in 0..20 {
            let (at, cost) = (begin + after * 50, random.between(1, 4));
            first.apply(&format!("s{key}"), &format!("slide {at} {cost} 60 2000"));
            first.apply(&format!("w{key}"), &format!("window {at} {cost} 60 5000 0"));
            first.apply(&format!("b{key}"), &format!("bucket {at} {cost} 60 7.5 1000"));
        }
    }
    catch_up(&mut first, &mut second);
    second.done("REPLICAOF NO ONE");
    for key in 0..30 {
        for _ in 0..6 {
            let cost = random.between(1, 12);
            for line in [
                format!("RL.SLIDE s{key} 60 2 COST {cost}"),
                format!("RL.WINDOW w{key} 60 5 COST {cost}"),
                format!("RL.BUCKET b{key} 60 7.5 COST {cost}"),
            ] {
                let (one, two) = (judged(&mut first, &line), judged(&mut second, &line));
                assert_eq!(
                    (one.allowed, one.limit, one.remaining),
                    (two.allowed, two.limit, two.remaining),
                    "{line}"
                );
                assert_eq!(one.reset_at(), two.reset_at(), "{line}");
                assert!(one.allowed || one.retry_at() == two.retry_at(), "{line}");
            }
        }
    }
    for conn in [&mut first, &mut second] {
        conn.done("DEL minute");
    }
    assert_eq!(first.digest(), second.digest());
}

#[test]
fn what_a_transaction_or_script_admits_reaches_the_replica() {
    let (primary, replica) = pair();
    let (mut first, mut second) = (primary.connect(), replica.connect());
    first.multi(&["RL.SLIDE s 5 1d", "RL.SLIDE s 5 1d COST 9", "RL.BUCKET b 5 1 1d", "RL.REFUND s 1"]);
    let script = "redis.call('RL.WINDOW', KEYS[1], 5, '1mo') return redis.call('RL.WINDOW', KEYS[1], 5, '1mo', 'COST', 9)";
    first.call(&["EVAL", script, "1", "w"]);
    catch_up(&mut first, &mut second);
    assert_eq!(first.digest(), second.digest());
    assert_eq!(second.ask("RL.INFO w").get("used").int(), 1);
    assert_eq!(second.ask("RL.INFO b").get("used").int(), 1);
    assert_eq!(second.ask("RL.INFO s").get("used").int(), 0);
}
