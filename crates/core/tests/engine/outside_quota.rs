//! Tests what a quota answers that is told something from outside, on a primary with a replica.

use std::sync::Arc;

use proptest::prelude::*;
use rl_core::effect::Effect;
use rl_core::effect::told::{Elsewhere, Told as Tell};
use rl_core::engine::forecast::{self, Stands};
use rl_core::engine::run::Reply;
use rl_core::engine::{Standing, Turn};
use rl_core::grammar::ask::{Ask, Limits};
use rl_core::grammar::outside::{Hold, Left, Lefts, Sync};
use rl_core::grammar::request::Request;
use rl_core::limit::decision::{Decision, Retry};
use rl_core::limit::rule::Rule;
use rl_core::memory::Now;
use rl_core::queue::{Ahead, Claim, Lane, QuotaClaim};
use rl_core::quota::effect::{Admission, QuotaEffect, Reserved};
use rl_core::quota::outsides::Names;
use rl_core::quota::policies::Policies;
use rl_core::quota::shape::{Draft, Measure, REQUESTS, Shape};

use crate::common::{at, cases, span};
use crate::limits::{Limit, Oracle, limit_of};
use crate::node::Node;
use crate::outside::{News, Told};
use crate::world::rules;

/// A quota of rate limits, told something now and then, on a primary with a replica.
struct Quotas {
    node: Node<()>,
    shape: Arc<Shape>,
    rules: Vec<Rule>,
    oracles: Vec<Oracle>,
    told: Told,
    last: u64,
}

const NAMES: [&[u8]; 3] = [b"a", b"b", b"c"];

impl Quotas {
    fn new(rules: Vec<Rule>) -> Self {
        let drafts = rules.iter().zip(NAMES).map(|(rule, name)| Draft {
            name,
            unit: name,
            measure: Measure::Rate(*rule),
            is_shadow: false,
        });
        let shape = Shape::new(None, &drafts.collect::<Vec<_>>()).unwrap();
        let oracles = rules.iter().map(Oracle::new).collect();
        let told = Told::new(rules.len());
        Self { node: Node::new(Policies::new()), shape, rules, oracles, told, last: 0 }
    }

    fn run(&mut self, request: &Request<'_>, clock: u64) -> Reply {
        let now = Now { wall: at(clock), steady: at(clock) };
        match self.node.run(&[b"q"], request, Standing::Newcomer(Lane::Normal), now).unwrap() {
            Turn::Answer { reply, .. } => reply,
            Turn::Wait { .. } => panic!("it does not wait"),
        }
    }

    fn request(&mut self, costs: &[u64], clock: u64) {
        let shape = Arc::clone(&self.shape);
        let limits = Limits::Known { shape, costs: costs.iter().copied().collect() };
        let ask = Ask { limits, reserve: None, wait: None, is_short: false };
        let Reply::Quota(reply) = self.run(&Request::Quota(ask), clock) else { panic!("a quota answers") };
        let expected = self.decided(costs, clock);
        assert_eq!(reply.keys[0].1.rows.to_vec(), expected);
        if expected.iter().all(|row| row.allowed) && costs.iter().any(|cost| *cost > 0) {
            for ((rule, oracle), cost) in self.rules.iter().zip(&mut self.oracles).zip(costs) {
                if *cost > 0 {
                    oracle.charge(rule, *cost, clock.max(self.last));
                }
            }
            self.last = self.last.max(clock);
        }
    }

    fn decided(&self, costs: &[u64], clock: u64) -> Vec<Decision> {
        let now = clock.max(self.last);
        let decide = |nth: usize, cost: u64| {
            self.told.limits[nth].decide(&self.oracles[nth], &self.rules[nth], cost, self.last, clock)
        };
        let mut rows: Vec<Decision> =
            costs.iter().enumerate().map(|(nth, cost)| decide(nth, *cost)).collect();
        let is_held = self.told.all > now;
        if is_held || rows.iter().any(|row| !row.allowed) {
            for (nth, row) in rows.iter_mut().enumerate().filter(|(_, row)| row.allowed) {
                *row = decide(nth, 0);
            }
        }
        if is_held {
            let wait = self.told.all - clock;
            let takes = costs.iter().any(|cost| *cost > 0);
            for row in &mut rows {
                (row.remaining, row.reset_after_ms) = (0, row.reset_after_ms.max(wait));
                if takes {
                    (row.allowed, row.retry) = (false, row.retry.max(Retry::After(wait)));
                }
            }
        }
        rows
    }

