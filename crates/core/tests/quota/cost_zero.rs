//! Tests effects of a quota that take 0: of all limits, of some of them, and with a reservation.

use std::sync::Arc;

use rl_core::effect::Effect;
use rl_core::fault::Fault;
use rl_core::quota::effect::{Admission, QuotaEffect as Change, Reserved};
use rl_core::quota::shape::Shape;
use rl_core::value::Value;

use crate::common::effect::{encoded, encoded_quota, is};
use crate::common::{TODAY, at, span};
use crate::key::{apply, costs};
use crate::plain::limits;

const LIMITS: &str = "LIMIT a 9 60 UNIT tokens LIMIT b 9 60 UNIT tokens WINDOW LIMIT c 9 60 UNIT tokens BUCKET 9 LIMIT n 2 INFLIGHT";

/// An admission that takes this of each limit, `ms` after `TODAY`, with a reservation of a minute.
fn admission(shape: &Arc<Shape>, ms: u64, costs: &[u64], id: Option<&'static [u8]>) -> Change<'static> {
    let now = at(TODAY + ms);
    let answers = costs.iter().map(|_| (9, 0)).collect();
    let reserved = id.map(|id| Reserved { id, expires: now.plus(span(60_000)), answers, is_lease: false });
    let costs = costs.iter().copied().collect();
    Change::Admit(Admission { shape: Arc::clone(shape), at: now, costs, reserved })
}

/// A primary and a replica that reads what the primary sends.
#[derive(Default)]
struct Pair {
    primary: Option<Value>,
    replica: Option<Value>,
}

impl Pair {
    fn send(&mut self, change: &Change<'_>) {
        let bytes = encoded_quota(change);
        let read = Effect::decode(&bytes, self.replica.as_ref()).expect("what is written can be read");
        assert!(is(Ok(read.clone()), &Effect::Quota(change.clone())));
        let Effect::Quota(read) = read else { panic!("a quota") };
        apply(&mut self.primary, change);
        apply(&mut self.replica, &read);
        assert_eq!(self.bytes(), self.replica.as_ref().map(Value::encode));
    }

    fn bytes(&self) -> Option<Vec<u8>> {
        self.primary.as_ref().map(Value::encode)
    }
}

#[test]
fn an_admission_that_takes_and_reserves_nothing_is_no_effect() {
    let shape = limits(LIMITS);
    let some = admission(&shape, 0, &[0, 0, 1, 0], None);
    let (held, _) = Effect::Quota(some.clone()).create().unwrap();
    for (change, is_effect) in [
        (some, true),
        (admission(&shape, 0, &[0, 0, 0, 0], None), false),
        (admission(&shape, 0, &[0, 0, 0, 0], Some(b"r")), true),
    ] {
        let bytes = encoded(&Effect::Quota(change.clone()));
        for held in [None, Some(&held)] {
            // As it is written today, and as versions up to 0.1 wrote it.
            for read in [Effect::decode(&bytes, held), Effect::decode_quota(&bytes[1..], held)] {
                if is_effect {
                    assert!(is(read, &Effect::Quota(change.clone())));
                } else {
                    assert_eq!(read, Err(Fault::Effect), "{change:?}");
                }
            }
        }
    }
}

/// A limit of which 0 is taken has no state: the key is as long as one whose other limits were never there.
#[test]
fn what_takes_0_of_a_limit_leaves_no_trace_in_it() {
    let shape = limits(LIMITS);
    let length = |each: &[u64; 4]| {
        let mut pair = Pair::default();
        pair.send(&admission(&shape, 0, each, None));
        pair.bytes().unwrap().len()
    };
    let of_one = [[3, 0, 0, 0], [0, 3, 0, 0], [0, 0, 3, 0]].map(|each| length(&each));
    for (pair, parts) in [([3, 3, 0, 0], [0, 1]), ([3, 0, 3, 0], [0, 2]), ([0, 3, 3, 0], [1, 2])] {
        assert!(parts.iter().all(|part| length(&pair) > of_one[*part]), "{pair:?}");
    }
    let (all, base) = (length(&[3, 3, 3, 0]), length(&[3, 3, 0, 0]) + length(&[3, 0, 3, 0]));
    assert_eq!(all + of_one[0], base, "each limit adds its own bytes");
}

/// A request of cost 0 with RESERVE takes a slot, and nothing else.
#[test]
fn a_reservation_of_nothing_is_replayed_and_ends_as_any_other() {
    let shape = limits(LIMITS);
    let ends: [Change<'static>; 3] = [
        Change::Cancel { id: b"r", at: at(TODAY + 2) },
        Change::Settle { id: b"r", at: at(TODAY + 2), used: costs(&[]) },
        Change::Settle { id: b"r", at: at(TODAY + 2), used: costs(&[(b"tokens", 0)]) },
    ];
    let mut after = Vec::new();
    for end in &ends {
        let mut pair = Pair::default();
        pair.send(&admission(&shape, 0, &[2, 2, 2, 0], None));
        let before = pair.bytes();
        pair.send(&admission(&shape, 1, &[0, 0, 0, 0], Some(b"r")));
        assert!(pair.bytes() != before, "the reservation is there");
        pair.send(end);
        after.push(pair.bytes());
    }
    assert!(after.iter().all(|bytes| *bytes == after[0]), "however it ends");
    // Nothing but the instant has changed.
    let mut other = Pair::default();
    other.send(&admission(&shape, 0, &[2, 2, 2, 0], None));
    other.send(&Change::Cancel { id: b"unknown", at: at(TODAY + 2) });
    assert_eq!(after[0], other.bytes());
}

/// A settlement of 0 gives all back, as a cancellation does.
#[test]
fn a_settlement_of_0_is_replayed_as_a_cancellation() {
    let shape = limits(LIMITS);
    let ended = |end: &Change<'_>| {
        let mut pair = Pair::default();
        pair.send(&admission(&shape, 0, &[1, 1, 1, 0], None));
        pair.send(&admission(&shape, 1, &[5, 5, 5, 0], Some(b"r")));
        pair.send(end);
        pair.bytes()
    };
    let settled =
        |tokens| ended(&Change::Settle { id: b"r", at: at(TODAY + 2), used: costs(&[(b"tokens", tokens)]) });
    let cancelled = ended(&Change::Cancel { id: b"r", at: at(TODAY + 2) });
    assert_eq!(settled(0), cancelled);
    assert!(settled(1) != cancelled);
}
