//! A sliding window is exact up to 10,000 instants. Beyond that it stays within 256 KiB, and its only error
//! is that it counts some cost a little longer.

use crate::common::clock::ahead;
use crate::common::oracle::Log;
use crate::common::{Conn, Random, Server};

const HOUR: u64 = 3_600_000;

/// Admits one more request of cost 1 at `at`, and returns the usage from `RL.INFO`. The effect moves the
/// key's clock to `at`.
fn used_at(conn: &mut Conn, log: &mut Log, at: u64) -> u128 {
    conn.apply("k", &format!("slide {at} 1 9007199254740991 {HOUR}"));
    log.admit(at, 1);
    u128::try_from(conn.ask("RL.INFO k").get("used").int()).unwrap()
}

/// Applies `count` admissions, each up to `gap` ms after the last, and returns the last instant.
fn book(conn: &mut Conn, log: &mut Log, random: &mut Random, count: usize, gap: i64) -> u64 {
    let mut at = u64::try_from(ahead(conn)).unwrap();
    for _ in 0..count {
        at += u64::try_from(random.between(1, gap)).unwrap();
        let cost = random.next() % 3 + 1;
        log.admit(at, cost);
        conn.send(&["RL.APPLY", "k", &format!("slide {at} {cost} 9007199254740991 {HOUR}")]);
    }
    for _ in 0..count {
        let reply = conn.receive();
        assert!(!reply.is_error(), "{reply:?}");
    }
    at
}

#[test]
fn ten_thousand_instants_are_exact_to_the_millisecond() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let mut random = Random::new(2);
    let mut log = Log::default();
    let mut at = book(&mut conn, &mut log, &mut random, 9_999, 600);
    // There is about one instant per 300 ms. From here on, as many leave the window as arrive.
    at += HOUR / 2;
    for _ in 0..400 {
        at += u64::try_from(random.between(300, 5_000)).unwrap();
        assert_eq!(used_at(&mut conn, &mut log, at), log.used_sliding(at, HOUR));
    }
}

#[test]
fn beyond_them_cost_ages_out_at_most_a_ten_thousandth_late() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let mut random = Random::new(3);
    let mut log = Log::default();
    let mut at = book(&mut conn, &mut log, &mut random, 60_000, 100);
    for _ in 0..400 {
        at += u64::try_from(random.between(1, 9_000)).unwrap();
        let used = used_at(&mut conn, &mut log, at);
        let (exact, late) = (log.used_sliding(at, HOUR), log.used_sliding(at, HOUR + HOUR / 10_000));
        assert!((exact..=late).contains(&used), "{used} at {at} is not from {exact} to {late}");
    }
}

#[test]
fn a_key_never_holds_more_than_256_kib() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let mut random = Random::new(4);
    let mut at = ahead(&mut conn);
    let ten_years = 315_360_000_000_i64;
    for _ in 0..20 {
        for _ in 0..10_000 {
            at += random.between(1, 1_500_000);
            let cost = random.between(1, 1_000_000_000);
            conn.send(&["RL.APPLY", "k", &format!("slide {at} {cost} 9007199254740991 {ten_years}")]);
        }
        for _ in 0..10_000 {
            let reply = conn.receive();
            assert!(!reply.is_error(), "{reply:?}");
        }
        let bytes = conn.ask("MEMORY USAGE k").int();
        assert!(bytes <= 256 * 1_024 + 256, "{bytes} bytes, the server's own share included");
        let told = conn.ask("RL.INFO k").get("bytes").int();
        assert!(told <= 256 * 1_024, "{told} bytes by its own count");
        let dump = conn.ask("DUMP k").bytes().len();
        assert!(dump <= 300 * 1_024, "{dump} bytes when dumped");
    }
}
