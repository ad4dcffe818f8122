//! Tests the forecast for a request behind waiters, against a quota.
//!
//! The waiters are admitted one after another on the quota, millisecond by millisecond, each with its
//! reservation, or time out. Then the request must be admitted.

use std::sync::Arc;

use proptest::prelude::*;
use rl_core::engine::forecast::{self, Stands};
use rl_core::engine::run::run;
use rl_core::engine::{Standing, Turn};
use rl_core::grammar::ask::{Ask, Limits};
use rl_core::grammar::request::Request;
use rl_core::grammar::terms::{Reserve, ReserveKind};
use rl_core::limit::decision::{Decision, Retry};
use rl_core::memory::{Memory, Now, Room};
use rl_core::number::COUNT_MAX;
use rl_core::queue::{Ahead, Claim, QuotaClaim};
use rl_core::quota::Quota;
use rl_core::quota::decide::{Demand, QuotaDecision, decide};
use rl_core::quota::shape::{Draft, Measure, Shape};
use rl_core::time::{At, Span};
use rl_core::value::Value;

use crate::common::by_algorithm::with_limit;
use crate::common::{TODAY, at, cases, span};
use crate::world::{cost, measures, rules, slide};

/// The longest time that a waiter may wait.
const FOR_LONG: u64 = Span::MAX.ms();

/// A waiter: its claim, and how long it will still wait, in ms.
type Waiter = (QuotaClaim, u64);

const KEY: &[u8] = b"k";

fn shape(measures: &[Measure]) -> Arc<Shape> {
    let names: [&[u8]; 3] = [b"one", b"two", b"three"];
    let drafts = names.iter().zip(measures);
    let drafts: Vec<Draft<'_>> = drafts
        .map(|(name, measure)| Draft { name, unit: b"requests", measure: *measure, is_shadow: false })
        .collect();
    Shape::new(None, &drafts).unwrap()
}

/// Admits a claim with the engine, on a key that does not expire.
fn admit(held: &mut Option<Quota>, claim: &QuotaClaim, caller: usize, clock: u64) {
    let mut memory = Memory::<()>::new(Arc::new(Room::new(1)), Arc::default(), || None);
    if let Some(quota) = held.take() {
        let end = At::MIN.plus(span(COUNT_MAX));
        assert!(memory.keys.insert(KEY.into(), Value::Quota(Box::new(quota)), end));
    }
    let id = caller.to_be_bytes();
    let limits = Limits::Known { shape: Arc::clone(&claim.shape), costs: claim.costs.clone() };
    let reserve = claim.ttl.map(|ttl| Reserve {
        ttl,
        id: Some(&id),
        kind: if claim.is_lease { ReserveKind::Lease } else { ReserveKind::Reservation },
    });
    let request = Request::Quota(Ask { limits, reserve, wait: None, is_short: false });
    let now = Now { wall: at(clock), steady: at(clock) };
    let turn = run(&mut memory.at(now), &[KEY], &request, Standing::First);
    assert!(matches!(turn, Ok(Turn::Answer { admitted: true, .. })));
    *held = memory.keys.get(KEY, at(clock)).map(|value| value.quota().unwrap().clone());
}

fn asked(held: Option<&Quota>, claim: &QuotaClaim, now: u64) -> QuotaDecision {
    decide(
        held,
        &claim.shape,
        &Demand { costs: &claim.costs, ttl: claim.ttl, is_lease: claim.is_lease },
        at(now),
    )
}

