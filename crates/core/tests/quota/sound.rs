//! Checks what holds for any quota, however it was made. The fuzz target `quota_codec` uses it too.
//!
//! Its answers are within bounds, and encoding and decoding gives the same quota. The same holds after each
//! effect.

use std::sync::Arc;

use rl_core::effect::Effect;
use rl_core::limit::decision::Expiry;
use rl_core::limit::rule::Rule;
use rl_core::limit::slide::SlideRule;
use rl_core::number::COUNT_MAX;
use rl_core::quota::Quota;
use rl_core::quota::costs::Costs;
use rl_core::quota::decide::{self, Demand};
use rl_core::quota::effect::{Admission, QuotaEffect as Change, Reserved};
use rl_core::quota::shape::{Draft, Limit, Measure, Shape};
use rl_core::time::At;
use rl_core::value::Value;

use crate::common::{rule_limit, span};

pub(crate) fn sound(value: &Value) {
    let bytes = value.encode();
    let again = Value::decode(&bytes).expect("what is written can be read");
    assert!(again == *value);
    assert_eq!(again.encode(), bytes);
    assert!(value.limit().is_err() && again.heap_bytes() > 0 && again.allocations() > 0);
    let quota = value.quota().unwrap();
    for clock in [At::MIN, quota.now(At::MIN), At::MAX] {
        for cost in [0, 1, COUNT_MAX] {
            let demand = Demand { costs: &[cost; 16], ttl: (cost < 2).then_some(span(1)), is_lease: false };
            let verdict = decide::peek(quota, quota.shape(), &demand, clock);
            assert!(verdict.at >= clock && verdict.at == quota.now(clock));
            assert!(verdict.rows.iter().all(|row| row.remaining <= row.limit));
            assert!(verdict.rows.iter().all(|row| row.reset_after_ms <= COUNT_MAX));
            assert!((-1..=COUNT_MAX.cast_signed()).contains(&verdict.retry().reply()));
        }
    }
}

/// Checks that a decoded quota takes effects like any other quota.
pub(crate) fn takes_changes(mut value: Value) {
    sound(&value);
    let quota = value.quota().unwrap();
    let (shape, last) = (Arc::clone(quota.shape()), quota.now(At::MIN));
    let held = quota.reservations().into_iter().flat_map(|held| held.iter());
    let ids: Vec<Vec<u8>> = held.map(|(id, _)| id.to_vec()).take(3).collect();
    let soon = last.plus(span(1)).min(At::MAX);
    for (shape, now) in [(&shape, last), (&other(&shape), soon), (&shape, soon), (&shape, At::MAX)] {
        let answers = shape.limits().iter().map(|_| (1, 1)).collect();
        let reserved = Some(Reserved { id: b"new", expires: now.plus(span(9)), answers, is_lease: false });
        let costs = (1..).take(shape.limits().len()).collect();
        let admission = Admission { shape: Arc::clone(shape), at: now, costs, reserved };
        applied(&mut value, &Change::Admit(admission));
    }
    let new = b"new".to_vec();
    for (turn, id) in ids.iter().chain([&new]).enumerate() {
        let units = shape.limits().iter().map(|limit| limit.unit.as_bytes());
        let mut used = Costs::default();
        units.for_each(|unit| used.add(unit, [0, 1, COUNT_MAX][turn % 3]).unwrap_or_default()); // once each
        repeated(value.quota().unwrap(), id);
        applied(&mut value, &Change::Renew { id, at: last, expires: At::MAX.plus(span(1)) });
        repeated(value.quota().unwrap(), id);
        applied(&mut value, &Change::Settle { id, at: last, used });
        applied(&mut value, &Change::Cancel { id, at: last });
    }
}

/// Makes a shape without the first of these limits, in reverse order, with sliding and longer windows.
fn other(shape: &Shape) -> Arc<Shape> {
    let slide = |limit: u64, ms: u64| {
        Measure::Rate(Rule::Slide(SlideRule { limit, window: span((ms * 2).min(1 << 38)) }))
    };
    let draft = |limit: &'_ Limit| match limit.measure {
        Measure::Rate(rule) => slide(rule_limit(&rule), rule.longest().ms()),
        Measure::InFlight(limit) => slide(limit, 1),
    };
    let limits = shape.limits().iter().skip(usize::from(shape.limits().len() > 1)).rev();
    let drafts: Vec<Draft<'_>> = limits
        .map(|limit| Draft {
            name: limit.name.as_bytes(),
            unit: limit.unit.as_bytes(),
            measure: draft(limit),
            is_shadow: false,
        })
        .collect();
    Shape::new(None, &drafts).unwrap()
}

/// Checks the answer to a request whose id is open.
fn repeated(quota: &Quota, id: &[u8]) {
    let now = quota.now(At::MIN);
    if let Some(reservation) = quota.reservations().and_then(|held| held.get(id, now)) {
        let (shape, verdict, _) = decide::repeated(quota, reservation, now);
        assert!(verdict.allowed() && verdict.rows.len() == shape.limits().len());
        assert!(verdict.rows.iter().all(|row| row.remaining.max(row.reset_after_ms) <= COUNT_MAX));
    }
}

/// Applies an effect to the quota, and to a copy that was just decoded.
pub(crate) fn applied(value: &mut Value, change: &Change<'_>) {
    let mut again = Value::decode(&value.encode()).unwrap();
    let expiry = Effect::Quota(change.clone()).apply(value).unwrap();
    moves_alike(expiry, Effect::Quota(change.clone()).apply(&mut again).unwrap());
    assert_eq!(again.encode(), value.encode());
    sound(value);
}

/// Changes, adds or drops a few of the bytes.
pub(crate) fn mutate(mut bytes: Vec<u8>, changes: &[(u16, u8, u8)]) -> Vec<u8> {
    for (place, kind, byte) in changes {
        let place = usize::from(*place) % (bytes.len() + 1);
        match kind % 8 {
            0 => bytes.insert(place, *byte),
            1 => bytes.truncate(place),
            2 if place < bytes.len() => drop(bytes.remove(place)),
            _ => {
                if let Some(old) = bytes.get_mut(place) {
                    *old = if *kind < 128 { *byte } else { *old ^ 1 << (byte % 8) };
                }
            }
        }
    }
    bytes
}

/// Checks what a quota that was just read says of its key's expiry, which it does not know yet.
pub(crate) fn moves_alike(expiry: Expiry, reloaded: Expiry) {
    match (expiry, reloaded) {
        (Expiry::Same, Expiry::Moved { .. }) => {}
        (Expiry::Moved { to, .. }, Expiry::Moved { to: too, .. }) => assert_eq!(to, too),
        _ => assert_eq!(expiry, reloaded),
    }
}
