//! Decides a request against all limits of a quota at once: whether it is admitted, and if not, when.

use std::sync::Arc;

use super::Quota;
use super::limit::{Draft, Limit, Measure, PerLimit};
use super::reservation::{Reservation, Share};
use super::shape::Shape;
use super::view::View;
use crate::fault::{Fault, Result};
use crate::limit::decision::{Decision, Retry};
use crate::time::{At, Span};

pub use super::demand::Demand;

/// The decision of one request against one quota.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QuotaDecision {
    /// The decision of each limit, in the order of the shape.
    pub rows: PerLimit<Decision>,
    /// The instant of the decision: the server's clock, but never before the key's last change.
    pub at: At,
}

impl QuotaDecision {
    /// Returns whether all limits admit the request.
    #[must_use]
    #[inline]
    pub fn allowed(&self) -> bool {
        self.rows.iter().all(|row| row.allowed)
    }

    /// Returns when all limits that block will admit the request if nobody else comes.
    #[must_use]
    #[inline]
    pub fn retry(&self) -> Retry {
        let blocking = self.rows.iter().filter(|row| !row.allowed);
        blocking.fold(Retry::Now, |longest, row| longest.max(row.retry))
    }
}

/// Decides a request against a quota and changes nothing. `held` is `None` for a key that does not exist.
///
/// If the request is denied, the rows of the limits that do not block show their state without it.
#[must_use]
pub fn decide(held: Option<&Quota>, shape: &Shape, demand: &Demand<'_>, clock: At) -> QuotaDecision {
    let mut verdict = QuotaDecision::default();
    decide_into(&mut verdict, held, shape, demand, clock);
    verdict
}

/// Does what [`decide`] does, but writes into an empty decision, because a decision is large to move.
pub fn decide_into(
    verdict: &mut QuotaDecision,
    held: Option<&Quota>,
    shape: &Shape,
    demand: &Demand<'_>,
    clock: At,
) {
    let view = View::new(held, shape, clock).lending(demand);
    verdict.at = view.now;
    let mut denied = false;
    for (index, limit) in shape.limits().iter().enumerate() {
        let cost = demand.costs.get(index).copied().unwrap_or(0);
        // After a denial, the other rows show their state without the request, unless they deny it too.
        let (wanted, ttl) = if denied { (0, None) } else { (cost, demand.ttl) };
        let mut row = view.row(index, limit, wanted, ttl);
        if denied && row.remaining < limit.takes(cost, demand.ttl) {
            row = view.row_apart(index, limit, cost, demand.ttl);
        }
        if !row.allowed && !denied {
            denied = true;
            view.restate(&mut verdict.rows);
        }
        verdict.rows.push(row);
    }
    view.finish(&mut verdict.rows, || demand.takes());
}

/// Restates the decision of a request that this quota admits but another key denies.
///
/// The rows then show their state without the request. A decision that denies stays as it is.
pub fn deny(verdict: &mut QuotaDecision, held: Option<&Quota>, shape: &Shape, clock: At) {
    if verdict.allowed() {
        let view = View::new(held, shape, clock);
        view.restate(&mut verdict.rows);
        view.finish(&mut verdict.rows, || false);
    }
}

/// Decides a request without taking anything: all rows that do not block show their state without it.
#[must_use]
pub fn peek(held: &Quota, shape: &Shape, demand: &Demand<'_>, clock: At) -> QuotaDecision {
    let mut verdict = decide(Some(held), shape, demand, clock);
    deny(&mut verdict, Some(held), shape, clock);
    verdict
}

/// Returns the largest share of what is `wanted` that all limits admit, of each limit rounded down, but at least 1.
///
/// `decided` admits 1 of each limit of which anything is wanted.
#[must_use]
pub fn share(shape: &Shape, wanted: &[u64], decided: &QuotaDecision) -> PerLimit<u64> {
    let (mut part, mut whole) = (1_u128, 1_u128);
    let rows = shape.limits().iter().zip(&decided.rows).zip(wanted);
    for ((_, row), wanted) in rows.filter(|((limit, _), wanted)| !limit.is_shadow && **wanted > 0) {
        let (free, wanted) = (u128::from(row.remaining).saturating_add(1), u128::from(*wanted));
        if free.saturating_mul(whole) < part.saturating_mul(wanted) {
            (part, whole) = (free, wanted);
        }
    }
    let of = |wanted: &u64| {
        let share = u128::from(*wanted).saturating_mul(part).checked_div(whole).unwrap_or(0);
        u64::try_from(share).unwrap_or(*wanted).max(1).min(*wanted)
    };
    wanted.iter().map(of).collect()
}

/// Returns the limits that admitted `reservation`, the answer that they gave, and what it took of each.
///
/// It makes no difference what the request asks for now, or of which limits. A limit that the key no longer
/// knows is left out. If the key knows none of them, the answer is the state of the limits in force.
#[must_use]
pub fn repeated(
    held: &Quota,
    reservation: &Reservation,
    clock: At,
) -> (Arc<Shape>, QuotaDecision, PerLimit<u64>) {
    let known = |share: &'_ Share| {
        let position = held.reservations()?.slots().position(share.slot)?;
        Some((held.limits().nth(position)?, (share.remaining, share.reset_after_ms), share.taken))
    };
    let answered: PerLimit<_> = reservation.shares.iter().filter_map(known).collect();
    let drafts: PerLimit<Draft<'_>> = answered.iter().map(|(limit, ..)| limit.draft()).collect();
    let shape = Shape::new(held.shape.policy(), &drafts);
    let answers = if shape.is_ok() { &*answered } else { &[] };
    let shape = shape.unwrap_or_else(|_| Arc::clone(&held.shape));
    let mut verdict = decide(Some(held), &shape, &Demand::NONE, clock);
    for (index, row) in verdict.rows.iter_mut().enumerate() {
        (row.allowed, row.retry) = (true, Retry::Now);
        if let Some((_, answer, _)) = answers.get(index) {
            (row.remaining, row.reset_after_ms) = *answer;
        }
    }
    let taken = answers.iter().map(|(.., taken)| *taken).collect();
    (shape, verdict, taken)
}

/// Checks whether a quota can decide such a request at all.
///
/// # Errors
/// - [`Fault::NeedsReserve`]: a limit counts reservations and the request makes none; a lease is not one
/// - [`Fault::Reservations`], [`Fault::Leases`]: the key holds as many as it may
#[inline]
pub fn allow(held: Option<&Quota>, shape: &Shape, demand: &Demand<'_>, clock: At) -> Result<()> {
    let &Demand { ttl, is_lease, .. } = demand;
    if (ttl.is_none() || is_lease) && shape.counts_reservations() {
        return Err(Fault::NeedsReserve);
    }
    let Some(held) = held else { return Ok(()) };
    if ttl.is_some() && held.reservations().is_some_and(|open| open.is_full(held.now(clock), is_lease)) {
        return Err(if is_lease { Fault::Leases } else { Fault::Reservations });
    }
    Ok(())
}

impl Limit {
    /// Returns how much a request needs to remain: its cost, or 1 if it takes a reservation slot.
    pub(crate) fn takes(&self, cost: u64, ttl: Option<Span>) -> u64 {
        match self.measure {
            Measure::Rate(_) => cost,
            Measure::InFlight(_) => u64::from(ttl.is_some()),
        }
    }
}
