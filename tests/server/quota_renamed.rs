//! Limits that are renamed again and again under load: no error, nothing admitted anew, equal on a replica and after a
//! restart. A key keeps 16 retired limits. The others are merged.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread;

use crate::common::ledger::Ledger;
use crate::common::quota::{Answer, entries};
use crate::common::replica::{catch_up, replica_of};
use crate::common::{Conn, Random, Server, Value, wait_until};

const CLIENTS: u64 = 4;
const KEYS: [&str; 3] = ["a", "b", "c"];
/// How often the limits are renamed. After the first `NAMES` times, old names come back.
const RENAMES: usize = 40;
const NAMES: usize = 24;
/// How many requests are answered from one renaming to the next.
const ANSWERS: usize = 150;
const HOURLY: i64 = 40;

/// The limits of one release: each has a name of its own. What is used of the first two counts until the test is over.
fn limits(release: usize) -> String {
    let name = release % NAMES;
    format!(
        "LIMIT hour{name} {HOURLY} 1h UNIT tokens LIMIT slow{name} 60 10m UNIT tokens BUCKET 50 \
         LIMIT second{name} 90 1"
    )
}

#[test]
fn limits_renamed_40_times_under_load_are_neither_locked_nor_forgotten() {
    let mut primary = Server::start_tcp(&["appendonly yes", "appendfsync no", "repl-backlog-size 64mb"]);
    let replica = replica_of(&primary);
    let (mut first, mut second) = (primary.connect(), replica.connect());
    first.done(&format!("RL.POLICY SET p {}", limits(0)));
    let (answers, is_over) = (AtomicUsize::new(0), AtomicBool::new(false));
    let admitted: usize = thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let (conn, answers, is_over) = (primary.connect(), &answers, &is_over);
                scope.spawn(move || ask(conn, client, answers, is_over))
            })
            .collect();
        for release in 1..=RENAMES {
            let before = answers.load(Relaxed);
            let is_gone = || clients.iter().any(thread::ScopedJoinHandle::is_finished);
            wait_until("they are answered", || answers.load(Relaxed) >= before + ANSWERS || is_gone());
            first.done(&format!("RL.POLICY SET p {}", limits(release)));
        }
        is_over.store(true, Relaxed);
        clients.into_iter().map(|client| client.join().unwrap()).sum()
    });
    let ledger = Ledger::of(entries(primary.dir())); // fails if a limit was over-admitted, under whatever name it came back
    for key in KEYS {
        let account = ledger.account(key);
        for name in 0..NAMES {
            let used = i64::try_from(account.total(&format!("hour{name}"))).unwrap();
            assert!(used > 0, "each name has its limit: {key} hour{name}");
            let left = first
                .quota(&format!("RL.QUOTA {key} {} COST tokens 0 COST requests 0", limits(name)))
                .remaining();
            assert!(left[0] <= HOURLY - used, "{key} hour{name}: {used} of {HOURLY} are used, {left:?} left");
        }
    }
    let total: u64 = KEYS.iter().map(|key| ledger.account(key).admitted()).sum();
    assert_eq!(total, admitted as u64, "admitted and told");
    // A name that there was never is not locked.
    assert!(first.quota("RL.QUOTA a LIMIT new 5 1h").allowed);
    catch_up(&mut first, &mut second);
    let digest = first.digest();
    assert_eq!(second.digest(), digest);
    first.done("DEBUG RELOAD");
    assert_eq!(first.digest(), digest);
    let replies: Vec<Value> = KEYS.iter().map(|key| first.done(&format!("RL.PEEK {key}"))).collect();
    assert!(replies.iter().all(|reply| !Answer::of(reply).rows.is_empty()));
    primary.crash_and_restart();
    assert_eq!(primary.connect().digest(), digest);
}

/// Asks until it is over, and settles what it has reserved with at most as much. Returns how often it was admitted.
fn ask(mut conn: Conn, client: u64, answers: &AtomicUsize, is_over: &AtomicBool) -> usize {
    let (mut random, mut open, mut admitted) = (Random::new(client), Vec::new(), 0);
    while !is_over.load(Relaxed) {
        let (key, tokens) = (random.pick(&KEYS), random.between(1, 4));
        let id = format!("{client}-{}", answers.fetch_add(1, Relaxed));
        let is_reserved = random.one_in(3);
        let mut line = format!("RL.QUOTA {key} POLICY p COST tokens {tokens}");
        if is_reserved {
            line.push_str(&format!(" RESERVE 1h ID {id}"));
        }
        if random.one_in(8) {
            line.push_str(" WAIT 5ms");
        }
        let answer = conn.quota(&line);
        admitted += usize::from(answer.allowed);
        if is_reserved && answer.allowed {
            open.push((key, id, tokens));
        }
        if open.len() > 4 {
            let (key, id, tokens) = open.swap_remove(random.below(open.len()));
            let line = format!("RL.SETTLE {key} {id} COST tokens {}", random.between(0, tokens));
            assert_eq!(conn.ask(&line).int(), 1, "{line}");
        }
    }
    admitted
}
