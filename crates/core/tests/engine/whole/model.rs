//! What every request should be answered, from oracles that forget nothing, and a plain list of waiters.

use std::collections::BTreeMap;
use std::sync::Arc;

use rl_core::fault::{Fault, Result};
use rl_core::limit::decision::Decision;
use rl_core::limit::rule::Rule;
use rl_core::quota::costs::Costs;
use rl_core::quota::shape::Shape;

use super::ask::{Ask, Limits, What};
use super::setup::POLICIES;
use crate::limits;
use crate::oracle::{self, nothing};

/// What a key holds.
#[derive(Clone)]
pub(crate) enum Stored {
    Limit { rule: Rule, oracle: limits::Oracle },
    Quota { oracle: oracle::Oracle, last: u64, shape: Arc<Shape> },
}

/// What one key answers.
pub(crate) struct Answer {
    /// The limits that it is asked for, if it is a quota.
    pub(crate) shape: Option<Arc<Shape>>,
    /// What each limit says; of a denied request those that do not block tell how they stand.
    pub(crate) rows: Vec<Decision>,
    /// How each limit stands without the request.
    pub(crate) standing: Vec<Decision>,
    /// Whether all limits admit the request.
    pub(crate) allowed: bool,
    /// Whether the request takes something of each limit.
    pub(crate) takes: Vec<bool>,
}

impl Answer {
    pub(crate) fn takes_something(&self) -> bool {
        self.takes.iter().any(|takes| *takes)
    }
}

/// What all keys of a request answer.
pub(crate) enum Answers {
    /// The reservation is open already. For each key the names of its limits, and what they answered.
    Repeated(Vec<Vec<(Vec<u8>, Decision)>>),
    New(Vec<Answer>),
}

impl Answers {
    pub(crate) fn allowed(&self) -> bool {
        match self {
            Self::Repeated(_) => true,
            Self::New(answers) => answers.iter().all(|answer| answer.allowed),
        }
    }

    /// The keys of which it takes something, by their numbers.
    pub(crate) fn lines(&self, ask: &Ask) -> Vec<usize> {
        match self {
            Self::Repeated(_) => Vec::new(),
            Self::New(answers) => {
                let takes = answers.iter().zip(&ask.keys).filter(|(answer, _)| answer.takes_something());
                takes.map(|(_, key)| *key).collect()
            }
        }
    }
}

/// All keys, and the policies.
#[derive(Clone, Default)]
pub(crate) struct Model {
    pub(crate) keys: BTreeMap<usize, Stored>,
    pub(crate) policies: Vec<Option<Arc<Shape>>>,
    /// The limits that a key has of its own under a policy: policy, key, limits.
    pub(crate) overrides: Vec<(usize, usize, Arc<Shape>)>,
}

impl Model {
    fn quota(&self, key: usize) -> Result<Option<(&oracle::Oracle, u64)>> {
        match self.keys.get(&key) {
            Some(Stored::Quota { oracle, last, .. }) => Ok(Some((oracle, *last))),
            Some(Stored::Limit { rule, .. }) => Err(rule.kind().held()),
            None => Ok(None),
        }
    }

    /// Sets a policy. Without limits it is removed, and so are the limits that keys have of their own under it.
    pub(super) fn set_policy(&mut self, policy: usize, shape: Option<Arc<Shape>>) {
        if shape.is_none() {
            self.overrides.retain(|(of, ..)| *of != policy);
        }
        self.policies[policy] = shape;
    }

    /// Sets the limits that a key has of its own under a policy, or takes them away. Returns whether it had any.
    pub(super) fn set_override(
        &mut self,
        policy: usize,
        key: usize,
        shape: Option<Arc<Shape>>,
    ) -> Result<bool> {
        if self.policies[policy].is_none() {
            return Err(Fault::NoPolicy);
        }
        let before = self.overrides.len();
        self.overrides.retain(|(of, at, _)| (*of, *at) != (policy, key));
        let had = self.overrides.len() < before;
        self.overrides.extend(shape.map(|shape| (policy, key, shape)));
        Ok(had)
    }