    fn tell(&mut self, dice: u64, clock: u64) {
        let nth = (dice >> 8) as usize % self.rules.len();
        let (ms, left) = (dice >> 16 & 63, (dice >> 24 & 15).cast_signed() - 7);
        let of = (dice >> 28 & 3 == 0).then_some(dice >> 30 & 7);
        let counts = self.node.memory.keys.get(b"q", at(clock)).is_some_and(|value| value.limit().is_err());
        if dice & 1 == 1 {
            let limits = if dice & 2 == 0 { Names::new() } else { [NAMES[nth]].into_iter().collect() };
            let all = limits.is_empty();
            let before = self.node.bytes(b"q", at(clock));
            let Reply::Held(lasts) = self.run(&Request::Hold(Hold { time: span(ms), limits }), clock) else {
                panic!("a hold answers how long it lasts")
            };
            let now = clock.max(self.last);
            self.told.hold((!all).then_some(nth), ms, now);
            let until = if all { self.told.all } else { self.told.limits[nth].held };
            assert_eq!(lasts, until.saturating_sub(clock));
            if counts && self.node.bytes(b"q", at(clock)) != before {
                self.last = now;
            }
        } else if counts {
            let age = (dice >> 33 & 1 == 1).then_some(dice >> 34 & 63);
            let told = Left { remaining: left, limit: of, reset: Some(span(ms)) };
            let left_of = Lefts::Named([(NAMES[nth], told)].into_iter().collect());
            let sync = Sync { left: left_of, age: age.map(span) };
            let before = self.node.bytes(b"q", at(clock));
            let Reply::Elsewhere(used) = self.run(&Request::Sync(sync), clock) else {
                panic!("a sync answers what is used elsewhere")
            };
            let now = clock.max(self.last);
            let limit = Limit::Rate(self.rules[nth], self.oracles[nth].clone());
            self.told.sync(nth, &limit, News { left, of, ms, age }, now);
            assert_eq!(used[0].1, self.told.limits[nth].used(&self.rules[nth], now));
            if self.node.bytes(b"q", at(clock)) != before {
                self.last = now;
            }
        }
    }
}

proptest! {
    #![proptest_config(cases(10_000))]

    #[test]
    fn a_quota_answers_what_the_model_says(
        rules in prop::collection::vec(rules(), 1..4),
        history in prop::collection::vec((0_u64..30, any::<u64>()), 1..24),
    ) {
        let mut quota = Quotas::new(rules.clone());
        let mut clock = 1_000;
        for (ms, dice) in history {
            clock += ms;
            if dice >> 60 < 6 {
                quota.tell(dice, clock);
            } else {
                let cost = |(nth, rule): (usize, &Rule)| (dice >> (9 * nth)) % (limit_of(rule) + 2);
                let costs: Vec<u64> = rules.iter().enumerate().map(cost).collect();
                quota.request(&costs, clock);
            }
        }
    }
}

/// Waiters, each with its costs and how long it will wait.
type Line = Vec<(Vec<u64>, u64)>;

/// When a request is admitted that comes behind a line, millisecond by millisecond.
fn then(told: &Told, limits: &mut [Limit], line: &Line, own: &[u64], ttl: u64, clock: u64) -> u64 {
    let fits =
        |limits: &[Limit], costs: &[u64], now| now >= told.all && told.fits(limits, costs, Some(ttl), now);
    let mut line = line.iter().peekable();
    for now in clock.. {
        while let Some((costs, ms)) = line.peek() {
            if fits(limits, costs, now) && now <= clock + ms {
                limits.iter_mut().zip(costs).for_each(|(limit, cost)| limit.take(0, *cost, Some(ttl), now));
            } else if now < clock + ms {
                break;
            }
            line.next();
        }
        if line.peek().is_none() && fits(limits, own, now) {
            return now;
        }
    }
    panic!("it is admitted one day")
}

