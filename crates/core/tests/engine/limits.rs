//! An oracle of one limit that forgets nothing and adds it all up each time.
//!
//! It combines the oracles of the other tests, and adds reservation slots.

use rl_core::limit::decision::{Decision, Retry};
use rl_core::limit::rule::Rule;
use rl_core::quota::shape::Measure;

use crate::common::bucket::BucketOracle;
use crate::common::slide::SlideOracle;
use crate::common::window::WindowOracle;

/// The oracle of a rate limit.
#[derive(Clone, Debug)]
pub(crate) enum Oracle {
    Slide(SlideOracle),
    Window(WindowOracle),
    Bucket(BucketOracle),
}

impl Oracle {
    pub(crate) fn new(rule: &Rule) -> Self {
        match rule {
            Rule::Slide(_) => Self::Slide(SlideOracle::default()),
            Rule::Window(_) => Self::Window(WindowOracle::default()),
            Rule::Bucket(_) => Self::Bucket(BucketOracle::default()),
        }
    }

    pub(crate) fn decide(&self, rule: &Rule, cost: u64, clock: u64) -> Decision {
        match (self, rule) {
            (Self::Slide(oracle), Rule::Slide(rule)) => oracle.decide(rule, cost, clock),
            (Self::Window(oracle), Rule::Window(rule)) => oracle.decide(rule, cost, clock),
            (Self::Bucket(oracle), Rule::Bucket(rule)) => oracle.decide(rule, cost, clock),
            _ => panic!("another algorithm"),
        }
    }

    /// Charges what was decided at `clock`.
    pub(crate) fn charge(&mut self, rule: &Rule, cost: u64, clock: u64) {
        match (self, rule) {
            (Self::Slide(oracle), Rule::Slide(rule)) => oracle.charge(rule, cost, oracle.now(clock)),
            (Self::Window(oracle), _) => oracle.charge(cost, oracle.now(clock)),
            (Self::Bucket(oracle), _) => oracle.charge(cost, oracle.now(clock)),
            _ => panic!("another algorithm"),
        }
    }

    pub(crate) fn refund(&mut self, rule: &Rule, cost: u64, clock: u64) {
        match (self, rule) {
            (Self::Slide(oracle), _) => oracle.refund(cost, clock),
            (Self::Window(oracle), Rule::Window(rule)) => oracle.refund(rule, cost, clock),
            (Self::Bucket(oracle), Rule::Bucket(rule)) => oracle.refund(rule, cost, clock),
            _ => panic!("another algorithm"),
        }
    }
}

/// The oracle of one limit of a quota.
#[derive(Clone, Debug)]
pub(crate) enum Limit {
    Rate(Rule, Oracle),
    /// The limit, and each holder of a slot with the end of its reservation.
    Slots(u64, Vec<(usize, u64)>),
}

impl Limit {
    pub(crate) fn new(measure: &Measure) -> Self {
        match measure {
            Measure::Rate(rule) => Self::Rate(*rule, Oracle::new(rule)),
            Measure::InFlight(most) => Self::Slots(*most, Vec::new()),
        }
    }

    pub(crate) fn fits(&self, cost: u64, ttl: Option<u64>, now: u64) -> bool {
        match self {
            Self::Rate(rule, oracle) => oracle.decide(rule, cost, now).retry == Retry::Now,
            Self::Slots(most, held) => {
                let open = held.iter().filter(|(_, end)| *end > now).count() as u64;
                ttl.is_none() || open < *most
            }
        }
    }

    pub(crate) fn take(&mut self, who: usize, cost: u64, ttl: Option<u64>, now: u64) {
        match self {
            Self::Rate(rule, oracle) if cost > 0 => oracle.charge(rule, cost, now),
            Self::Rate(..) => {}
            Self::Slots(_, held) => held.extend(ttl.map(|ttl| (who, now + ttl))),
        }
    }
}

pub(crate) fn limit_of(rule: &Rule) -> u64 {
    crate::common::rule_limit(rule)
}
