//! Tests quotas and their effects as bytes: equal values have equal bytes, and no input is dangerous.

use std::sync::Arc;

use proptest::prelude::*;
use rl_core::effect::Effect;
use rl_core::fault::Fault;
use rl_core::number::COUNT_MAX;
use rl_core::quota::Quota;
use rl_core::quota::effect::{Admission, QuotaEffect as Change, Reserved};
use rl_core::quota::policies::Policies;
use rl_core::quota::shape::Shape;
use rl_core::time::At;
use rl_core::value::Value;

use crate::common::effect::{decoded_quota, encoded_quota};
use crate::common::{at, begin, cases, span, steps};
use crate::history::{IDS, Mix, UNITS, play, shapes};
use crate::key::costs;
use crate::sound::{applied, moves_alike, mutate, sound, takes_changes};

/// Encoded quotas, made by histories.
fn written() -> impl Strategy<Value = Vec<u8>> {
    let mix = Mix { reserve: 110, settle: 50, renew: 10, excess: true, ttl_windows: 2 };
    (shapes(), begin(), steps(25)).prop_filter_map("nothing is held", move |(shapes, begin, history)| {
        play(&shapes, &history, begin, mix).bytes()
    })
}

/// Shapes, some of which count one name with different algorithms.
fn odd_shapes() -> impl Strategy<Value = Vec<Arc<Shape>>> {
    (shapes(), shapes()).prop_map(|(some, others)| [some, others].concat())
}

/// An effect that no primary would send, with any instants, costs and answers.
#[derive(Clone, Debug)]
struct Odd {
    kind: u8,
    ms: u64,
    numbers: Vec<u64>,
    expires: u64,
    id: &'static [u8],
}

fn odd() -> impl Strategy<Value = Odd> {
    let instants = || prop_oneof![3 => 0_u64..100, 2 => 0..=At::MAX.ms(), 1 => Just(At::MAX.ms())];
    let numbers = prop_oneof![2 => 0_u64..50, 2 => 0..=COUNT_MAX, 1 => Just(COUNT_MAX)];
    let expires = prop_oneof![2 => 0_u64..200, 1 => 0..=COUNT_MAX];
    let ids = prop::sample::select(&IDS[..]);
    (any::<u8>(), instants(), prop::collection::vec(numbers, 1..8), expires, ids)
        .prop_map(|(kind, ms, numbers, expires, id)| Odd { kind, ms, numbers, expires, id })
}

impl Odd {
    fn change(&self, shapes: &[Arc<Shape>]) -> Change<'static> {
        let Self { kind, ms, ref numbers, expires, id } = *self;
        let number = |index: usize| numbers[index % numbers.len()];
        let used = || costs(&UNITS.map(|unit| (unit, number(unit.len()))));
        let (now, expires) = (at(ms), At::MIN.plus(span(expires)));
        match kind % 8 {
            0 => Change::Cancel { id, at: now },
            1 => Change::Settle { id, at: now, used: used() },
            2 => Change::Renew { id, at: now, expires },
            _ => {
                let shape = Arc::clone(&shapes[usize::from(kind) % shapes.len()]);
                let limits = 0..shape.limits().len();
                let answers = limits.clone().map(|index| (number(index), number(index + 3))).collect();
                let expires = expires.max(now.plus(span(1)));
                let reserved =
                    (kind >= 64).then_some(Reserved { id, expires, answers, is_lease: kind >= 160 });
                let costs = limits.map(|index| number(index + 1).max(u64::from(kind < 64))).collect();
                Change::Admit(Admission { shape, at: now, costs, reserved })
            }
        }
    }
}

fn mutations() -> impl Strategy<Value = Vec<(u16, u8, u8)>> {
    prop::collection::vec(any::<(u16, u8, u8)>(), 1..5)
}

proptest! {
    #![proptest_config(cases(10_000))]

    #[test]
    fn no_stream_of_changes_does_harm_and_each_has_one_form(
        shapes in odd_shapes(), changes in prop::collection::vec(odd(), 1..25), known in any::<bool>(),
    ) {
        let mut value: Option<Value> = None;
        for odd in &changes {
            let change = odd.change(&shapes);
            let bytes = encoded_quota(&change);
            let read = decoded_quota(&bytes, value.as_ref().filter(|_| known)).unwrap();
            prop_assert_eq!(encoded_quota(&read), &bytes[..]);
            match &mut value {
                None => value = read.create().map(|(quota, _)| Value::Quota(Box::new(quota))),
                Some(value) => {
                    let mut reloaded = Value::decode(&value.encode()).unwrap();
                    let expiry = Effect::Quota(change.clone()).apply(value).unwrap();
                    moves_alike(expiry, Effect::Quota(read.clone()).apply(&mut reloaded).unwrap());
                    prop_assert_eq!(reloaded.encode(), value.encode());
                }
            }
            value.iter().for_each(sound);
        }
    }

    #[test]
    fn mutated_bytes_are_refused_or_a_sound_quota(bytes in written(), changes in mutations()) {
        let bytes = mutate(bytes, &changes);
        if let Some(value) = Value::decode(&bytes).filter(|value| value.quota().is_ok()) {
            prop_assert_eq!(value.encode(), bytes, "each quota in its one form");
            takes_changes(value);
        }
    }

    #[test]
    fn arbitrary_bytes_are_refused_or_a_sound_quota(bytes in prop::collection::vec(prop_oneof![any::<u8>(), 0_u8..6], 0..120)) {
        let bytes = [&[16], &bytes[..]].concat();
        if let Some(value) = Value::decode(&bytes) {
            prop_assert_eq!(value.encode(), bytes);
            takes_changes(value);
        }
    }

    #[test]
    fn no_shorter_and_no_longer_bytes_are_the_same_quota(mut bytes in written(), more in any::<u8>()) {
        for len in 0..bytes.len() {
            prop_assert!(Value::decode(&bytes[..len]).is_none());
        }
        bytes.push(more);
        prop_assert!(Value::decode(&bytes).is_none());
    }

    #[test]
    fn a_mutated_change_is_refused_or_another_one_that_does_no_harm(
        bytes in written(), shapes in odd_shapes(), odd in odd(), changes in mutations(),
    ) {
        let sent = mutate(encoded_quota(&odd.change(&shapes)), &changes);
        let mut value = Value::decode(&bytes).unwrap();
        match decoded_quota(&sent, Some(&value)) {
            Err(fault) => prop_assert_eq!(fault, Fault::Effect),
            Ok(change) => {
                prop_assert_eq!(encoded_quota(&change), &sent[..]);
                let created = change.create();
                created.iter().for_each(|(quota, _): &(Quota, _)| sound(&Value::Quota(Box::new(quota.clone()))));
                applied(&mut value, &change);
            }
        }
    }

    #[test]
    fn policies_are_written_and_read_in_one_form(
        named in prop::collection::vec(("[a-c]{1,2}", shapes()), 0..6), changes in mutations(),
    ) {
        let mut policies = Policies::new();
        for (name, shapes) in &named {
            policies.set(crate::key::policy(name.as_bytes(), &shapes[0])).unwrap();
        }
        let bytes = policies.encode();
        prop_assert!(Policies::decode(&bytes) == Some(policies));
        let mutated = mutate(bytes, &changes);
        if let Some(policies) = Policies::decode(&mutated) {
            prop_assert_eq!(policies.encode(), mutated);
        }
    }
}
