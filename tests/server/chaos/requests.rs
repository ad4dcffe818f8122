//! Requests that may wait, and the allowed replies to each.

use crate::common::conn::words;
use crate::common::quota::Answer;
use crate::common::{Random, Value};

/// The errors allowed for a request without a decision. Any other error is a failure.
const ERRORS: [&str; 6] =
    ["WRONGTYPE ", "READONLY ", "RLBUSY ", "UNBLOCKED ", "LOADING ", "ERR no such policy"];

/// The limits of the keys that only a FLUSHALL deletes. `record.rs` checks admissions against them.
pub const QUIET: [&str; 4] = [
    "RL.SLIDE quiet:slide 20 500ms",
    "RL.WINDOW quiet:window 15 400ms",
    "RL.BUCKET quiet:bucket 10 20",
    "RL.QUOTA quiet:quota LIMIT a 12 300ms LIMIT t 40 500ms UNIT tokens WINDOW LIMIT open 3 INFLIGHT",
];

pub struct Request {
    pub line: String,
    /// The longest time that the request waits, in ms.
    pub wait: u64,
    kind: Kind,
}

enum Kind {
    /// The limit that the request names.
    Limit(i64),
    /// The id of the request's reservation, if it makes one.
    Quota(Option<String>),
    /// The same, of the first of two keys.
    First(Option<String>),
}

/// The outcome of a request.
#[derive(Debug, PartialEq)]
pub enum Became {
    Admitted,
    Denied,
    /// The reply was an error of this kind.
    Error(String),
}

impl Request {
    pub fn words(&self) -> Vec<&str> {
        words(&self.line)
    }

    /// Checks a reply against all allowed replies, and returns the outcome.
    #[track_caller]
    pub fn became(&self, reply: &Value) -> Became {
        if let Value::Error(text) = reply {
            assert!(ERRORS.iter().any(|known| text.starts_with(known)), "{}: {text}", self.line);
            return Became::Error(text.split(' ').next().unwrap().to_owned());
        }
        let admitted = match &self.kind {
            Kind::Limit(limit) => {
                let [allowed, told, remaining, retry, reset] = reply.five();
                assert!(
                    told == *limit && (0..=told).contains(&remaining) && reset >= 0,
                    "{}: {reply:?}",
                    self.line
                );
                assert!(
                    if allowed == 1 { retry == 0 } else { retry > 0 || retry == -1 },
                    "{}: {reply:?}",
                    self.line
                );
                allowed == 1
            }
            Kind::Quota(id) | Kind::First(id) => {
                let answer = match &self.kind {
                    Kind::First(_) => {
                        let (index, rest) = reply.list().split_last().unwrap();
                        let is_admitted = reply.list()[0].int() == 1;
                        let indexes = if is_admitted { 0..=1 } else { -1..=-1 };
                        assert!(indexes.contains(&index.int()), "{}: {reply:?}", self.line);
                        Answer::of(&Value::Array(rest.to_vec()))
                    }
                    Kind::Limit(_) | Kind::Quota(_) => Answer::of(reply),
                };
                assert_eq!(answer.allowed, answer.blocking.is_empty(), "{}: {reply:?}", self.line);
                assert_eq!(answer.allowed, answer.retry_after == 0, "{}: {reply:?}", self.line);
                let told = answer.id.map(|told| told.map(|told| String::from_utf8(told).unwrap()));
                let expected = id.clone().map(|id| Some(id).filter(|_| answer.allowed));
                assert_eq!(told, expected, "{}: the answer to another request", self.line);
                answer.allowed
            }
        };
        if admitted { Became::Admitted } else { Became::Denied }
    }
}

/// Returns a request of any kind. `id` must be unique.
pub fn any(random: &mut Random, id: &str) -> Request {
    let (number, limit, cost) = (random.below(6), random.between(2, 6), random.between(0, 3));
    let window = random.pick(&["30ms", "80ms", "200ms", "700ms", "1d"]);
    let reserve = if random.one_in(2) { format!(" RESERVE {window} ID {id}") } else { String::new() };
    let of_quota = Kind::Quota(Some(id.to_owned()).filter(|_| !reserve.is_empty()));
    let (line, kind) = match random.below(12) {
        0..=2 => (format!("RL.SLIDE s{number} {limit} {window} COST {cost}"), Kind::Limit(limit)),
        3 => (format!("RL.WINDOW w{number} {limit} {window} COST {cost}"), Kind::Limit(limit)),
        4..=5 => (format!("RL.BUCKET b{number} {limit} 5 COST {cost}"), Kind::Limit(limit)),
        6 => {
            let limits = format!("LIMIT a {limit} {window} LIMIT t 20 500ms UNIT tokens");
            (format!("RL.QUOTA q{number} {limits} COST tokens {cost}{reserve}"), of_quota)
        }
        7 => {
            let limits = format!("LIMIT a {limit} {window} LIMIT open 2 INFLIGHT");
            let line = format!("RL.QUOTA q{number} {limits} RESERVE {window} ID {id}");
            (line, Kind::Quota(Some(id.to_owned())))
        }
        8 => {
            (format!("RL.QUOTA q{number} POLICY p{} COST tokens {cost}{reserve}", random.below(3)), of_quota)
        }
        9..=10 => {
            let (other, one, two) = (random.below(6), random.below(3), random.below(3));
            let line = format!("RL.FIRST 2 q{number} r{other} POLICY p{one} p{two}{reserve}");
            (line, Kind::First(Some(id.to_owned()).filter(|_| !reserve.is_empty())))
        }
        _ => {
            let (other, one, two) = (random.below(6), random.below(3), random.below(3));
            (format!("RL.MQUOTA 2 q{number} r{other} POLICY p{one} p{two}{reserve}"), of_quota)
        }
    };
    waiting(random, line, kind)
}

/// Returns a request on one of the keys in [`QUIET`].
pub fn quiet(random: &mut Random, id: &str) -> Request {
    let kind = random.below(QUIET.len());
    let cost = random.between(1, 3);
    match kind {
        3 => {
            let reserve = format!("COST tokens {cost} RESERVE {}ms ID {id}", random.between(20, 200));
            waiting(random, format!("{} {reserve}", QUIET[3]), Kind::Quota(Some(id.to_owned())))
        }
        _ => {
            let limit = QUIET[kind].split(' ').nth(2).unwrap().parse().unwrap();
            waiting(random, format!("{} COST {cost}", QUIET[kind]), Kind::Limit(limit))
        }
    }
}

fn waiting(random: &mut Random, mut line: String, kind: Kind) -> Request {
    let mut wait = 0;
    if !random.one_in(12) {
        let most = *random.pick(&[20, 200, 2_000]);
        wait = u64::try_from(random.between(1, most)).unwrap();
        line += &format!(" WAIT {wait}ms");
        if random.one_in(2) {
            line += &format!(" PRIORITY {}", random.pick(&["CRITICAL", "HIGH", "NORMAL", "LOW"]));
        }
        if random.one_in(2) {
            line += &format!(" FLOW {}", random.pick(&["one", "two", "three"]));
            if random.one_in(2) {
                line += &format!(" WEIGHT {}", random.pick(&["1", "3", "10"]));
            }
        }
    }
    Request { line, wait, kind }
}
