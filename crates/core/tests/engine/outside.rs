//! Tests what keys are told from outside, holds and what is used elsewhere, against a model that adds up everything.

use proptest::prelude::*;
use rl_core::engine::forecast::{self, Stands};
use rl_core::grammar::limit::Request;
use rl_core::limit::decision::{Decision, Retry};
use rl_core::limit::outside::Outside;
use rl_core::limit::rule::Rule;
use rl_core::limit::state::State;
use rl_core::queue::{Ahead, Claim};
use rl_core::value::Value;

use crate::common::{Step, at, begin, cases, span, steps};
use crate::limits::{Limit, Oracle, limit_of};
use crate::world::rules;

/// What a key is told: until when all of it is held, and for each limit until when it is held, how much of it is used
/// elsewhere, and until when.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) all: u64,
    pub(crate) limits: Vec<One>,
}

/// What one limit is told.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct One {
    pub(crate) held: u64,
    pub(crate) elsewhere: u64,
    pub(crate) until: u64,
    /// What the limit is elsewhere, and until when.
    pub(crate) limit: u64,
    pub(crate) limit_until: u64,
    /// When the request was sent whose response told what is used elsewhere; 0 if that is unknown.
    pub(crate) since: u64,
}

/// What is told of a limit: what is left, what the limit is, for how many ms it counts, and how old it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct News {
    pub(crate) left: i64,
    pub(crate) of: Option<u64>,
    pub(crate) ms: u64,
    pub(crate) age: Option<u64>,
}

/// The lower limit of somebody else is forgotten after so many ms.
const LIMIT_LASTS: u64 = 3_600_000;

impl Told {
    pub(crate) fn new(limits: usize) -> Self {
        Self { all: 0, limits: vec![One::default(); limits] }
    }

    /// Holds the key, or one of its limits, for `ms` from `now` on.
    pub(crate) fn hold(&mut self, limit: Option<usize>, ms: u64, now: u64) {
        match (limit, ms) {
            (None, 0) => {
                self.all = 0;
                self.limits.iter_mut().for_each(|limit| limit.held = 0);
            }
            (None, _) => self.all = self.all.max(now + ms),
            (Some(nth), 0) => self.limits[nth].held = 0,
            (Some(nth), _) => self.limits[nth].held = self.limits[nth].held.max(now + ms),
        }
    }

    /// Tells how much is left of a limit.
    pub(crate) fn sync(&mut self, nth: usize, limit: &Limit, news: News, now: u64) {
        let Limit::Rate(rule, oracle) = limit else { panic!("only rates are told that") };
        let here = i64::try_from(oracle.decide(rule, 0, now).remaining).unwrap();
        let (one, since) = (&mut self.limits[nth], news.age.map(|age| now - age));
        if since.is_some_and(|since| one.until > now && since < one.since) {
            return; // a later request was told something else
        }
        one.sync(rule, u64::try_from(here - news.left).unwrap_or(0), news.of, news.ms, now);
        one.since = since.filter(|_| one.until > now).unwrap_or(0);
    }

    /// Whether all limits admit their costs, apart from a hold of the whole key.
    pub(crate) fn fits(&self, limits: &[Limit], costs: &[u64], ttl: Option<u64>, now: u64) -> bool {
        let mut all = self.limits.iter().zip(limits).zip(costs);
        all.all(|((told, limit), cost)| match limit {
            Limit::Rate(rule, oracle) => told.fits(oracle, rule, *cost, now),
            Limit::Slots(..) => limit.fits(*cost, ttl, now) && (ttl.is_none() || now >= told.held),
        })
    }
}

/// What a bucket gains in `ms` if it gains `rate` in each period, and the same for one token; `None` for a window.
fn gained(rule: &Rule, rate: u64, ms: u64) -> Option<(u64, u64)> {
    let Rule::Bucket(rule) = rule else { return None };
    Some((ms * rate.max(1), rule.period().ms()))
}

/// How much a limit admits in each window or period.
fn rate_of(rule: &Rule) -> u64 {
    match rule {
        Rule::Bucket(rule) => {
            assert_eq!(rule.refill().scale, 0);
            rule.refill().mantissa
        }
        Rule::Slide(_) | Rule::Window(_) => limit_of(rule),
    }
}

