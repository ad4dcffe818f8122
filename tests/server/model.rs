//! Any sequence of requests is answered as the naive oracle answers it, to the millisecond.
//!
//! The keys' own clocks are ahead of the server's (see `common::clock::ahead`), so that each step happens at
//! exactly the instant that the test chooses.

use proptest::prelude::*;

use crate::common::clock::{ahead, judged};
use crate::common::oracle::{Bucket, Log};
use crate::common::{Conn, Server};

#[derive(Clone, Debug)]
enum Step {
    /// That many ms later an effect of that cost arrives, if it fits.
    Later(u64, u64),
    Ask(u64),
    Peek(u64),
    /// Gives back this percentage of the usage, but always leaves a cost of 1, so that the key keeps its
    /// clock.
    Refund(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..250_u64, 1..4_u64).prop_map(|(later, cost)| Step::Later(later, cost)),
        4 => (1..6_u64).prop_map(Step::Ask),
        2 => (0..22_u64).prop_map(Step::Peek),
        1 => (1..100_u64).prop_map(Step::Refund),
    ]
}

/// An oracle of one algorithm, on one key.
trait Model {
    /// Returns the part of a request between the key and the options.
    fn parameters(&self) -> String;
    fn effect(&self, at: u64, cost: u64) -> String;
    fn limit(&self) -> u64;
    /// Returns the cost used at `now`, rounded up.
    fn used(&self, now: u64) -> u64;
    fn book(&mut self, now: u64, cost: u64);
    fn give_back(&mut self, now: u64, cost: u64);

    /// Returns the first instant from `now` on at which `cost` fits.
    fn fits_at(&self, now: u64, cost: u64) -> u64 {
        (now..).find(|&at| self.used(at) + cost <= self.limit()).unwrap()
    }
}

fn play(conn: &mut Conn, command: &str, model: &mut dyn Model, steps: &[Step]) -> Result<(), TestCaseError> {
    conn.done("DEL k");
    let mut now = u64::try_from(ahead(conn)).unwrap();
    conn.apply("k", &model.effect(now, 1));
    model.book(now, 1);
    for step in steps {
        match *step {
            Step::Later(later, cost) => {
                if model.used(now + later) + cost <= model.limit() {
                    now += later;
                    conn.apply("k", &model.effect(now, cost));
                    model.book(now, cost);
                }
            }
            Step::Ask(cost) => {
                let request = format!("{command} k {} COST {cost}", model.parameters());
                if answered(conn, &request, model, now, cost, true)? {
                    model.book(now, cost);
                }
            }
            Step::Peek(cost) => {
                answered(conn, &format!("RL.PEEK k COST {cost}"), model, now, cost, false)?;
            }
            Step::Refund(percent) => {
                let cost = (model.used(now).saturating_sub(1) * percent).div_ceil(100);
                if cost > 0 {
                    model.give_back(now, cost);
                    let remains = i64::try_from(model.limit() - model.used(now)).unwrap();
                    prop_assert_eq!(conn.ask(&format!("RL.REFUND k {cost}")).int(), remains);
                }
            }
        }
    }
    Ok(())
}

/// Checks one reply against the model. Returns whether the request was admitted.
fn answered(
    conn: &mut Conn,
    line: &str,
    model: &dyn Model,
    now: u64,
    cost: u64,
    takes: bool,
) -> Result<bool, TestCaseError> {
    let (used, limit) = (model.used(now), model.limit());
    let allowed = used + cost <= limit;
    let reply = judged(conn, line);
    prop_assert_eq!(reply.allowed, allowed, "{}", line);
    prop_assert_eq!(reply.limit, i64::try_from(limit).unwrap());
    let taken = if allowed && takes { cost } else { 0 };
    prop_assert_eq!(reply.remaining, i64::try_from(limit - used - taken).unwrap(), "{}", line);
    match reply.retry_after {
        0 => prop_assert!(allowed),
        -1 => prop_assert!(cost > limit),
        _ if cost > limit => prop_assert!(false, "{} never fits", line),
        _ => prop_assert_eq!(reply.retry_at(), i64::try_from(model.fits_at(now, cost)).unwrap(), "{}", line),
    }
    if taken == 0 {
        prop_assert_eq!(reply.reset_at(), i64::try_from(model.fits_at(now, limit)).unwrap(), "{}", line);
    }
    Ok(allowed)
}

struct Slide {
    limit: u64,
    window: u64,
    log: Log,
}

impl Model for Slide {
    fn parameters(&self) -> String {
        format!("{} {}ms", self.limit, self.window)
    }

