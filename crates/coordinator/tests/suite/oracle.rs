//! 10,000 random requests and a naive oracle. The program in memory, the program with a server, and the module itself must
//! all answer what the oracle says.
//!
//! The test reads the same clock as the program. A decision was made between the sending of the request and the arrival of
//! the answer. Times may differ by that much; counts may not differ.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value as Json, json};

use crate::common::log::Log;
use crate::common::{Client, Conn, Coordinator, Random};

/// A request about a key. The number of the key chooses the algorithm.
#[derive(Clone, Copy, Debug)]
struct Request {
    key: usize,
    limit: u64,
    cost: u64,
}

/// Allowed, limit, remaining, retry_after_ms, reset_after_ms.
type Five = [i64; 5];

const KEYS: usize = 24;
/// The lengths of windows and periods, by the number of the key. Some end during the test.
const LENGTHS: [u64; 4] = [500, 1_000, 60_000, 86_400_000];
const REFILL: u64 = 7;

impl Request {
    fn random(random: &mut Random) -> Self {
        let key = random.below(KEYS);
        // A bucket keeps its capacity; the other limits change from request to request.
        let limit = if key % 3 == 2 { 40 } else { u64::try_from(random.between(1, 60)).unwrap() };
        let cost = u64::try_from(random.between(0, 9)).unwrap();
        Self { key, limit, cost }
    }

    fn length(&self) -> u64 {
        LENGTHS[self.key / 3 % LENGTHS.len()]
    }

    fn name(&self) -> String {
        format!("key-{}", self.key)
    }

    fn http(&self) -> (&'static str, Json) {
        let Self { limit, cost, .. } = self;
        let length = format!("{}ms", self.length());
        match self.key % 3 {
            0 => ("slide", json!({"key": self.name(), "limit": limit, "window": length, "cost": cost})),
            1 => (
                "window",
                json!({"key": self.name(), "limit": limit, "window": length, "cost": cost, "offset": "-7ms"}),
            ),
            _ => (
                "bucket",
                json!({"key": self.name(), "capacity": limit, "refill": REFILL, "period": length, "cost": cost}),
            ),
        }
    }

    fn command(&self) -> String {
        let (Self { limit, cost, .. }, length, key) = (self, self.length(), self.name());
        match self.key % 3 {
            0 => format!("RL.SLIDE {key} {limit} {length}ms COST {cost}"),
            1 => format!("RL.WINDOW {key} {limit} {length}ms OFFSET -7ms COST {cost}"),
            _ => format!("RL.BUCKET {key} {limit} {REFILL} {length}ms COST {cost}"),
        }
    }

    /// The expected answer at `now` of a key with this log of admissions.
    fn expected(&self, log: &Log, now: u64) -> Five {
        let (length, limit, cost) = (self.length(), u128::from(self.limit), u128::from(self.cost));
        if self.key % 3 == 2 {
            return self.bucket(log, now);
        }
        let fixed = self.key % 3 == 1;
        let used =
            |at: u64| if fixed { log.used_fixed(at, length, -7) } else { log.used_sliding(at, length) };
        let boundary = now + length - (now + 7) % length;
        // The moments at which admissions expire.
        let leaves = |at: u64| if fixed { boundary } else { at + length };
        let mut later: Vec<u64> = log
            .0
            .iter()
            .filter(|(at, _)| !fixed || *at + 2 * length > now)
            .map(|(at, _)| leaves(*at))
            .filter(|at| *at > now)
            .collect();
        later.sort_unstable();
        let allowed = cost == 0 || used(now) + cost <= limit;
        let after = if allowed { used(now) + cost } else { used(now) };
        let retry = match later.iter().find(|at| used(**at) + cost <= limit) {
            _ if allowed => 0,
            _ if cost > limit => -1,
            Some(at) => signed(at - now),
            None => panic!("nothing leaves"),
        };
        let reset = if allowed && cost > 0 {
            leaves(now) - now
        } else {
            later.iter().rev().find(|at| used(**at - 1) > 0).map_or(0, |at| at - now)
        };
        let remaining = i64::try_from(limit.saturating_sub(after)).unwrap();
        [i64::from(allowed), signed(self.limit), remaining, retry, if after == 0 { 0 } else { signed(reset) }]
    }

    fn bucket(&self, log: &Log, now: u64) -> Five {
        let unit = u128::from(self.length()); // the ticks of a token; each ms gives REFILL of them back
        let refill = u128::from(REFILL);
        let (mut missing, mut last) = (0_u128, 0);
        for (at, cost) in &log.0 {
            missing = missing.saturating_sub(u128::from(at - last) * refill) + u128::from(*cost) * unit;
            last = *at;
        }
        missing = missing.saturating_sub(u128::from(now - last) * refill);
        let (full, wanted) = (u128::from(self.limit) * unit, missing + u128::from(self.cost) * unit);
        let allowed = self.cost == 0 || wanted <= full;
        let retry = match wanted.checked_sub(full) {
            _ if allowed => 0,
            _ if self.cost > self.limit => -1,
            excess => i64::try_from(excess.unwrap().div_ceil(refill)).unwrap(),
        };
        let after = if allowed { wanted } else { missing };
        let remaining = i64::try_from((full - after.min(full)) / unit).unwrap();
        let reset = i64::try_from(after.div_ceil(refill)).unwrap();
        [i64::from(allowed), signed(self.limit), remaining, retry, reset]
    }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap()
}