proptest! {
    #![proptest_config(cases(5_000))]

    #[test]
    fn a_request_behind_waiters_of_a_quota_is_told_when_it_is_admitted(
        rules in prop::collection::vec(rules().prop_filter("it admits", |rule| limit_of(rule) > 0), 1..3),
        slots in 1_u64..3, ttl in 1_u64..40, tells in prop::collection::vec(any::<u64>(), 1..5),
        dice in prop::collection::vec((any::<u64>(), prop_oneof![2 => Just(1_u64 << 30), 1 => 1_u64..80]), 1..6),
    ) {
        let mut measures: Vec<Measure> = rules.iter().copied().map(Measure::Rate).collect();
        measures.push(Measure::InFlight(slots));
        let drafts = measures.iter().zip(NAMES).map(|(measure, name)| {
            let unit = if matches!(measure, Measure::InFlight(_)) { REQUESTS } else { name };
            Draft { name, unit, measure: *measure, is_shadow: false }
        });
        let shape = Shape::new(None, &drafts.collect::<Vec<_>>()).unwrap();
        let costs = |dice: u64| -> Vec<u64> {
            let of = |(nth, measure): (usize, &Measure)| match measure {
                Measure::Rate(rule) => (dice >> (8 * nth)) % (limit_of(rule) + 1),
                Measure::InFlight(_) => 0,
            };
            measures.iter().enumerate().map(of).collect()
        };
        let mut limits: Vec<Limit> = measures.iter().map(Limit::new).collect();
        let (clock, mut told, mut outsides) = (1_000, Told::new(measures.len()), Vec::new());
        for tell in tells {
            let (nth, ms) = ((tell >> 8) as usize % measures.len(), 1 + (tell >> 16 & 63));
            match (&measures[nth], tell & 3) {
                (_, 0) => told.hold(None, ms, clock),
                (Measure::Rate(_), 1 | 2) => {
                    let left = (tell >> 24 & 3).cast_signed() - 1;
                    told.sync(nth, &limits[nth], News { left, of: None, ms, age: None }, clock);
                }
_ => told.hold(Some(nth), ms, clock),
            }
        }
        for (nth, one) in told.limits.iter().enumerate() {
            let limits = [Elsewhere { limit: NAMES[nth], used: one.elsewhere, until: at(one.until), since: at(0), lowered: None }].into_iter().collect();
            outsides.push(Effect::Told(Tell::Sync { at: at(clock), limits }));
            let limits = [NAMES[nth]].into_iter().collect();
            outsides.push(Effect::Told(Tell::Hold { at: at(clock), until: at(one.held), limits }));
        }
        if told.all > 0 {
            outsides.push(Effect::Told(Tell::Hold { at: at(clock), until: at(told.all), limits: Names::new() }));
        }
        // One request was admitted before anything was told.
        let first = costs(dice[0].0);
        let reserved = Some(Reserved { id: b"first", expires: at(clock + ttl), answers: first.iter().map(|_| (0, 0)).collect(), is_lease: false });
        let admission = Admission { shape: Arc::clone(&shape), at: at(clock), costs: first.iter().copied().collect(), reserved };
        let (mut value, _) = Effect::Quota(QuotaEffect::Admit(admission)).create().unwrap();
        limits.iter_mut().zip(&first).for_each(|(limit, cost)| if *cost > 0 || matches!(limit, Limit::Slots(..)) {
            limit.take(0, *cost, Some(ttl), clock);
        });
        for effect in &outsides {
            effect.apply(&mut value).unwrap();
        }

        let line: Line = dice[1..].iter().map(|(dice, ms)| (costs(*dice), *ms)).collect();
        let own = costs(dice[0].0.rotate_left(13));
        let claim = |costs: &[u64]| QuotaClaim {
            shape: Arc::clone(&shape), costs: costs.iter().copied().collect(), ttl: Some(span(ttl)), is_lease: false,
        };
        let claims: Vec<Claim> = line.iter().map(|(costs, _)| Claim::Quota(claim(costs))).collect();
        let ahead = line.iter().zip(&claims);
        let ahead = ahead.map(|((_, ms), claim)| Ahead { claim, time_left: span(*ms), is_lower: false });
        let answer = forecast::quota(Some(value.quota().unwrap()), ahead, &claim(&own), Stands::Leaves, at(clock));
        let then = then(&told, &mut limits, &line, &own, ttl, clock);
        prop_assert_eq!(answer.retry(), Retry::After((then - clock).max(1)));
    }
}
