//! Twenty instances of an agent use three models, each with limits on requests and tokens a minute and tokens
//! a day. They use the preferred model, or a cheaper one if the preferred model is at its quota. A minute is
//! a second here.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crate::common::ledger::Ledger;
use crate::common::process::{self, Process};
use crate::common::quota::{Answer, entries};
use crate::common::{Conn, Random, Server};

const INSTANCES: u64 = 20;
const RUN: Duration = Duration::from_secs(11);

/// The highest estimate of one call, in tokens.
const COSTLIEST: i64 = 300;

struct Model {
    key: &'static str,
    rpm: u64,
    tpm: u64,
    tpd: u64,
}

/// The models, the most expensive first. The first and the last run out of requests, the second out of
/// tokens.
const MODELS: [Model; 3] = [
    Model { key: "quota:opus", rpm: 20, tpm: 10_000, tpd: 8_000 },
    Model { key: "quota:sonnet", rpm: 100, tpm: 3_000, tpd: 10_000 },
    Model { key: "quota:haiku", rpm: 40, tpm: 20_000, tpd: 18_000 },
];

impl Model {
    fn request(&self) -> String {
        let Self { key, rpm, tpm, tpd } = self;
        format!(
            "RL.QUOTA {key} LIMIT rpm {rpm} 1s LIMIT tpm {tpm} 1s UNIT tokens LIMIT tpd {tpd} 5s UNIT tokens WINDOW"
        )
    }
}

#[test]
fn twenty_processes_on_three_models_stay_within_every_limit_and_use_all_of_it() {
    let server = Server::start(&["appendonly yes", "appendfsync no"]);
    let order = |seed: u64| [server.socket().display().to_string(), seed.to_string()];
    let mut instances: Vec<Process> =
        (0..INSTANCES).map(|seed| Process::start("seed_scenario::instance", &order(seed))).collect();
    let mut counts = [Counts::default(); MODELS.len()];
    for instance in &mut instances {
        for (counts, line) in counts.iter_mut().zip(instance.reported()) {
            counts.add(&Counts::parse(&line));
        }
    }
    let ledger = Ledger::of(entries(server.dir())); // fails if a window was over-admitted
    for (Model { key, rpm, tpm, tpd }, counts) in MODELS.iter().zip(&counts) {
        let account = ledger.account(key);
        assert!(counts.admitted > 100 && counts.denied > 100, "{key}: {counts:?}");
        assert_eq!(account.admitted(), counts.admitted, "{key}: a denied request consumed nothing");
        assert_eq!(account.total("rpm"), u128::from(counts.requests), "{key}");
        for tokens in ["tpm", "tpd"] {
            assert_eq!(account.total(tokens), u128::from(counts.tokens), "{key} {tokens}");
        }
        // Nor was too little admitted: each limit was reached unless another limit stopped it.
        let nearly = |limit: u64| u128::from(limit - COSTLIEST.unsigned_abs());
        let [by_rpm, by_tpm, by_tpd] = counts.blocked;
        if *key == "quota:sonnet" {
            assert!(by_tpm > 0 && account.most("tpm") > nearly(*tpm), "{key}: {counts:?}");
        } else {
            assert!(by_rpm > 0 && account.most("rpm") == u128::from(*rpm), "{key}: {counts:?}");
        }
        assert!(by_tpd > 0 && account.most("tpd") > nearly(*tpd), "{key}: {counts:?}");
    }
    let mut conn = server.connect();
    let sum = |what: fn(&Counts) -> u64| i64::try_from(counts.iter().map(what).sum::<u64>()).unwrap();
    assert_eq!(conn.info_number("rl_quota_admitted"), sum(|counts| counts.admitted));
    assert_eq!(conn.info_number("rl_quota_denied"), sum(|counts| counts.denied));
    assert_eq!(conn.info_number("rl_quota_errors") + conn.info_number("rl_settle_errors"), 0);
}