/// Returns when the last waiter is admitted if nothing is settled, or `None` if it never is.
fn then(mut held: Option<Quota>, all: &[Waiter], clock: u64) -> Option<u64> {
    let mut now = clock;
    let ((last, _), ahead) = all.split_last().unwrap();
    let mut when = |held: Option<&Quota>, claim: &QuotaClaim, until: u64| {
        while asked(held, claim, now).retry() > Retry::Now {
            if asked(held, claim, now).retry() == Retry::Never || now >= until {
                return None;
            }
            now += 1;
            assert!(now < clock + 10_000);
        }
        (now <= until).then_some(now)
    };
    for (caller, (claim, time_left)) in ahead.iter().enumerate() {
        if let Some(at) = when(held.as_ref(), claim, clock.saturating_add(*time_left)) {
            admit(&mut held, claim, 1_000 + caller, at);
        }
    }
    when(held.as_ref(), last, u64::MAX)
}

fn check(held: &Option<Quota>, all: &[Waiter], clock: u64) -> Retry {
    let ((last, _), ahead) = all.split_last().unwrap();
    let claims: Vec<(Claim, u64)> =
        ahead.iter().map(|(claim, time_left)| (Claim::Quota(claim.clone()), *time_left)).collect();
    let before =
        claims.iter().map(|(claim, time_left)| Ahead { claim, time_left: span(*time_left), is_lower: false });
    let told = forecast::quota(held.as_ref(), before, last, Stands::Leaves, at(clock));
    let then = then(held.clone(), all, clock);
    let expected = then.map_or(Retry::Never, |then| Retry::After((then - clock).max(1)));
    let standing = decide(held.as_ref(), &last.shape, &Demand::NONE, at(clock));
    assert_eq!(told.at, standing.at);
    let takes = |index: usize| match last.shape.limits()[index].measure {
        Measure::Rate(_) => last.costs[index] > 0,
        Measure::InFlight(_) => last.ttl.is_some(),
    };
    let is_only_reserved = last.ttl.is_some() && !(0..last.costs.len()).any(takes);
    for (index, (row, standing)) in told.rows.iter().zip(standing.rows).enumerate() {
        let takes = takes(index) || is_only_reserved;
        let remaining = if ahead.is_empty() { standing.remaining } else { 0 };
        let blocks = Decision { allowed: false, remaining, retry: expected, ..standing };
        assert_eq!(*row, if takes { blocks } else { standing });
    }
    expected
}

/// A policy, and earlier versions of it with other amounts.
fn amounts() -> impl Strategy<Value = Vec<Arc<Shape>>> {
    let others = prop::collection::vec(1_u64..7, 0..3);
    (prop::collection::vec(measures(), 1..4), others).prop_map(|(measures, others)| {
        let other =
            |most: &u64| shape(&measures.iter().map(|measure| of_other(measure, *most)).collect::<Vec<_>>());
        others.iter().map(other).chain([shape(&measures)]).collect()
    })
}

/// Makes the same measure with another limit.
fn of_other(measure: &Measure, most: u64) -> Measure {
    match measure {
        Measure::Rate(rule) => Measure::Rate(with_limit(rule, most)),
        Measure::InFlight(_) => Measure::InFlight(most),
    }
}

/// Policies that share only the names of their limits.
fn others() -> impl Strategy<Value = Vec<Arc<Shape>>> {
    let measures = prop::collection::vec(rules().prop_map(Measure::Rate), 1..4);
    prop::collection::vec(measures, 1..4).prop_map(|all| all.iter().map(|measures| shape(measures)).collect())
}

fn claim(shapes: &[Arc<Shape>], dice: u64, may_reserve: bool) -> QuotaClaim {
    let shape = &shapes[(dice >> 60) as usize % shapes.len()];
    let costs = shape.limits().iter().zip(0_u32..);
    let costs = costs.map(|(limit, nth)| cost(&limit.measure, dice.rotate_right(8 * nth))).collect();
    let reserves = shape.counts_reservations() || (may_reserve && dice >> 32 & 3 == 0);
    QuotaClaim {
        shape: Arc::clone(shape),
        costs,
        ttl: reserves.then(|| span(1 + (dice >> 40) % 60)),
        is_lease: !shape.counts_reservations() && dice >> 34 & 1 == 0,
    }
}