impl One {
    /// Takes over what is used elsewhere for `ms` from `now` on, and perhaps what the limit is there.
    pub(crate) fn sync(&mut self, rule: &Rule, elsewhere: u64, of: Option<u64>, ms: u64, now: u64) {
        if let Some(limit) = of {
            let is_lower = limit < rate_of(rule);
            (self.limit, self.limit_until) = if is_lower { (limit, now + LIMIT_LASTS) } else { (0, 0) };
        }
        // What is used of a bucket comes back as fast as it refills there, and no faster.
        let rate = self.rate(rule, now);
        let is_back =
            |ms: &u64| gained(rule, rate, *ms).is_none_or(|(ticks, unit)| ticks >= elsewhere * unit);
        let ms = if ms > 0 && elsewhere > 0 { (ms..).find(is_back).unwrap() } else { 0 };
        (self.elsewhere, self.until) = if ms > 0 { (elsewhere, now + ms) } else { (0, 0) };
        // No longer than the rate there is known.
        if rate < rate_of(rule) && gained(rule, rate, 0).is_some() {
            self.until = self.until.min(self.limit_until);
        }
    }

    /// How much it admits in each window or period, as far as it knows.
    fn rate(&self, rule: &Rule, now: u64) -> u64 {
        if self.limit_until > now { rate_of(rule).min(self.limit) } else { rate_of(rule) }
    }

    pub(crate) fn used(&self, rule: &Rule, now: u64) -> u64 {
        let rate = self.rate(rule, now);
        let used = match gained(rule, rate, self.until.saturating_sub(now)) {
            Some((ticks, unit)) => self.elsewhere.min(ticks.div_ceil(unit)),
            None if self.until > now => self.elsewhere,
            None => 0,
        };
        let least = limit_of(rule) - (limit_of(rule) * rate).checked_div(rate_of(rule)).unwrap_or(0);
        used.max(least)
    }

    fn fits(&self, oracle: &Oracle, rule: &Rule, cost: u64, now: u64) -> bool {
        let alone = |cost| oracle.decide(rule, cost, now).retry == Retry::Now;
        cost == 0 || (now >= self.held && alone(cost) && alone(cost + self.used(rule, now)))
    }

    /// The whole decision, `retry` found millisecond by millisecond.
    pub(crate) fn decide(&self, oracle: &Oracle, rule: &Rule, cost: u64, last: u64, clock: u64) -> Decision {
        let now = clock.max(last);
        let allowed = self.fits(oracle, rule, cost, now);
        let alone = oracle.decide(rule, if allowed { cost } else { 0 }, clock);
        let free = oracle.decide(rule, 0, clock).remaining.saturating_sub(self.used(rule, now));
        let remaining = if self.held > now { 0 } else { free.saturating_sub(if allowed { cost } else { 0 }) };
        let fits = |then: &u64| self.fits(oracle, rule, cost, last.max(*then));
        let retry = if allowed {
            Retry::Now
        } else if cost > limit_of(rule) {
            Retry::Never
        } else {
            // A lower limit elsewhere lasts long: nothing but its end can be so late.
            let soon = clock + 1..clock + 10_000;
            let late = self.limit_until.max(clock + 1)..;
            Retry::After(soon.chain(late).find(fits).unwrap() - clock)
        };
        let ends = [self.held, self.until];
        let ends = ends.into_iter().filter(|end| *end > now).map(|end| end - clock).max().unwrap_or(0);
        let reset_after_ms = alone.reset_after_ms.max(ends);
        Decision { allowed, limit: limit_of(rule), remaining, retry, reset_after_ms, at: at(now) }
    }
}

/// A key of one limit, told something now and then.
struct Key {
    rule: Rule,
    state: Option<State>,
    oracle: Oracle,
    told: One,
    /// Whether it is told what the limit is elsewhere. That lasts so long that a search ms by ms takes too long.
    is_lowered: bool,
    /// When it was last changed.
    last: u64,
}

impl Key {
    fn new(rule: Rule, is_lowered: bool) -> Self {
        Self { rule, state: None, oracle: Oracle::new(&rule), told: One::default(), is_lowered, last: 0 }
    }

    /// Makes a request, and checks the whole decision.
    fn request(&mut self, cost: u64, clock: u64) {
        let expected = self.told.decide(&self.oracle, &self.rule, cost, self.last, clock);
        let decided = match &self.state {
            Some(state) => state.decide(&self.rule, cost, at(clock)).unwrap(),
            None => State::decide_new(&self.rule, cost, at(clock)),
        };
        assert_eq!(decided, expected);
        if decided.allowed && cost > 0 {
            // What is told only tightens: the limit alone would have admitted it.
            assert_eq!(self.oracle.decide(&self.rule, cost, clock).retry, Retry::Now);
            self.oracle.charge(&self.rule, cost, clock);
            let state = self.state.get_or_insert_with(|| State::new(&self.rule));
            state.charge(&self.rule, cost, decided.at).unwrap();
            self.last = decided.at.ms();
        }
        self.check_file();
    }