    /// The limits that a policy sets for a key.
    fn policy(&self, policy: usize, key: usize) -> Option<Arc<Shape>> {
        let own = self.overrides.iter().find(|(of, at, _)| (*of, *at) == (policy, key));
        own.map_or_else(|| self.policies[policy].clone(), |(.., shape)| Some(Arc::clone(shape)))
    }

    /// The limits that a request asks one of its keys for.
    pub(super) fn shape(&self, key: usize, limits: &Limits) -> Result<Arc<Shape>> {
        match limits {
            Limits::Known(shape) => Ok(Arc::clone(shape)),
            Limits::Policy(policy) => self.policy(*policy, key).ok_or(Fault::NoPolicy),
        }
    }

    /// The limits that the quota of a key is held to now.
    pub(crate) fn in_force(&self, key: usize, shape: &Arc<Shape>) -> Arc<Shape> {
        let name = shape.policy().map(|name| name.as_bytes());
        let policy = POLICIES.iter().position(|policy| Some(*policy) == name);
        policy.and_then(|policy| self.policy(policy, key)).unwrap_or_else(|| Arc::clone(shape))
    }

    /// What a request is answered if no waiter is ahead.
    pub(crate) fn ask(&self, ask: &Ask, clock: u64) -> Result<Answers> {
        match &ask.what {
            What::Limit { rule, cost } => {
                let decide = |cost| match self.keys.get(&ask.keys[0]) {
                    Some(Stored::Limit { oracle, .. }) => Ok(oracle.decide(rule, cost, clock)),
                    Some(Stored::Quota { .. }) => Err(Fault::HoldsQuota),
                    None => Ok(limits::Oracle::new(rule).decide(rule, cost, clock)),
                };
                let (row, standing) = (decide(*cost)?, decide(0)?);
                let (allowed, takes) = (row.allowed, vec![*cost > 0]);
                Ok(Answers::New(vec![Answer {
                    shape: None,
                    rows: vec![row],
                    standing: vec![standing],
                    allowed,
                    takes,
                }]))
            }
            What::Quota { limits, .. } => self.ask_quotas(ask, limits, clock),
        }
    }

    fn ask_quotas(&self, ask: &Ask, limits: &[Limits], clock: u64) -> Result<Answers> {
        let open = |key: usize| {
            let (oracle, last) = self.quota(key).ok()??;
            ask.id().filter(|id| oracle.is_open(id, clock.max(last)))
        };
        let mut shapes = Vec::new();
        for (key, limits) in ask.keys.iter().zip(limits) {
            if open(*key).is_none() {
                shapes.push(self.shape(*key, limits)?); // a repeated request is not asked for its limits
            }
        }
        if shapes.len() < ask.keys.len() {
            for key in &ask.keys {
                self.quota(*key)?;
            }
            return if shapes.is_empty() { Ok(self.repeated(ask, clock)) } else { Err(Fault::IdElsewhere) };
        }
        let costs = ask.costs();
        let mut answers = Vec::new();
        for (key, shape) in ask.keys.iter().zip(shapes) {
            let empty = oracle::Oracle::default();
            let (oracle, last) = self.quota(*key)?.unwrap_or((&empty, 0));
            if ask.ttl().is_none() && shape.counts_reservations() {
                return Err(Fault::NeedsReserve);
            }
            let now = clock.max(last);
            let rows = oracle.answer(&shape, &costs, ask.ttl(), clock, now);
            let allowed = rows.iter().all(|row| row.allowed);
            let standing = oracle.decide(&shape, &nothing(), None, clock, now);
            let takes = takes(&shape, &costs, ask.ttl());
            answers.push(Answer { shape: Some(shape), rows, standing, allowed, takes });
        }
        Ok(Answers::New(answers))
    }