/// Makes waiters with long and short waits.
fn line(shapes: &[Arc<Shape>], dice: &[u64], may_reserve: bool) -> Vec<Waiter> {
    let time_left = |dice: u64| if dice >> 50 & 3 == 0 { dice >> 44 & 63 } else { FOR_LONG };
    dice.iter().map(|dice| (claim(shapes, *dice, may_reserve), time_left(*dice))).collect()
}

/// Plays a history of admissions at some distance. Returns the quota and the instant after.
fn played(shapes: &[Arc<Shape>], history: &[u64], may_reserve: bool) -> (Option<Quota>, u64) {
    let (mut held, mut clock) = (None, TODAY);
    for (caller, dice) in history.iter().enumerate() {
        clock += dice % 8;
        let claim = claim(shapes, dice.rotate_right(3), may_reserve);
        if asked(held.as_ref(), &claim, clock).allowed() {
            admit(&mut held, &claim, caller, clock);
        }
    }
    (held, clock)
}

proptest! {
    #![proptest_config(cases(10_000))]

    #[test]
    fn it_is_admitted_at_the_announced_instant_and_not_before(
        shapes in amounts(), history in dice(0..12), waits in dice(1..10), back in backs(),
    ) {
        let (held, clock) = played(&shapes, &history, true);
        let all = line(&shapes, &waits, true);
        check(&held, &all, clock - back);
    }

    /// After a change of algorithm, the count also depends on reservations. This test is without them.
    #[test]
    fn so_it_is_with_waiters_of_other_limits_ahead(
        shapes in others(), history in dice(0..12), waits in dice(1..10), back in backs(),
    ) {
        let (held, clock) = played(&shapes, &history, false);
        let all = line(&shapes, &waits, false);
        check(&held, &all, clock - back);
    }
}

fn dice(count: core::ops::Range<usize>) -> impl Strategy<Value = Vec<u64>> {
    prop::collection::vec(any::<u64>(), count)
}

/// How far the clock is before the last change, in ms.
fn backs() -> impl Strategy<Value = u64> {
    prop_oneof![2 => Just(0_u64), 1 => 0_u64..50]
}

/// The reservation slots of waiters admitted meanwhile expire too.
#[test]
fn a_slot_is_free_when_that_of_the_one_before_runs_out() {
    let shape = shape(&[Measure::InFlight(1), Measure::Rate(slide(100, 1_000))]);
    let claim = |ttl| {
        let claim = QuotaClaim {
            shape: Arc::clone(&shape),
            costs: vec![0, 1].into(),
            ttl: Some(span(ttl)),
            is_lease: false,
        };
        (claim, FOR_LONG)
    };
    let mut held = None;
    admit(&mut held, &claim(1_000).0, 0, TODAY);
    assert_eq!(check(&held, &[claim(7)], TODAY), Retry::After(1_000));
    assert_eq!(check(&held, &[claim(500), claim(7)], TODAY), Retry::After(1_500));
    assert_eq!(check(&held, &[claim(500), claim(70), claim(7)], TODAY), Retry::After(1_570));
    assert_eq!(check(&None, &[claim(500), claim(7)], TODAY), Retry::After(500));
}

/// A waiter without a reservation takes no slot, and a waiter for the single limit of another command takes
/// nothing.
#[test]
fn other_kinds_of_claims_take_nothing() {
    let shape = shape(&[Measure::Rate(slide(1, 1_000))]);
    let last = QuotaClaim { shape, costs: vec![1].into(), ttl: None, is_lease: false };
    let request =
        rl_core::grammar::limit::Request { rule: slide(1, 9_000), cost: 1, is_up_to: false, wait: None };
    let ahead = Ahead { claim: &Claim::Limit(request), time_left: span(1_000), is_lower: false };
    let told = forecast::quota(None, std::iter::once(ahead), &last, Stands::Leaves, at(TODAY));
    assert_eq!((told.retry(), told.rows[0].remaining), (Retry::After(1), 0));
}
