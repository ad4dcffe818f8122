//! A key as in the module, with a replica, and with a server that restarts before each effect.
//!
//! It checks all that holds for every answer and every effect.

use std::sync::Arc;

use rl_core::effect::Effect;
use rl_core::effect::told::Told;
use rl_core::fault::Fault;
use rl_core::limit::decision::{Expiry, Retry};
use rl_core::quota::Quota;
use rl_core::quota::costs::Costs;
use rl_core::quota::decide::{self, Demand, QuotaDecision};
use rl_core::quota::effect::{Admission, QuotaEffect as Change, Reserved};
use rl_core::quota::name::Name;
use rl_core::quota::shape::{Draft, Limit, Measure, Shape};
use rl_core::time::At;
use rl_core::value::Value;

use crate::common::effect::{decoded_quota, encoded_quota};
use crate::common::{at, span};

#[derive(Clone, Debug, Default)]
pub(crate) struct Key {
    value: Option<Value>,
    replica: Option<Value>,
    /// The expiry that the server has been told so far.
    expires: u64,
}

/// The terms of a request, without its limits.
#[derive(Clone, Debug)]
pub(crate) struct Ask<'a> {
    pub(crate) costs: Costs<'a>,
    /// The id and ttl of a reservation.
    pub(crate) reserve: Option<(&'a [u8], u64)>,
}

pub(crate) fn costs<'a>(list: &[(&'a [u8], u64)]) -> Costs<'a> {
    let mut costs = Costs::default();
    list.iter().for_each(|(unit, cost)| costs.add(unit, *cost).unwrap());
    costs
}

impl Key {
    pub(crate) fn quota(&self) -> Option<&Quota> {
        self.value.as_ref().map(|value| value.quota().unwrap())
    }

    pub(crate) fn bytes(&self) -> Option<Vec<u8>> {
        self.value.as_ref().map(Value::encode)
    }

    /// Returns the expiry that the server has been told.
    pub(crate) const fn expires(&self) -> u64 {
        self.expires
    }

    /// Returns the instant for which a request at `clock` is decided.
    pub(crate) fn now(&self, clock: u64) -> u64 {
        self.quota().map_or(clock, |quota| quota.now(at(clock)).ms())
    }

    /// Drops the key if it has expired at `clock`. Returns whether it is gone.
    pub(crate) fn expire(&mut self, clock: u64) -> bool {
        let gone = self.value.is_some() && self.expires <= clock;
        if gone {
            *self = Self::default();
        }
        gone
    }

    pub(crate) fn is_open(&self, id: &[u8], clock: u64) -> bool {
        let held = self.quota().and_then(Quota::reservations);
        held.is_some_and(|held| held.get(id, at(self.now(clock))).is_some())
    }

    /// Decides a request and charges it if admitted, as the module does for `RL.QUOTA`.
    pub(crate) fn request(
        &mut self,
        shape: &Arc<Shape>,
        ask: &Ask<'_>,
        clock: u64,
    ) -> Result<QuotaDecision, Fault> {
        if let Some((id, _)) = ask.reserve.filter(|(id, _)| self.is_open(id, clock)) {
            return Ok(self.repeated(id, clock).1);
        }
        let (before, clock) = (self.bytes(), at(clock));
        let ttl = ask.reserve.map(|(_, ttl)| span(ttl));
        let wanted = ask.costs.by_limit(shape);
        let demand = Demand { costs: &wanted, ttl, is_lease: false };
        decide::allow(self.quota(), shape, &demand, clock)?;
        let verdict = decide::decide(self.quota(), shape, &demand, clock);
        honest(self.quota(), shape, &demand, clock);
        assert_eq!(verdict.at.ms(), self.now(clock.ms()));
        assert!(verdict.rows.iter().all(|row| row.remaining <= row.limit && row.at == verdict.at));
        assert!(verdict.rows.iter().all(|row| row.allowed == (row.retry == Retry::Now)));
        if verdict.allowed() {
            let mut elsewhere = verdict.clone();
            decide::deny(&mut elsewhere, self.quota(), shape, clock);
            assert_eq!(
                elsewhere,
                standing(self.quota(), shape, clock),
                "what is denied elsewhere takes nothing"
            );
            self.charge(shape, ask, &verdict);
            if let Some(quota) = self.quota() {
                let after = standing(Some(quota), shape, clock);
                let told = |verdict: &QuotaDecision| -> Vec<(u64, u64)> {
                    verdict.rows.iter().map(|row| (row.remaining, row.reset_after_ms)).collect()
                };
                assert_eq!(told(&verdict), told(&after), "what was answered is how it stands");
            }
        } else {
            assert_eq!(self.bytes(), before, "a denied request changes nothing");
        }
        Ok(verdict)
    }

