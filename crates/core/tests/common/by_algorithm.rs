//! What tests need of a rule whichever algorithm it has: its oracle, and the same rule with another limit.

use rl_core::limit::bucket::BucketRule;
use rl_core::limit::decision::Decision;
use rl_core::limit::rule::Rule;
use rl_core::limit::slide::SlideRule;
use rl_core::limit::window::WindowRule;

use super::bucket::BucketOracle;
use super::slide::SlideOracle;
use super::window::WindowOracle;

/// Returns the same rule with another limit or capacity. What was used ages as before.
pub(crate) fn with_limit(rule: &Rule, limit: u64) -> Rule {
    match *rule {
        Rule::Slide(rule) => Rule::Slide(SlideRule { limit, ..rule }),
        Rule::Window(rule) => Rule::Window(WindowRule { limit, ..rule }),
        Rule::Bucket(rule) => Rule::Bucket(BucketRule::new(limit, rule.refill(), rule.period()).unwrap()),
    }
}

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