    fn tell(&mut self, dice: u64, clock: u64) {
        let now = clock.max(self.last);
        let Some(state) = &mut self.state else { return };
        let ms = dice >> 8 & 63;
        // What is over is forgotten, even if the clock steps back afterwards.
        if self.told.held <= now {
            self.told.held = 0;
        }
        if self.told.until <= now {
            (self.told.elsewhere, self.told.until) = (0, 0);
        }
        if self.told.limit_until <= now {
            (self.told.limit, self.told.limit_until) = (0, 0);
        }
        if dice & 1 == 0 {
            self.told.held = if ms == 0 { 0 } else { now + ms };
        } else {
            let of = (self.is_lowered && dice >> 24 & 3 == 0).then_some(dice >> 26 & 7);
            self.told.sync(&self.rule, dice >> 16 & 7, of, ms, now);
        }
        let One { held, elsewhere, until, limit, limit_until, .. } = self.told;
        let (held, until, limit_until) = (at(held), at(until), at(limit_until));
        let outside = Outside { held, elsewhere, until, limit, limit_until, ..Outside::NONE };
        state.tell(outside, at(now));
        self.check_file();
    }

    /// A file holds the same.
    fn check_file(&self) {
        let Some(state) = &self.state else { return };
        let bytes = Value::Limit(state.clone()).encode();
        let read = Value::decode(&bytes).expect("it was just written");
        assert!(read.limit().unwrap() == state && read.encode() == bytes);
    }

    fn play(&mut self, history: &[Step], dice: &[u64], begin: u64, backwards: bool) -> u64 {
        let mut clock = begin;
        for (step, dice) in history.iter().zip(dice) {
            clock = step.clock(clock, 40, backwards);
            if dice >> 60 < 6 {
                self.tell(*dice, clock);
            }
            self.request(step.cost(limit_of(&self.rule)), clock);
        }
        clock
    }
}

fn dice(most: usize) -> impl Strategy<Value = Vec<u64>> {
    prop::collection::vec(any::<u64>(), most)
}

proptest! {
    #![proptest_config(cases(10_000))]

    #[test]
    fn a_decision_is_that_of_a_model_that_adds_everything_up(
        rule in rules(), history in steps(16), dice in dice(16), begin in begin(),
    ) {
        Key::new(rule, true).play(&history, &dice, begin, true);
    }

    /// Waiters and a request behind them, on a key that was told something.
    #[test]
    fn a_request_behind_waiters_is_told_when_it_is_admitted(
        rule in rules(), history in steps(10), dice in dice(10), begin in begin(),
        line in prop::collection::vec((1_u64..7, prop_oneof![2 => Just(1_u64 << 30), 1 => 1_u64..80]), 1..8),
        own in 1_u64..7,
    ) {
        let mut key = Key::new(rule, false);
        let clock = key.play(&history, &dice, begin, false);
        let Some(state) = &key.state else { return Ok(()) };
        let request = |cost| Request { rule, cost, is_up_to: false, wait: None };
        let claims: Vec<Claim> = line.iter().map(|(cost, _)| Claim::Limit(request(*cost))).collect();
        let ahead = line.iter().zip(&claims);
        let ahead = ahead.map(|((_, ms), claim)| Ahead { claim, time_left: span(*ms), is_lower: false });
        let told = forecast::limit(Some(state), ahead, &request(own), &Stands::Leaves, at(clock));
        if own > limit_of(&rule) {
            prop_assert_eq!(told.retry, Retry::Never);
            return Ok(());
        }
        let mut oracle = key.oracle.clone();
        let mut line = line.iter().filter(|(cost, _)| *cost <= limit_of(&rule)).peekable();
        for now in clock.. {
            while let Some((cost, ms)) = line.peek() {
                if key.told.fits(&oracle, &rule, *cost, now) && now <= clock + ms {
                    oracle.charge(&rule, *cost, now);
                } else if now < clock + ms {
                    break;
                }
                line.next();
            }
            if line.peek().is_none() && key.told.fits(&oracle, &rule, own, now) {
                prop_assert_eq!(told.retry, Retry::After((now - clock).max(1)));
                break;
            }
        }
    }
}