    /// Returns the answer to a request whose id is open.
    pub(crate) fn repeated(&self, id: &[u8], clock: u64) -> (Arc<Shape>, QuotaDecision) {
        let (quota, clock) = (self.quota().unwrap(), at(clock));
        let reservation = quota.reservations().unwrap().get(id, quota.now(clock)).unwrap();
        let (shape, decision, _) = decide::repeated(quota, reservation, clock);
        (shape, decision)
    }

    fn charge(&mut self, shape: &Arc<Shape>, ask: &Ask<'_>, verdict: &QuotaDecision) {
        let costs = ask.costs.by_limit(shape);
        let reserved = ask.reserve.map(|(id, ttl)| Reserved {
            id,
            expires: verdict.at.plus(span(ttl)),
            answers: verdict.rows.iter().map(|row| (row.remaining, row.reset_after_ms)).collect(),
            is_lease: false,
        });
        if reserved.is_some() || costs.iter().any(|cost| *cost > 0) {
            let shape = Arc::clone(shape);
            self.change(&Change::Admit(Admission { shape, at: verdict.at, costs, reserved }));
        }
    }

    /// Runs `RL.SETTLE`, or `RL.CANCEL` if `used` is `None`. Returns whether there was such a reservation.
    pub(crate) fn settle<'a>(&mut self, id: &'a [u8], used: Option<&Costs<'a>>, clock: u64) -> bool {
        self.with_open(id, clock, |at| match used {
            Some(used) => Change::Settle { id, at, used: used.clone() },
            None => Change::Cancel { id, at },
        })
    }

    /// Runs `RL.RENEW`. Returns whether there was such a reservation.
    pub(crate) fn renew(&mut self, id: &[u8], ttl: u64, clock: u64) -> bool {
        self.with_open(id, clock, |at| Change::Renew { id, at, expires: at.plus(span(ttl)) })
    }

    fn with_open<'a>(&mut self, id: &[u8], clock: u64, change: impl FnOnce(At) -> Change<'a>) -> bool {
        let open = self.is_open(id, clock);
        if open {
            self.change(&change(at(self.now(clock))));
        }
        open
    }

    /// Tells the key something from outside, and its replica. Checks that both hold the same, also after a restart.
    pub(crate) fn tell(&mut self, told: &Told<'_>) {
        let sent = Effect::Told(told.clone()).encode(<[u8]>::to_vec);
        let expiries = [&mut self.value, &mut self.replica].map(|value| {
            let value = value.as_mut().expect("a key");
            Effect::decode(&sent, Some(value)).unwrap().apply(value).unwrap()
        });
        assert_eq!(expiries[0], expiries[1]);
        if let Expiry::Moved { to: at, .. } = expiries[0] {
            self.expires = at.ms();
        }
        let bytes = self.bytes().unwrap();
        assert_eq!(self.replica.as_ref().unwrap().encode(), bytes, "a replica holds the same");
        assert!(Value::decode(&bytes) == self.value, "what is written can be read");
        self.expires_late_enough();
    }

    /// Applies an effect here, on a replica that gets it as bytes, and on a server that was just restarted.
    /// Checks that all three hold the same afterwards.
    fn change(&mut self, change: &Change<'_>) {
        let bytes = encoded_quota(change);
        let read = decoded_quota(&bytes, self.replica.as_ref()).expect("what is written can be read");
        assert_eq!(encoded_quota(&decoded_quota(&bytes, None).unwrap()), bytes);
        let mut reloaded =
            self.bytes().map(|bytes| Value::decode(&bytes).expect("what is written can be read"));
        assert!(reloaded == self.value);
        let expiry = apply(&mut self.value, change);
        assert_eq!(apply(&mut self.replica, &read), expiry);
        let reloaded_expiry = apply(&mut reloaded, change);
        let bytes = self.bytes().unwrap();
        assert_eq!(self.replica.as_ref().unwrap().encode(), bytes, "a replica holds the same");
        assert_eq!(reloaded.as_ref().unwrap().encode(), bytes, "a restart changes nothing");
        assert!(self.value == reloaded && self.value == self.replica, "equal bytes are equal quotas");
        assert!(Value::decode(&bytes) == reloaded, "what is written can be read");
        let before = self.expires;
        if let Expiry::Moved { to: at, .. } = expiry {
            self.expires = at.ms();
        }
        // The restarted server has the same expiry, but does not know that.
        match reloaded_expiry {
            Expiry::Moved { to, .. } => assert_eq!(to.ms(), self.expires),
            Expiry::Same => assert_eq!(before, self.expires),
        }
        let quota = self.quota().unwrap();
        let empty = quota.empty_at().map_or(self.expires, At::ms);
        let grid = (quota.shape().longest().ms() / 8).clamp(1_000, 60_000);
        assert!(self.expires >= empty, "expires before it is empty");
        assert!(self.expires < empty.max(before) + grid, "expires later than it was to and than it lives on");
        self.expires_late_enough();
    }

    /// Checks that from its expiry on, the key answers as a new key does.
    fn expires_late_enough(&self) {
        let quota = self.quota().unwrap();
        for later in [0, 1, 977, 1_000_003] {
            let Some(then) = At::new(self.expires.max(quota.now(At::MIN).ms()) + later) else { return };
            let demand = Demand { costs: &[1; 16], ttl: Some(span(1)), is_lease: false };
            let asked = |held| decide::decide(held, quota.shape(), &demand, then);
            assert_eq!(asked(Some(quota)), asked(None), "expires too early");
        }
    }
}