    fn effect(&self, at: u64, cost: u64) -> String {
        format!("slide {at} {cost} {} {}", self.limit, self.window)
    }

    fn limit(&self) -> u64 {
        self.limit
    }

    fn used(&self, now: u64) -> u64 {
        u64::try_from(self.log.used_sliding(now, self.window)).unwrap()
    }

    fn book(&mut self, now: u64, cost: u64) {
        self.log.admit(now, cost);
    }

    fn give_back(&mut self, now: u64, cost: u64) {
        self.log.refund_sliding(cost, now, self.window);
    }
}

struct Window {
    limit: u64,
    length: u64,
    offset: i64,
    log: Log,
}

impl Model for Window {
    fn parameters(&self) -> String {
        format!("{} {}ms OFFSET {}ms", self.limit, self.length, self.offset)
    }

    fn effect(&self, at: u64, cost: u64) -> String {
        format!("window {at} {cost} {} {} {}", self.limit, self.length, self.offset)
    }

    fn limit(&self) -> u64 {
        self.limit
    }

    fn used(&self, now: u64) -> u64 {
        u64::try_from(self.log.used_fixed(now, self.length, self.offset)).unwrap()
    }

    fn book(&mut self, now: u64, cost: u64) {
        self.log.admit(now, cost);
    }

    /// In a fixed window it does not matter which admission gives cost back, because all of them end
    /// together.
    fn give_back(&mut self, now: u64, cost: u64) {
        let used = self.used(now);
        self.log = Log(vec![(now, used - cost)]);
    }
}

struct Tokens {
    refill_hundredths: u64,
    period: u64,
    bucket: Bucket,
}

impl Model for Tokens {
    fn parameters(&self) -> String {
        let (whole, part) = (self.refill_hundredths / 100, self.refill_hundredths % 100);
        format!("{} {whole}.{part:02} {}ms", self.bucket.capacity, self.period)
    }

    /// Formats the parameters as [`Model::parameters`] does, but without trailing zeros in decimals.
    fn effect(&self, at: u64, cost: u64) -> String {
        let (whole, part) = (self.refill_hundredths / 100, self.refill_hundredths % 100);
        let refill = format!("{whole}.{part:02}");
        let refill = refill.trim_end_matches('0').trim_end_matches('.');
        format!("bucket {at} {cost} {} {refill} {}", self.bucket.capacity, self.period)
    }

    fn limit(&self) -> u64 {
        u64::try_from(self.bucket.capacity).unwrap()
    }

    fn used(&self, now: u64) -> u64 {
        u64::try_from(self.bucket.missing(now).div_ceil(self.bucket.unit)).unwrap()
    }

    fn book(&mut self, now: u64, cost: u64) {
        self.bucket.take(now, cost);
    }

    fn give_back(&mut self, now: u64, cost: u64) {
        self.bucket.give(now, cost);
    }

    fn fits_at(&self, now: u64, cost: u64) -> u64 {
        let room = (self.bucket.capacity - u128::from(cost)) * self.bucket.unit;
        now + self.bucket.time_for(self.bucket.missing(now).saturating_sub(room))
    }
}

fn check<S: Strategy>(
    rules: S,
    play_one: impl Fn(&mut Conn, S::Value, &[Step]) -> Result<(), TestCaseError>,
) {
    let server = Server::start(&[]);
    let config = ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(rule in rules, steps in prop::collection::vec(step(), 1..40))| {
        play_one(&mut server.connect(), rule, &steps)?;
    });
}

#[test]
fn a_sliding_window_answers_as_the_sum_over_its_log() {
    check((1..20_u64, 1..400_u64), |conn, (limit, window), steps| {
        let mut model = Slide { limit, window, log: Log::default() };
        play(conn, "RL.SLIDE", &mut model, steps)
    });
}

#[test]
fn a_fixed_window_answers_as_the_sum_over_its_log() {
    check((1..20_u64, 1..400_u64, -1_000..1_000_i64), |conn, (limit, length, offset), steps| {
        let mut model = Window { limit, length, offset, log: Log::default() };
        play(conn, "RL.WINDOW", &mut model, steps)
    });
}

#[test]
fn a_bucket_answers_as_exact_fractions_do() {
    check((1..20_u64, 1..5_000_u64, 1..2_000_u64), |conn, (capacity, refill, period), steps| {
        let bucket = Bucket::new(capacity, refill, period);
        let mut model = Tokens { refill_hundredths: refill, period, bucket };
        play(conn, "RL.BUCKET", &mut model, steps)
    });
}
