//! An oracle of one limit that forgets nothing and adds it all up each time.
//!
//! It adds reservation slots to the oracle of a rule.

use rl_core::limit::decision::Retry;
use rl_core::limit::rule::Rule;
use rl_core::quota::shape::Measure;

pub(crate) use crate::common::by_algorithm::Oracle;

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

    pub(crate) fn take(&mut self, caller: usize, cost: u64, ttl: Option<u64>, now: u64) {
        match self {
            Self::Rate(rule, oracle) if cost > 0 => oracle.charge(rule, cost, now),
            Self::Rate(..) => {}
            Self::Slots(_, held) => held.extend(ttl.map(|ttl| (caller, now + ttl))),
        }
    }
}

pub(crate) fn limit_of(rule: &Rule) -> u64 {
    crate::common::rule_limit(rule)
}