/// Applies an effect to a key, as the module does.
pub(crate) fn apply(value: &mut Option<Value>, change: &Change<'_>) -> Expiry {
    match value {
        Some(value) => Effect::Quota(change.clone()).apply(value).unwrap(),
        None => {
            let (quota, expiry) = change.create().expect("an admission creates");
            *value = Some(Value::Quota(Box::new(quota)));
            expiry
        }
    }
}

/// Decides a request that costs nothing, to see the state of the limits.
pub(crate) fn standing(quota: Option<&Quota>, shape: &Shape, clock: At) -> QuotaDecision {
    decide::decide(quota, shape, &Demand::NONE, clock)
}

/// Checks that a denied request is admitted after `retry_after` if only the clock moves, and not 1 ms
/// earlier.
fn honest(quota: Option<&Quota>, shape: &Shape, demand: &Demand<'_>, clock: At) {
    // After the last instant the clock stands still, and nothing is promised.
    let ask = |ms: u64| At::new(ms).map(|at| decide::decide(quota, shape, demand, at));
    let verdict = ask(clock.ms()).unwrap();
    assert_eq!(verdict.allowed(), verdict.retry() == Retry::Now);
    match verdict.retry() {
        Retry::Now => {}
        Retry::Never => {
            let mut above = verdict.rows.iter().zip(demand.costs).map(|(row, cost)| *cost > row.limit);
            let in_flight = |limit: &Limit| matches!(limit.measure, Measure::InFlight(0));
            let none = demand.ttl.is_some() && shape.limits().iter().any(in_flight);
            assert!(none || above.any(|above| above), "a cost that is never admitted is above a limit");
        }
        Retry::After(ms) => {
            if let Some(then) = ask(clock.ms() + ms) {
                assert!(then.allowed(), "refused for longer than announced");
                assert!(!ask(clock.ms() + ms - 1).unwrap().allowed(), "announced for later than it must");
            }
        }
    }
}

/// Makes a policy with the limits of a shape.
pub(crate) fn policy(name: &[u8], shape: &Shape) -> Arc<Shape> {
    let limits = shape.limits().iter();
    let drafts: Vec<Draft<'_>> = limits
        .map(|limit| Draft {
            name: limit.name.as_bytes(),
            unit: limit.unit.as_bytes(),
            measure: limit.measure,
            is_shadow: false,
        })
        .collect();
    Shape::new(Name::new(name).as_ref(), &drafts).unwrap()
}