    fn repeated(&self, ask: &Ask, clock: u64) -> Answers {
        let of = |key: &usize| {
            let Ok(Some((oracle, last))) = self.quota(*key) else { panic!("it is open there") };
            let rows = oracle.repeated(ask.id().unwrap(), clock, clock.max(last));
            rows.into_iter().map(|(name, row)| (name.to_vec(), row)).collect()
        };
        Answers::Repeated(ask.keys.iter().map(of).collect())
    }

    /// Charges what was admitted, under this id if it reserves.
    pub(crate) fn charge(&mut self, ask: &Ask, answers: &Answers, id: Option<&[u8]>, clock: u64) {
        let Answers::New(answers) = answers else { return };
        assert!(answers.iter().all(|answer| answer.allowed));
        for (key, answer) in ask.keys.iter().zip(answers) {
            match &ask.what {
                What::Limit { cost: 0, .. } => {}
                What::Limit { rule, cost } => {
                    let new = || Stored::Limit { rule: *rule, oracle: limits::Oracle::new(rule) };
                    let Stored::Limit { rule: in_force, oracle } = self.keys.entry(*key).or_insert_with(new)
                    else {
                        panic!("a quota is not charged by one limit")
                    };
                    oracle.charge(rule, *cost, clock);
                    *in_force = *rule;
                }
                What::Quota { .. } => self.charge_quota(*key, ask, answer, id, clock),
            }
        }
    }

    fn charge_quota(&mut self, key: usize, ask: &Ask, answer: &Answer, id: Option<&[u8]>, clock: u64) {
        let (shape, costs) = (answer.shape.as_ref().unwrap(), ask.costs());
        if ask.ttl().is_none() && costs.by_limit(shape).iter().all(|cost| *cost == 0) {
            return;
        }
        let new = || Stored::Quota { oracle: oracle::Oracle::default(), last: 0, shape: Arc::clone(shape) };
        let Stored::Quota { oracle, last, shape: in_force } = self.keys.entry(key).or_insert_with(new) else {
            panic!("one limit is not charged as a quota")
        };
        *last = clock.max(*last);
        *in_force = Arc::clone(shape);
        oracle.admit(shape, &costs, id.zip(ask.ttl()), &answer.rows, *last);
    }

    /// Gives back. Returns what remains.
    pub(crate) fn refund(&mut self, key: usize, cost: u64, clock: u64) -> Result<u64> {
        match self.keys.get_mut(&key) {
            None => Ok(0),
            Some(Stored::Quota { .. }) => Err(Fault::HoldsQuota),
            Some(Stored::Limit { rule, oracle }) => {
                if cost > 0 {
                    oracle.refund(rule, cost, clock);
                }
                Ok(oracle.decide(rule, 0, clock).remaining)
            }
        }
    }

    /// Does something with a reservation if it is open. Returns whether it is.
    pub(crate) fn with_open(
        &mut self,
        key: usize,
        id: &[u8],
        clock: u64,
        change: impl FnOnce(&mut oracle::Oracle, u64),
    ) -> Result<bool> {
        match self.keys.get_mut(&key) {
            None => Ok(false),
            Some(Stored::Limit { rule, .. }) => Err(rule.kind().held()),
            Some(Stored::Quota { oracle, last, .. }) => {
                let now = clock.max(*last);
                let is_open = oracle.is_open(id, now);
                if is_open {
                    *last = now;
                    change(oracle, now);
                }
                Ok(is_open)
            }
        }
    }
}

/// Whether a request takes something of each limit. If it only reserves, it counts as one that does.
pub(super) fn takes(shape: &Shape, costs: &Costs<'_>, ttl: Option<u64>) -> Vec<bool> {
    let limits = shape.limits().iter().zip(costs.by_limit(shape));
    let takes = |(limit, cost): (&rl_core::quota::shape::Limit, u64)| match limit.measure {
        rl_core::quota::shape::Measure::Rate(_) => cost > 0,
        rl_core::quota::shape::Measure::InFlight(_) => ttl.is_some(),
    };
    let takes: Vec<bool> = limits.map(takes).collect();
    let is_only_reserved = ttl.is_some() && !takes.contains(&true);
    takes.into_iter().map(|takes| takes || is_only_reserved).collect()
}
