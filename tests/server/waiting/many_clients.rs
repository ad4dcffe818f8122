//! Many clients that wait, give cost back, time out and disconnect at random. Each is answered once, nothing
//! is admitted beyond a limit, and nothing is left of them.

use std::collections::HashMap;
use std::thread;
use std::time::{Duration, Instant};

use crate::common::conn::words;
use crate::common::ledger::Ledger;
use crate::common::oracle::Log;
use crate::common::quota::entries;
use crate::common::waiting::{assert_no_waiters, waiting};
use crate::common::{Conn, Random, Server, Value, aof, wait_until};

const RUN: Duration = Duration::from_secs(6);

/// Requests of limits that are reached, each on its own keys.
const REQUESTS: [&str; 6] = [
    "RL.SLIDE slide 9 100ms COST ?",
    "RL.WINDOW window 9 100ms COST ?",
    "RL.BUCKET bucket 9 90 COST ?",
    "RL.QUOTA quota LIMIT a 9 100ms LIMIT t 25 300ms UNIT tokens COST tokens ?",
    "RL.QUOTA quota LIMIT a 9 100ms LIMIT t 25 300ms UNIT tokens COST tokens ?",
    "RL.QUOTA slots LIMIT open 3 INFLIGHT LIMIT a 99 100ms COST requests ? RESERVE 200ms",
];

/// One client's results: the admitted cost by the request's first key, and how often it disconnected.
type Counts = HashMap<String, i64>;

/// Sends random requests. After one in twelve it disconnects without a reply, and connects again.
fn client(server: &Server, seed: u64) -> Counts {
    let mut random = Random::new(seed);
    let mut counted = Counts::new();
    let mut conn = server.connect();
    let begin = Instant::now();
    while begin.elapsed() < RUN {
        let cost = random.between(1, 4);
        let request = random.pick(&REQUESTS).replace('?', &cost.to_string());
        let (wait, lane) = (random.between(1, 150), random.between(0, 3));
        conn.send(&words(&format!("{request} WAIT {wait}ms PRIORITY {lane}")));
        conn.flush().unwrap();
        if random.one_in(12) {
            conn = server.connect();
            *counted.entry("broken off".to_owned()).or_default() += 1;
            continue;
        }
        let reply = conn.receive();
        assert!(!reply.is_error(), "{request}: {reply:?}");
        let fields = reply.list();
        let key = request.split(' ').nth(1).unwrap().to_owned();
        if fields[0] == Value::Int(1) {
            *counted.entry(key).or_default() += cost;
            if let Some(Value::Bulk(id)) = fields.get(4).filter(|_| random.one_in(2)) {
                let id = String::from_utf8(id.clone()).unwrap();
                conn.done(&format!("RL.SETTLE slots {id}"));
            }
        }
    }
    counted
}

#[test]
fn many_clients_stay_within_every_limit_and_leave_nothing() {
    let server = Server::start(&["appendonly yes", "appendfsync no", "rl.lane-aging 40ms"]);
    let mut counted = Counts::new();
    thread::scope(|scope| {
        let clients: Vec<_> = (0..60)
            .map(|seed| {
                let server = &server;
                scope.spawn(move || client(server, seed))
            })
            .collect();
        for client in clients {
            for (name, count) in client.join().unwrap() {
                *counted.entry(name).or_default() += count;
            }
        }
    });
    let mut conn = server.connect();
    wait_until("all are gone", || waiting(&mut conn) == (0, 0));
    let mut logs: HashMap<String, Log> = HashMap::new();
    for effect in aof::effects(server.dir()) {
        logs.entry(effect.key).or_default().admit(effect.at, effect.cost);
    }
    assert_eq!(logs["slide"].most_sliding(100), 9);
    assert_eq!(logs["window"].most_fixed(100, 0), 9);
    assert_eq!(logs["bucket"].beyond_bucket(9, 90, 1_000), None);
    let ledger = Ledger::of(entries(server.dir())); // checks all admissions against their limits
    assert_eq!(ledger.account("slots").most("open"), 3);
    assert_eq!(ledger.account("quota").most("t"), 25);
    // A client that disconnected may have been admitted just before.
    for key in ["slide", "window", "bucket"] {
        let (admitted, counted) = (i64::try_from(logs[key].total()).unwrap(), counted[key]);
        assert!(counted <= admitted, "{key}: {counted} counted, {admitted} admitted");
        assert!(admitted - counted < counted / 5 + 50, "{key}: {counted} counted, {admitted} admitted");
    }
    assert!(counted["broken off"] > 20 && conn.info_number("rl_waiters_gone") > 10);
    assert!(conn.info_number("rl_waiters_granted") > 500);
    assert!(conn.info_number("rl_waiters_timed_out") > 50);
    assert_no_waiters(&mut conn);
}

/// All waits end at once, while each waiter is the next in turn. No waiter is answered twice or admitted
/// twice.
#[test]
fn clients_unblocked_at_random_during_admissions_are_answered_once() {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let mut random = Random::new(5);
    let mut clients: Vec<Conn> = (0..40).map(|_| server.connect()).collect();
    let ids: Vec<i64> = clients.iter_mut().map(|client| client.done("CLIENT ID").int()).collect();
    for _ in 0..30 {
        conn.done("RL.SLIDE k 5 1d COST 5");
        for client in &mut clients {
            client.send(&words("RL.SLIDE k 5 1d WAIT 1h"));
            client.flush().unwrap();
        }
        wait_until("all wait", || waiting(&mut conn) == (40, 40));
        for _ in 0..60 {
            match random.below(3) {
                0 => conn.send(&["RL.REFUND", "k", "1"]),
                1 => conn.send(&["CLIENT", "UNBLOCK", &random.pick(&ids).to_string()]),
                _ => conn.send(&["CLIENT", "UNBLOCK", &random.pick(&ids).to_string(), "ERROR"]),
            }
        }
        for id in &ids {
            conn.send(&["CLIENT", "UNBLOCK", &id.to_string()]);
        }
        for _ in 0..100 {
            assert!(!conn.receive().is_error());
        }
        assert_no_waiters(&mut conn);
        for client in &mut clients {
            let reply = client.receive();
            assert!(reply.is_error() || reply.five()[1] == 5);
            assert_eq!(client.ask("ECHO next").text(), "next", "there is one reply to each");
        }
        conn.done("DEL k");
    }
}