fn now() -> u64 {
    u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

/// The log of each key, and by how many ms its times may be wrong.
struct Oracle(Vec<(Log, u64)>);

/// The clocks of two processors may differ slightly, and a ms may end in between.
const SKEW: u64 = 1;

impl Oracle {
    fn new() -> Self {
        Self(vec![(Log::default(), 0); KEYS])
    }

    fn hears(&mut self, request: &Request, from: u64, to: u64, answer: Five, back_end: &str) {
        let (log, slack) = &mut self.0[request.key];
        let slack_now = (*slack).max(to - from) + SKEW;
        let last = log.0.last().map_or(0, |(at, _)| *at);
        let near = |told: i64, expected: i64| {
            told == expected || (told > 0 && expected > 0 && told.abs_diff(expected) <= 2 * slack_now)
        };
        let explains = |at: u64| {
            let [allowed, limit, remaining, retry, reset] = request.expected(log, at.max(last));
            [allowed, limit, remaining] == answer[..3] && near(answer[3], retry) && near(answer[4], reset)
        };
        let mut all = from - slack_now..=to + slack_now;
        let expected = request.expected(log, to.max(last));
        let context = || format!("{back_end}: {request:?} from {from} to {to}: {answer:?}, not {expected:?}");
        assert!(all.any(explains), "{}", context());
        if answer[0] == 1 && request.cost > 0 {
            // The reset time of a fixed window or a bucket reveals the exact moment.
            let exactly = |at: &u64| request.expected(log, (*at).max(last)) == answer;
            let at = (from - SKEW..=to + SKEW).rev().find(exactly).unwrap_or(to);
            log.admit(at.max(last), request.cost);
            *slack = (*slack).max(to - from);
        }
        // Expired admissions no longer change any answer.
        if request.key % 3 != 2 {
            log.0.retain(|(then, _)| then + 2 * request.length() > from);
        }
    }
}

fn over_http(client: &mut Client, request: &Request) -> Five {
    let (command, body) = request.http();
    let answer = client.v1(command, &body);
    let told = answer.json();
    let allowed = told["allowed"].as_bool().unwrap_or_else(|| panic!("{told}"));
    assert_eq!(answer.status, if allowed { 200 } else { 429 });
    let number = |field: &str| told[field].as_i64().unwrap();
    let five = [
        i64::from(allowed),
        number("limit"),
        number("remaining"),
        number("retry_after_ms"),
        number("reset_after_ms"),
    ];
    let wait = (five[3] > 0).then(|| ((five[3] + 999) / 1_000).to_string());
    assert_eq!(answer.field("retry-after"), wait.as_deref());
    let header = format!("\"default\";r={};t={}", five[2], (five[4] + 999) / 1_000);
    assert_eq!(answer.field("ratelimit"), Some(&*header));
    five
}

fn over_redis(conn: &mut Conn, request: &Request) -> Five {
    conn.ask(&request.command()).five()
}

#[test]
fn ten_thousand_random_requests_are_answered_as_the_module_answers_them() {
    let embedded = Coordinator::start("", &[]);
    let redis = Coordinator::on_redis("");
    let module = crate::common::Server::start(&[]);
    let (mut one, mut two, mut three) = (embedded.client(), redis.client(), module.connect());
    let mut oracles = [Oracle::new(), Oracle::new(), Oracle::new()];
    let seed = now();
    let mut random = Random::new(seed);
    let mut outcomes = [0_u32; 4];
    for _ in 0..10_000 {
        let request = Request::random(&mut random);
        for (at, oracle) in oracles.iter_mut().enumerate() {
            let from = now();
            let answer = match at {
                0 => over_http(&mut one, &request),
                1 => over_http(&mut two, &request),
                _ => over_redis(&mut three, &request),
            };
            let back_end = ["embedded", "redis", "module"][at];
            oracle.hears(&request, from, now(), answer, &format!("seed {seed}, {back_end}"));
            let outcome = match answer {
                [1, ..] => 0,
                [_, _, _, -1, _] => 1,
                _ => 2,
            };
            outcomes[outcome] += 1;
        }
    }
    // Most answers came within a ms or two, so most were checked that closely.
    let mut slack: Vec<u64> =
        oracles.iter().flat_map(|oracle| oracle.0.iter().map(|(_, slack)| *slack)).collect();
    slack.sort_unstable();
    eprintln!("slack by key: median {} ms, most {} ms", slack[slack.len() / 2], slack[slack.len() - 1]);
    assert!(outcomes[..3].iter().all(|count| *count > 300), "not all kinds of answers came: {outcomes:?}");
}
