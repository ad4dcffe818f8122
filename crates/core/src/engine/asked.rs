//! A key that a request to quotas asks: how it is opened, and what is asked of it.

use std::sync::Arc;

use super::host::{self, Host};
use crate::fault::Fault;
use crate::grammar::ask::Limits;
use crate::grammar::terms::Reserve;
use crate::queue::QuotaClaim;
use crate::quota::decide::{self, Demand, QuotaDecision};
use crate::quota::limit::PerLimit;
use crate::quota::shape::Shape;
use crate::time::Span;

/// A key of a request, and what its limits say.
pub struct Asked<H: Host> {
    /// Its name.
    pub name: H::Name,
    pub(super) key: H::Key,
    /// The limits that it is asked for.
    pub shape: Arc<Shape>,
    pub(super) costs: PerLimit<u64>,
    /// What they say.
    pub decision: QuotaDecision,
}

impl<H: Host> Asked<H> {
    /// Whether its key changes if the request is admitted.
    pub(super) fn changes(&self, ttl: Option<Span>) -> bool {
        Demand { costs: &self.costs, ttl }.takes()
    }

    /// What it takes if it is admitted.
    pub(super) fn claim(&self, ttl: Option<Span>) -> QuotaClaim {
        QuotaClaim { shape: Arc::clone(&self.shape), costs: self.costs.clone(), ttl }
    }
}

/// A key that was opened, what is asked of it, and the answer of then if the reservation that is asked for is open.
pub(super) type Opened<H> = (<H as Host>::Key, Arc<Shape>, PerLimit<u64>, Option<Box<QuotaDecision>>);

/// Opens a key.
///
/// If the reservation that is asked for is open there, the answer of then stands, whatever became of the policy and of
/// the host's settings since.
#[inline(always)] // what it returns is large
pub(super) fn open<H: Host>(
    host: &mut H,
    name: H::Name,
    limits: Limits<'_>,
    reserve: Option<Reserve<'_>>,
) -> Result<Opened<H>, H::Error> {
    let key = host.open(name);
    if let Some(id) = reserve.and_then(|reserve| reserve.id)
        && let Some((shape, decision)) = repeated(host, &key, id)
    {
        return Ok((key, shape, PerLimit::new(), Some(decision)));
    }
    let (shape, costs) = match limits {
        Limits::Known { shape, costs } => (shape, costs),
        Limits::Policy { name: policy, costs } => {
            let shape = host.policy(policy, name).ok_or(Fault::NoPolicy)?;
            let costs = costs.by_limit(&shape);
            (shape, costs)
        }
    };
    if shape.policy().is_none() && shape.longest() > host.max_window() {
        return Err(Fault::MaxWindow.into());
    }
    Ok((key, shape, costs, None))
}

/// Opens one of several keys. Returns it, and whether the reservation that is asked for is open there.
pub(super) fn ask<H: Host>(
    host: &mut H,
    name: H::Name,
    limits: Limits<'_>,
    reserve: Option<Reserve<'_>>,
) -> Result<(Asked<H>, bool), H::Error> {
    let (key, shape, costs, repeated) = open(host, name, limits, reserve)?;
    let is_open = repeated.is_some();
    let decision = repeated.map_or_else(QuotaDecision::default, |repeated| *repeated);
    Ok((Asked { name, key, shape, costs, decision }, is_open))
}

/// What was answered to the request with this id, if it is open on a key.
#[cold]
fn repeated<H: Host>(host: &H, key: &H::Key, id: &[u8]) -> Option<(Arc<Shape>, Box<QuotaDecision>)> {
    let held = host::quota(host.value(key).ok()?).ok()??;
    let clock = host.clock();
    let reservation = held.reservations()?.get(id, held.now(clock))?;
    let (shape, decision) = decide::repeated(held, reservation, clock);
    Some((shape, Box::new(decision)))
}
