//! Fifty connections from five processes on a few keys. No interval over-admits, and the replies agree
//! exactly with the append-only file.

use std::collections::HashMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::common::oracle::Log;
use crate::common::{Conn, Random, Server, aof};

const PROCESSES: u64 = 5;
const CONNECTIONS: u64 = 10;
const RUN: Duration = Duration::from_secs(20);

/// The environment variable that marks a run of the tests' executable as one of the processes. It holds the
/// socket, the seed and the file.
const WORKER: &str = "REDIS_RL_TEST_WORKER";

/// Requests, each on its own key, with windows of 100 to 500 ms and rates of that order.
const REQUESTS: [&str; 7] = [
    "RL.SLIDE slide:100 40 100ms",
    "RL.SLIDE slide:250 25 250ms",
    "RL.SLIDE slide:500 200 500ms",
    "RL.WINDOW window:100 40 100ms",
    "RL.WINDOW window:500 90 500ms OFFSET -130ms",
    "RL.BUCKET bucket:fast 20 300 1",
    "RL.BUCKET bucket:slow 9 10 250ms",
];

#[test]
fn no_interval_is_over_admitted_and_totals_match_the_replies() {
    let server = Server::start(&["appendonly yes", "appendfsync no"]);
    let workers: Vec<(Child, PathBuf)> = (0..PROCESSES).map(|seed| spawn(&server, seed)).collect();
    let mut told: HashMap<String, u128> = HashMap::new();
    for (mut worker, file) in workers {
        assert!(worker.wait().unwrap().success());
        for line in fs::read_to_string(file).unwrap().lines() {
            let (key, cost) = line.split_once(' ').unwrap();
            *told.entry(key.to_owned()).or_default() += cost.parse::<u128>().unwrap();
        }
    }
    let mut logs: HashMap<String, Log> = HashMap::new();
    for effect in aof::effects(server.dir()) {
        logs.entry(effect.key).or_default().admit(effect.at, effect.cost);
    }
    for request in REQUESTS {
        let key = request.split(' ').nth(1).unwrap();
        assert_eq!(logs[key].total(), told[key], "{key}: admitted and told");
    }
    assert!(logs["slide:100"].most_sliding(100) <= 40);
    assert!(logs["slide:250"].most_sliding(250) <= 25);
    assert!(logs["slide:500"].most_sliding(500) <= 200);
    assert!(logs["window:100"].most_fixed(100, 0) <= 40);
    assert!(logs["window:500"].most_fixed(500, -130) <= 90);
    assert_eq!(logs["bucket:fast"].beyond_bucket(20, 300, 1_000), None);
    assert_eq!(logs["bucket:slow"].beyond_bucket(9, 10, 250), None);
    // Nor was too little admitted: fifty clients reach every limit.
    assert_eq!(logs["slide:100"].most_sliding(100), 40);
    assert_eq!(logs["slide:250"].most_sliding(250), 25);
    assert_eq!(logs["window:100"].most_fixed(100, 0), 40);
    assert_eq!(server.connect().info_number("rl_slide_errors"), 0);
}

fn spawn(server: &Server, seed: u64) -> (Child, PathBuf) {
    let file = server.dir().join(format!("told.{seed}"));
    let child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "concurrency::worker", "--nocapture"])
        .env(WORKER, format!("{}\n{seed}\n{}", server.socket().display(), file.display()))
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    (child, file)
}

/// Runs as one of the processes. Does nothing in the process that runs the tests.
#[test]
fn worker() {
    let Ok(order) = env::var(WORKER) else { return };
    let order: Vec<&str> = order.split('\n').collect();
    let seed: u64 = order[1].parse().unwrap();
    let threads: Vec<_> = (0..CONNECTIONS)
        .map(|index| {
            let conn = Conn::unix(Path::new(order[0])).unwrap();
            thread::spawn(move || admitted(conn, Random::new(seed * CONNECTIONS + index)))
        })
        .collect();
    let mut lines = String::new();
    for thread in threads {
        for (key, cost) in thread.join().unwrap() {
            lines.push_str(&format!("{key} {cost}\n"));
        }
    }
    fs::write(order[2], lines).unwrap();
}

/// Sends random requests for `RUN`. Returns the admitted cost by key.
fn admitted(mut conn: Conn, mut random: Random) -> HashMap<String, i64> {
    let mut admitted = HashMap::new();
    let begin = Instant::now();
    while begin.elapsed() < RUN {
        let request = random.pick(&REQUESTS);
        let cost = random.between(1, 3);
        let allowed = conn.ask(&format!("{request} COST {cost}")).five()[0];
        *admitted.entry(request.split(' ').nth(1).unwrap().to_owned()).or_default() += allowed * cost;
    }
    admitted
}