/// An instance's results for one model.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    admitted: u64,
    denied: u64,
    requests: u64,
    tokens: u64,
    /// The number of denials by each limit, in the order of [`LIMITS`].
    blocked: [u64; LIMITS.len()],
}

const LIMITS: [&str; 3] = ["rpm", "tpm", "tpd"];

impl Counts {
    fn numbers(&self) -> [u64; 7] {
        let [rpm, tpm, tpd] = self.blocked;
        [self.admitted, self.denied, self.requests, self.tokens, rpm, tpm, tpd]
    }

    fn parse(line: &str) -> Self {
        let numbers: Vec<u64> = line.split(' ').map(|number| number.parse().unwrap()).collect();
        let [admitted, denied, requests, tokens, rpm, tpm, tpd] = numbers.try_into().unwrap();
        Self { admitted, denied, requests, tokens, blocked: [rpm, tpm, tpd] }
    }

    fn add(&mut self, other: &Self) {
        let sum: Vec<String> =
            self.numbers().iter().zip(other.numbers()).map(|(a, b)| (a + b).to_string()).collect();
        *self = Self::parse(&sum.join(" "));
    }
}

/// Runs as one of the processes. Does nothing in the process that runs the tests.
#[test]
fn instance() {
    let Some(order) = process::order() else { return };
    let seed: u64 = order[1].parse().unwrap();
    let mut conn = Conn::unix(Path::new(&order[0])).unwrap();
    let mut random = Random::new(seed);
    let mut counts = [Counts::default(); MODELS.len()];
    let begin = Instant::now();
    while begin.elapsed() < RUN {
        let cost = random.between(1, COSTLIEST);
        let preferred = usize::try_from(seed).unwrap() % MODELS.len();
        let mut wait = i64::MAX;
        for index in (preferred..MODELS.len()).chain(0..preferred) {
            match call(&mut conn, &mut random, &MODELS[index], cost, &mut counts[index]) {
                None => {
                    wait = 0;
                    break;
                }
                Some(retry_after) => wait = wait.min(retry_after),
            }
        }
        // Waits as an agent does after all models have denied it.
        thread::sleep(Duration::from_millis(wait.unsigned_abs()).min(RUN.saturating_sub(begin.elapsed())));
    }
    let line = |counts: &Counts| counts.numbers().map(|number| number.to_string()).join(" ");
    process::report(&counts.iter().map(line).collect::<Vec<_>>());
}

/// Calls a model. Returns how long the model is at its quota, if it is.
fn call(conn: &mut Conn, random: &mut Random, model: &Model, cost: i64, counts: &mut Counts) -> Option<i64> {
    let reserves = random.one_in(2);
    let reserve = if reserves { "RESERVE 1s" } else { "" };
    let answer = Answer::of(&conn.done(&format!("{} COST tokens {cost} {reserve}", model.request())));
    if !answer.allowed {
        counts.denied += 1;
        for name in &answer.blocking {
            counts.blocked[LIMITS.iter().position(|limit| limit == name).unwrap()] += 1;
        }
        return Some(answer.retry_after);
    }
    counts.admitted += 1;
    let used = if reserves { end(conn, random, model, &answer.reserved(), cost) } else { [1, cost] };
    counts.requests += used[0].unsigned_abs();
    counts.tokens += used[1].unsigned_abs();
    None
}

/// Ends a call in one of the ways that calls end. Returns the used requests and tokens.
fn end(conn: &mut Conn, random: &mut Random, model: &Model, id: &str, estimate: i64) -> [i64; 2] {
    let used = random.between(0, estimate);
    let (line, charged) = match random.below(4) {
        0 => return [1, estimate], // this caller forgot to settle
        1 => (format!("RL.CANCEL {} {id}", model.key), [0, 0]),
        _ => (format!("RL.SETTLE {} {id} COST tokens {used}", model.key), [1, used]),
    };
    if conn.ask(&line).int() == 1 { charged } else { [1, estimate] }
}
