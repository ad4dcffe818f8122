//! Strategies for any effect: each kind, with every number within its bounds and often at them.

use std::sync::Arc;

use proptest::prelude::*;
use rl_core::effect::Effect;
use rl_core::limit::effect::LimitEffect;
use rl_core::limit::rule::Rule;
use rl_core::number::COUNT_MAX;
use rl_core::quota::costs::Costs;
use rl_core::quota::effect::{Admission, QuotaEffect, Reserved};
use rl_core::quota::name::Name;
use rl_core::quota::shape::{Draft, Measure, Shape};
use rl_core::time::At;

use crate::common::any::{any_effect, any_rule};
use crate::common::{at, span};

const NAMES: [&[u8]; 5] = [b"rpm", b"tpm", b"a", b"b.c:d-e_9", b"n"];
const UNITS: [&[u8]; 3] = [b"requests", b"tokens", b"t"];
const IDS: [&[u8]; 4] = [b"r", b"\0\xff\r\n", b"0123456789abcdef0123456789abcdef", &[0xfe; 128]];

pub(crate) fn any_limit_effect() -> impl Strategy<Value = LimitEffect> {
    any_rule().prop_flat_map(|rule| any_effect(vec![rule]))
}

fn measures() -> impl Strategy<Value = Measure> {
    // The refill of a quota's bucket is an integer.
    let rate = any_rule()
        .prop_filter("a fraction", |rule| !matches!(rule, Rule::Bucket(rule) if rule.refill().scale > 0));
    prop_oneof![4 => rate.prop_map(Measure::Rate), 1 => (0..=COUNT_MAX).prop_map(Measure::InFlight)]
}

pub(crate) fn any_shape() -> impl Strategy<Value = Arc<Shape>> {
    let limits = prop::collection::vec((prop::sample::select(&UNITS[..]), measures()), 1..=NAMES.len());
    let policy = prop::option::of(prop::sample::select(&NAMES[..]));
    (limits, policy).prop_map(|(limits, policy)| {
        let draft = |(name, (unit, measure)): (&'static [u8], &(&'static [u8], Measure))| {
            let unit = if matches!(measure, Measure::InFlight(_)) { UNITS[0] } else { unit };
            Draft { name, unit, measure: *measure, is_shadow: false }
        };
        let drafts: Vec<Draft<'_>> = NAMES.into_iter().zip(&limits).map(draft).collect();
        Shape::new(policy.and_then(Name::new).as_ref(), &drafts).unwrap()
    })
}

pub(crate) fn any_quota_effect() -> impl Strategy<Value = QuotaEffect<'static>> {
    let instants = prop_oneof![3 => 0_u64..100, 2 => 0..=At::MAX.ms(), 1 => Just(At::MAX.ms())];
    let numbers = prop_oneof![2 => 0_u64..50, 2 => 0..=COUNT_MAX, 1 => Just(COUNT_MAX)];
    let numbers = prop::collection::vec(numbers, 16);
    let later = prop_oneof![2 => 1_u64..200, 1 => 1..=COUNT_MAX];
    let id = prop::sample::select(&IDS[..]);
    (0_u8..8, any_shape(), instants, numbers, later, id, 0..=UNITS.len()).prop_map(
        |(kind, shape, ms, numbers, later, id, units)| {
            let now = at(ms);
            let limits = shape.limits().len();
            match kind {
                0 => QuotaEffect::Cancel { id, at: now },
                1 => QuotaEffect::Renew { id, at: now, expires: now.plus(span(later)) },
                2 => {
                    let mut used = Costs::default();
                    for (unit, cost) in UNITS.into_iter().zip(&numbers).take(units) {
                        used.add(unit, *cost).unwrap();
                    }
                    QuotaEffect::Settle { id, at: now, used }
                }
                3..=5 => {
                    let costs = numbers.iter().take(limits).map(|cost| (*cost).max(1)).collect();
                    QuotaEffect::Admit(Admission { shape, at: now, costs, reserved: None })
                }
                _ => {
                    let answers = numbers.iter().zip(numbers.iter().rev()).take(limits);
                    let answers = answers.map(|(one, other)| (*one, *other)).collect();
                    let reserved = Some(Reserved {
                        id,
                        expires: now.plus(span(later)),
                        answers,
                        is_lease: kind % 2 == 1,
                    });
                    let costs = numbers.iter().skip(1).take(limits).copied().collect();
                    QuotaEffect::Admit(Admission { shape, at: now, costs, reserved })
                }
            }
        },
    )
}

pub(crate) fn any_of_all() -> impl Strategy<Value = Effect<'static>> {
    prop_oneof![any_limit_effect().prop_map(Effect::Limit), any_quota_effect().prop_map(Effect::Quota)]
}

/// A few changes to bytes: position, kind of change and new byte.
pub(crate) fn changes() -> impl Strategy<Value = Vec<(u16, u8, u8)>> {
    prop::collection::vec(any::<(u16, u8, u8)>(), 1..4)
}

/// Changes, adds or drops a few of the bytes.
pub(crate) fn changed(mut bytes: Vec<u8>, changes: &[(u16, u8, u8)]) -> Vec<u8> {
    for (place, kind, byte) in changes {
        let place = usize::from(*place) % (bytes.len() + 1);
        match kind % 8 {
            0 => bytes.insert(place, *byte),
            1 => bytes.truncate(place),
            2 if place < bytes.len() => drop(bytes.remove(place)),
            3..=5 => bytes.get_mut(place).into_iter().for_each(|old| *old = *byte),
            _ => bytes.get_mut(place).into_iter().for_each(|old| *old ^= 1 << (byte % 8)),
        }
    }
    bytes
}
