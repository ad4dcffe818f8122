//! Strategies for what happens to a server: keys with limits, incoming requests and disturbing events.

use proptest::prelude::*;
use rl_core::limit::bucket::BucketRule;
use rl_core::limit::rule::Rule;
use rl_core::limit::slide::SlideRule;
use rl_core::limit::window::{Length, WindowRule};
use rl_core::number::Decimal;
use rl_core::quota::shape::Measure;

use crate::common::span;
use crate::limits::limit_of;

/// A key: a single limit, or a quota with several limits.
#[derive(Clone, Debug)]
pub(crate) struct Spec {
    pub(crate) measures: Vec<Measure>,
    pub(crate) is_quota: bool,
}

impl Spec {
    fn has_slots(&self) -> bool {
        self.measures.iter().any(|measure| matches!(measure, Measure::InFlight(_)))
    }
}

/// A request: its cost for each limit of its keys.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) keys: Vec<(usize, Vec<u64>)>,
    pub(crate) ttl: Option<u64>,
    pub(crate) lane: usize,
    pub(crate) wait: Option<u64>,
}

impl Ask {
    /// The keys that it takes something from.
    pub(crate) fn takes(&self) -> impl Iterator<Item = usize> {
        let takes = |costs: &[u64]| self.ttl.is_some() || costs.iter().any(|cost| *cost > 0);
        self.keys.iter().filter(move |(_, costs)| takes(costs)).map(|(key, _)| *key)
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Event {
    Pass(u64),
    Arrive(Ask),
    /// Deletes a key.
    Delete(usize),
    /// Refunds this much to a key with a single limit.
    Refund(usize, u64),
    /// Holds a key, or one of its limits, for so many ms.
    Hold(usize, Option<usize>, u64),
    /// Tells a key that so much is left of one of its limits, for so many ms.
    Sync(usize, usize, i64, u64),
    /// Settles the reservation of that request.
    Settle(usize),
    /// Removes a waiter that gives up.
    Leave(usize),
    Aging(Option<u64>),
    /// Lets the server serve its waiters.
    Serve,
}

#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) specs: Vec<Spec>,
    pub(crate) events: Vec<Event>,
}

pub(crate) fn slide(limit: u64, window: u64) -> Rule {
    Rule::Slide(SlideRule { limit, window: span(window) })
}

pub(crate) fn window(limit: u64, length: u64, offset: i64) -> Rule {
    Rule::Window(WindowRule { limit, length: Length::Span(span(length)), offset })
}

pub(crate) fn bucket(capacity: u64, refill: u64, period: u64) -> Rule {
    let refill = Decimal { mantissa: refill, scale: 0 };
    Rule::Bucket(BucketRule::new(capacity, refill, span(period)).unwrap())
}

/// Rules that a few requests fill, and that age out within some tens of milliseconds.
pub(crate) fn rules() -> impl Strategy<Value = Rule> {
    let limits = || prop_oneof![12 => 1_u64..7, 1 => Just(0)];
    prop_oneof![
        (limits(), 1_u64..40).prop_map(|(limit, ms)| slide(limit, ms)),
        (limits(), 1_u64..40, -9_i64..9).prop_map(|(limit, ms, offset)| window(limit, ms, offset)),
        (limits(), 1_u64..5, 1_u64..30).prop_map(|(limit, refill, ms)| bucket(limit, refill, ms)),
    ]
}

pub(crate) fn measures() -> impl Strategy<Value = Measure> {
    prop_oneof![5 => rules().prop_map(Measure::Rate), 1 => (0_u64..4).prop_map(Measure::InFlight)]
}

fn specs() -> impl Strategy<Value = Vec<Spec>> {
    let single = rules().prop_map(|rule| Spec { measures: vec![Measure::Rate(rule)], is_quota: false });
    let quota = prop::collection::vec(measures(), 1..4);
    let quota = quota.prop_map(|measures| Spec { measures, is_quota: true });
    prop::collection::vec(prop_oneof![1 => single, 2 => quota], 1..5)
}

/// Returns a cost that the limit may admit, sometimes zero, and rarely one that it can never admit.
pub(crate) fn cost(measure: &Measure, dice: u64) -> u64 {
    let Measure::Rate(rule) = measure else { return 0 };
    let limit = limit_of(rule);
    match dice % 32 {
        0 => limit + 1,
        1..=5 => 0,
        6..=10 => limit,
        _ => 1 + dice / 32 % limit.max(1),
    }
}

fn ask(specs: &[Spec], dice: u64) -> Ask {
    let of = |key: usize| {
        let costs = specs[key].measures.iter().zip(0_u32..);
        costs.map(|(measure, nth)| cost(measure, dice.rotate_right(20 + 7 * nth + 11 * key as u32))).collect()
    };
    let first = dice as usize % specs.len();
    let others = |key: &usize| specs[*key].is_quota && dice >> (8 + key) & 1 == 1;
    let chosen: Vec<usize> =
        if specs[first].is_quota { (0..specs.len()).filter(others).take(3).collect() } else { vec![] };
    let chosen = if chosen.is_empty() { vec![first] } else { chosen };
    let reserves = chosen.iter().any(|key| specs[*key].has_slots())
        || (specs[chosen[0]].is_quota && dice >> 40 & 3 == 0);
    let wait =
        [None, Some(1 + (dice >> 44) % 60), Some(1_000_000), Some(1_000_000)][(dice >> 42 & 3) as usize];
    Ask {
        keys: chosen.into_iter().map(|key| (key, of(key))).collect(),
        ttl: reserves.then_some(1 + (dice >> 50) % 30),
        lane: (dice >> 56 & 3) as usize,
        wait,
    }
}

fn event(specs: &[Spec], kind: u8, dice: u64) -> Event {
    match kind % 32 {
        0 => Event::Delete(dice as usize % specs.len()),
        1 => match dice as usize % specs.len() {
            key if specs[key].is_quota => Event::Settle(dice as usize / 8),
            key => Event::Refund(key, 1 + dice / 64 % 5),
        },
        2 | 3 => Event::Settle(dice as usize),
        4 if dice & 3 != 0 => told(specs, dice >> 2),
        4 => Event::Leave(dice as usize),
        5 => Event::Aging([None, Some(1), Some(5), Some(20), Some(100)][dice as usize % 5]),
        6..=9 => Event::Pass(dice % 60),
        10..=14 => Event::Pass(dice % 4),
        15..=17 => Event::Serve,
        _ => Event::Arrive(ask(specs, dice)),
    }
}

fn told(specs: &[Spec], dice: u64) -> Event {
    let key = dice as usize % specs.len();
    let limit = (dice >> 8) as usize % specs[key].measures.len();
    if dice >> 16 & 1 == 1 && matches!(specs[key].measures[limit], Measure::Rate(_)) {
        return Event::Sync(key, limit, ((dice >> 20) % 8).cast_signed() - 2, (dice >> 30) % 50);
    }
    let ms = if dice >> 18 & 3 == 0 { 0 } else { (dice >> 30) % 50 };
    Event::Hold(key, Some(limit).filter(|_| specs[key].is_quota && dice >> 17 & 1 == 1), ms)
}

pub(crate) fn worlds(most: usize) -> impl Strategy<Value = World> {
    let raw = prop::collection::vec((any::<u8>(), any::<u64>()), 1..=most);
    (specs(), raw).prop_map(|(specs, raw)| {
        let events = raw.into_iter().map(|(kind, dice)| event(&specs, kind, dice)).collect();
        World { specs, events }
    })
}

/// The outcome of a request, and its instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry {
    pub(crate) at: u64,
    pub(crate) caller: usize,
    pub(crate) became: Became,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Became {
    /// Admitted on arrival.
    AdmittedAtOnce,
    /// Admitted when its turn came.
    Admitted,
    Denied,
    Waits,
    TimedOut,
    Left,
}
