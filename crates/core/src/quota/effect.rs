//! The effects on a quota: admitting, settling, cancelling and renewing.
//!
//! An effect reads no clock and decides nothing, so that it has the same result wherever it is applied. Its
//! bytes hold all that it needs, the limits and the charge of each. So its meaning does not depend on the
//! policies of the server that reads it.

use std::sync::Arc;

use super::charge::charge;
use super::costs::Costs;
use super::ends::Ends;
use super::limit::{Measure, PerLimit};
use super::outsides::Outsides;
use super::reservation::Share;
use super::reservations::Reservations;
use super::shape::Shape;
use super::slots::Slot;
use super::{More, Quota};
use crate::limit::algorithm::Amendment;
use crate::limit::decision::Expiry;
use crate::limit::state::State;
use crate::time::{At, Span};

/// An effect on one quota.
#[derive(Clone, Debug, PartialEq)]
pub enum QuotaEffect<'a> {
    /// Charges an admitted request.
    Admit(Admission<'a>),
    /// Settles a reservation with what was used of each named unit. Other units stay as they were charged.
    Settle {
        /// The reservation.
        id: &'a [u8],
        /// The instant of the effect.
        at: At,
        /// What was used, by unit.
        used: Costs<'a>,
    },
    /// Cancels a reservation: nothing of it was used.
    Cancel {
        /// The reservation.
        id: &'a [u8],
        /// The instant of the effect.
        at: At,
    },
    /// Sets the end of a reservation.
    Renew {
        /// The reservation.
        id: &'a [u8],
        /// The instant of the effect.
        at: At,
        /// The instant at which the reservation now expires.
        expires: At,
    },
}

/// An admitted request.
#[derive(Clone, Debug, PartialEq)]
pub struct Admission<'a> {
    /// The limits that admitted it.
    pub shape: Arc<Shape>,
    /// The instant of the decision.
    pub at: At,
    /// The charge of each limit, in the order of the shape.
    pub costs: PerLimit<u64>,
    /// The reservation, if the request made one.
    pub reserved: Option<Reserved<'a>>,
}

/// The reservation of an admitted request, kept until it is settled or expires.
#[derive(Clone, Debug, PartialEq)]
pub struct Reserved<'a> {
    /// The id of the reservation.
    pub id: &'a [u8],
    /// The instant at which it expires.
    pub expires: At,
    /// The answer of each limit, in the order of the shape: remaining, and ms to the reset.
    pub answers: PerLimit<(u64, u64)>,
    /// Whether it is a lease: nothing is charged before it ends.
    pub is_lease: bool,
}

impl QuotaEffect<'_> {
    /// Applies the effect to an existing key and returns its new expiry.
    pub fn apply(&self, quota: &mut Quota) -> Expiry {
        let before = quota.lived();
        match self {
            Self::Admit(admission) => quota.take(admission),
            Self::Settle { id, at, used } => quota.settle(id, *at, |unit, taken| {
                let named =
                    unit.map_or_else(|| used.iter().map(|(_, cost)| cost).max(), |unit| used.named(unit));
                named.unwrap_or(taken)
            }),
            Self::Cancel { id, at } => quota.settle(id, *at, |_, _| 0),
            Self::Renew { id, at, expires } => quota.renew(id, *at, *expires),
        }
        quota.ends.expiry(quota.shape.longest(), before)
    }

    /// Applies the effect to a key that does not exist. Returns the new quota and its expiry, or `None` if
    /// the effect changes nothing there.
    #[must_use]
    pub fn create(&self) -> Option<(Quota, Expiry)> {
        let Self::Admit(admission) = self else { return None };
        let mut quota = Quota::new(Arc::clone(&admission.shape));
        let expiry = self.apply(&mut quota);
        Some((quota, expiry))
    }
}

impl Quota {
    /// Charges an admitted request.
    pub(crate) fn take(&mut self, admission: &Admission<'_>) {
        let Admission { shape, at, costs, reserved } = admission;
        let is_lease = reserved.as_ref().is_some_and(|reserved| reserved.is_lease);
        let charged = if is_lease { &[][..] } else { costs };
        self.come_to(*at);
        let mut ends = self.ends.at();
        if Arc::ptr_eq(shape, &self.shape) {
            self.drop_retired();
        } else {
            self.reshape(shape);
            ends = self.empty_at().unwrap_or(ends);
        }
        for (index, limit) in shape.limits().iter().enumerate() {
            let cost = charged.get(index).copied().unwrap_or(0);
            if let (Measure::Rate(rule), Some(place)) = (&limit.measure, self.states.get_mut(index)) {
                let reservations = self.more.as_deref_mut().map(|more| &mut more.reservations);
                if cost > 0 && reserved.is_some() && place.is_none() {
                    *place = Some(State::to_amend(rule));
                }
                if cost > 0
                    && let Expiry::Moved { to: at, .. } =
                        charge(place, rule, index, cost, self.at, reservations)
                {
                    ends = ends.max(at);
                }
            }
        }
        if self.more.is_some() {
            ends = self.charge_along(charged, ends);
        }
        if let Some(reserved) = reserved {
            self.hold(reserved, costs);
            ends = ends.max(reserved.expires);
        }
        if self.more.is_some() {
            ends = ends.max(self.leases_empty_at().unwrap_or(ends));
        }
        self.ends.set(ends);
        self.end();
    }

