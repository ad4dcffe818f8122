//! A request of a history, and the same as the engine takes it.

use std::sync::Arc;

use rl_core::grammar::ask::{Ask as QuotaAsk, Limits as QuotaLimits};
use rl_core::grammar::limit;
use rl_core::grammar::quota::ManyRequest;
use rl_core::grammar::request::Request;
use rl_core::grammar::terms::{Reserve, ReserveKind, Terms};
use rl_core::limit::rule::Rule;
use rl_core::queue::{Lane, Wait};
use rl_core::quota::costs::Costs;
use rl_core::quota::shape::Shape;

use super::dice::Dice;
use super::setup::{KEYS, LIMIT_KEYS, POLICIES, Setup, UNITS};
use crate::common::span;

pub(crate) const IDS: [&[u8]; 4] = [b"r", b"s", b"\0\xff", b"a longer one"];

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) keys: Vec<usize>,
    pub(crate) what: What,
    pub(crate) lane: usize,
    pub(crate) wait: Option<u64>,
}

/// What it asks for.
#[derive(Clone, Debug)]
pub(crate) enum What {
    Limit { rule: Rule, cost: u64 },
    Quota { limits: Vec<Limits>, costs: Vec<(&'static [u8], u64)>, reserve: Option<(Option<Vec<u8>>, u64)> },
}

/// By which limits it asks a key.
#[derive(Clone, Debug)]
pub(crate) enum Limits {
    Known(Arc<Shape>),
    Policy(usize),
}

impl Ask {
    pub(crate) fn roll(setup: &Setup, dice: &mut Dice<'_>) -> Self {
        let wait = [None, Some(1 + dice.roll(60)), Some(1_000_000)][dice.roll(3) as usize];
        let lane = [2, 2, 2, 2, 0, 1, 3, 3][dice.roll(8) as usize];
        let kind = dice.roll(8);
        if kind < 2 {
            let key = kind as usize;
            let what = What::Limit { rule: *dice.pick(&setup.rules[key]), cost: cost(dice) };
            return Self { keys: vec![key], what, lane, wait };
        }
        let costs = UNITS
            .into_iter()
            .filter_map(|unit| Some((unit, if dice.one_in(3) { None } else { Some(cost(dice)) }?)));
        let costs = costs.collect();
        let id = *dice.pick(&IDS);
        let ttl = 1 + dice.roll(50);
        let reserve = match dice.roll(4) {
            0 => None,
            1 if wait.is_none() => Some((None, ttl)),
            _ => Some((Some(id.to_vec()), ttl)),
        };
        let first = LIMIT_KEYS + dice.roll(3) as usize;
        let (keys, limits) = match kind {
            2 | 3 => (vec![first], vec![Limits::Known(Arc::clone(dice.pick(dice_shapes(setup, first))))]),
            4 | 5 => (vec![first], vec![Limits::Policy(dice.roll(3) as usize)]),
            _ => {
                let others = (LIMIT_KEYS..KEYS.len()).filter(|key| *key != first && !dice.one_in(3));
                let keys: Vec<usize> = [first].into_iter().chain(others).collect();
                let limits = keys.iter().map(|_| Limits::Policy(dice.roll(3) as usize)).collect();
                (keys, limits)
            }
        };
        Self { keys, what: What::Quota { limits, costs, reserve }, lane, wait }
    }

    pub(crate) fn lane(&self) -> Lane {
        Lane::ALL[self.lane]
    }

    /// For how long it reserves, if it does.
    pub(crate) const fn ttl(&self) -> Option<u64> {
        match &self.what {
            What::Quota { reserve: Some((_, ttl)), .. } => Some(*ttl),
            What::Quota { reserve: None, .. } | What::Limit { .. } => None,
        }
    }

    /// The id that it gives its reservation, if it does.
    pub(crate) fn id(&self) -> Option<&[u8]> {
        match &self.what {
            What::Quota { reserve: Some((id, _)), .. } => id.as_deref(),
            What::Quota { reserve: None, .. } | What::Limit { .. } => None,
        }
    }

    /// Whether it asks for the limits of a policy.
    pub(crate) fn names_policy(&self) -> bool {
        matches!(&self.what, What::Quota { limits, .. } if matches!(limits[..], [Limits::Policy(_), ..]))
    }

    /// Gives its reservation another id.
    pub(crate) fn set_id(&mut self, new: Vec<u8>) {
        if let What::Quota { reserve: Some((Some(id), _)), .. } = &mut self.what {
            *id = new;
        }
    }

    /// What it costs, by unit.
    pub(crate) fn costs<'c>(&self) -> Costs<'c> {
        let mut all = Costs::default();
        if let What::Quota { costs, .. } = &self.what {
            costs.iter().for_each(|(unit, cost)| all.add(unit, *cost).unwrap());
        }
        all
    }

    /// Lends it as the engine takes it, with its keys.
    pub(crate) fn with<T>(&self, run: impl FnOnce(&[&[u8]], &Request<'_>) -> T) -> T {
        let names: Vec<&[u8]> = self.keys.iter().map(|key| KEYS[*key]).collect();
        let wait = self.wait.map(|ms| Wait { time: span(ms), lane: self.lane(), flow: None });
        let reserve =
            self.ttl().map(|ttl| Reserve { ttl: span(ttl), id: self.id(), kind: ReserveKind::Reservation });
        let request = match &self.what {
            What::Limit { rule, cost } => {
                Request::Limit(limit::Request { rule: *rule, cost: *cost, is_up_to: false, wait })
            }
            What::Quota { limits, .. } => match &limits[..] {
                [Limits::Known(shape)] => {
                    let (shape, costs) = (Arc::clone(shape), self.costs().by_limit(shape));
                    Request::Quota(QuotaAsk {
                        limits: QuotaLimits::Known { shape, costs },
                        reserve,
                        wait,
                        is_short: false,
                    })
                }
                [Limits::Policy(policy)] => {
                    let limits = QuotaLimits::Policy { name: POLICIES[*policy], costs: self.costs() };
                    Request::Quota(QuotaAsk { limits, reserve, wait, is_short: false })
                }
                many => {
                    let name = |limits: &Limits| match limits {
                        Limits::Policy(policy) => POLICIES[*policy],
                        Limits::Known(_) => panic!("several keys have policies"),
                    };
                    let policies = many.iter().map(name).collect();
                    let terms =
                        Terms { costs: self.costs(), reserve, wait, is_short: false, is_up_to: false };
                    Request::ManyQuotas(ManyRequest { keys: 0..names.len(), policies, terms })
                }
            },
        };
        run(&names, &request)
    }
}

/// The limits that a key is asked for if they are spelled out: mostly those of one family.
fn dice_shapes(setup: &Setup, key: usize) -> &[Arc<Shape>] {
    &setup.shapes[key % setup.shapes.len()]
}

pub(crate) fn cost(dice: &mut Dice<'_>) -> u64 {
    [0, 1, 1, 1, 1, 1, 2, 2, 2, 3, 4, 6][dice.roll(12) as usize]
}