    /// Charges the limits that are charged together with those in force, and returns when the key ends if it would
    /// end at `ends` without them.
    #[cold]
    fn charge_along(&mut self, costs: &[u64], mut ends: At) -> At {
        let named = self.limits().count();
        for (index, rule, cost) in self.along(costs) {
            // A merged limit gives nothing back, so it needs no floor.
            let more = self.more.as_deref_mut().filter(|_| index < named);
            let reservations = more.map(|more| &mut more.reservations);
            if let Some(place) = self.states.get_mut(index).filter(|state| cost > 0 && state.is_some())
                && let Expiry::Moved { to: at, .. } = charge(place, &rule, index, cost, self.at, reservations)
            {
                ends = ends.max(at);
            }
        }
        ends
    }

    /// Adds a reservation, with what it took of each limit in force.
    fn hold(&mut self, reserved: &Reserved<'_>, costs: &[u64]) {
        let limits = self.shape.limits();
        let More { reservations, retired, merged, .. } = &mut **self.more.get_or_insert_default();
        reservations.track(limits.iter().chain(&*retired), merged.len());
        let taken = limits.iter().zip(costs).map(|(limit, cost)| match limit.measure {
            Measure::Rate(_) => *cost,
            Measure::InFlight(_) => 0,
        });
        let shares = reservations.slots().list().iter().zip(taken).zip(&reserved.answers);
        let share = |((slot, taken), (remaining, reset)): ((&Slot, u64), &(u64, u64))| Share {
            slot: slot.number,
            taken,
            remaining: *remaining,
            reset_after_ms: *reset,
        };
        let shares = shares.map(share).collect();
        reservations.insert(reserved.id, (self.at, reserved.expires), shares, reserved.is_lease);
    }

    /// Removes a reservation, and corrects its charges. `used` gets a unit and the charge, and returns what
    /// was really used: without a unit, the most of any.
    fn settle(&mut self, id: &[u8], at: At, used: impl Fn(Option<&[u8]>, u64) -> u64) {
        self.begin(at);
        let Some(more) = self.more.as_deref_mut() else { return };
        let Some(held) = more.reservations.remove(id) else { return self.end() };
        if held.is_lease {
            self.charge_lease(&held, None, &used);
            self.find_end();
            return self.end();
        }
        more.settle_merged(&self.shape, &mut self.states, &held, &used, self.at);
        let limits = self.shape.limits().iter().chain(&more.retired);
        for ((index, limit), place) in limits.enumerate().zip(self.states.iter_mut()) {
            let Measure::Rate(rule) = &limit.measure else { continue };
            let Some((Share { taken, .. }, closed)) = more.reservations.slots().share(index, &held) else {
                continue;
            };
            let used = used(Some(limit.unit.as_bytes()), taken);
            if used == taken || (used < taken && closed) {
                continue;
            }
            // If the limit has started anew since, nothing of the charge is left. Use beyond it still counts.
            let state = place.get_or_insert_with(|| State::new(rule));
            let missing = state.missing(self.at);
            let most = missing.map(|missing| more.reservations.least(index, held.number).unwrap_or(missing));
            if let (true, Some(missing)) = (used > taken, missing) {
                more.reservations.note(index, missing);
            }
            let given = state.amend(&Amendment { at: held.at, taken, used, most }, self.at);
            if given > 0 {
                more.reservations.lower(index, held.number, given);
            }
            if state.empty_at().is_none() {
                *place = None;
            }
        }
        self.find_end();
        self.end();
    }

    fn renew(&mut self, id: &[u8], at: At, expires: At) {
        self.begin(at);
        let expires = self.renewed_until(id, expires);
        if let Some(more) = self.more.as_deref_mut() {
            more.reservations.renew(id, expires);
        }
        self.find_end();
        self.end();
    }

    /// Changes what the limits are told from outside.
    pub(crate) fn told(&mut self, at: At, change: impl FnOnce(&mut Outsides)) -> Expiry {
        let before = self.lived();
        self.begin(at);
        let more = self.more.get_or_insert_default();
        change(&mut more.outsides);
        more.outsides.prune(self.at);
        self.find_end();
        self.end();
        self.ends.expiry(self.shape.longest(), before)
    }

    /// What the expiry of its key depends on.
    fn lived(&self) -> (Ends, Span) {
        (self.ends, self.shape.longest())
    }

    /// Moves the quota to the instant of an effect, and drops what has expired by then. Time never goes back
    /// afterwards.
    fn begin(&mut self, at: At) {
        self.come_to(at);
        self.drop_retired();
    }

    fn come_to(&mut self, at: At) {
        let at = self.now(at);
        if self.more.is_some() {
            self.charge_ended_leases(at);
        }
        self.at = at;
        let Some(more) = self.more.as_deref_mut() else { return };
        more.reservations.prune(self.at);
        more.outsides.prune(self.at);
    }

    /// Finds out when it ends, after a change that may make it end sooner.
    fn find_end(&mut self) {
        self.ends.set(self.empty_at().unwrap_or_else(|| self.ends.at().min(self.at.plus(self.rest()))));
    }

    /// Returns how long an empty key stays, so that it can still report its limits.
    fn rest(&self) -> Span {
        self.shape.longest().max(Span::from_ms(1_000))
    }

    /// Drops empty parts, so that equal quotas have equal bytes.
    fn end(&mut self) {
        let Some(more) = self.more.as_deref_mut() else { return };
        if more.reservations.is_empty() {
            more.reservations = Reservations::default();
            if more.retired.is_empty() && more.merged.is_empty() && more.outsides.is_none() {
                self.more = None;
            }
        }
    }
}
