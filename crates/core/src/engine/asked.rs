//! A key that a request to quotas asks: how it is opened, and what is asked of it.

use std::sync::Arc;

use super::host::{self, Host};
use crate::fault::Fault;
use crate::grammar::ask::Limits;
use crate::grammar::terms::Reserve;
use crate::queue::QuotaClaim;
use crate::quota::decide::{self, Demand, QuotaDecision};
use crate::quota::limit::PerLimit;
use crate::quota::name::Name;
use crate::quota::shape::Shape;

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
    /// What was granted of each limit, if the request takes as much as there is.
    pub(super) granted: PerLimit<u64>,
}

impl<H: Host> Asked<H> {
    /// Whether its key changes if the request is admitted.
    pub(super) fn changes(&self, reserve: Option<Reserve<'_>>) -> bool {
        demand(&self.costs, reserve).takes()
    }

    /// What it takes if it is admitted.
    pub(super) fn claim(&self, reserve: Option<Reserve<'_>>) -> QuotaClaim {
        let Demand { ttl, is_lease, .. } = demand(&[], reserve);
        QuotaClaim { shape: Arc::clone(&self.shape), costs: self.costs.clone(), ttl, is_lease }
    }

    /// What was granted of each unit, if the request takes as much as there is. Units of which it takes nothing are
    /// missing.
    pub fn granted(&self) -> impl Iterator<Item = (&Name, u64)> {
        let limits = self.shape.limits();
        let first = |index: usize, unit: &Name| limits.iter().take(index).all(|limit| limit.unit != *unit);
        let granted = limits.iter().zip(&self.granted).enumerate();
        let granted = granted.filter(move |(index, (limit, n))| **n > 0 && first(*index, &limit.unit));
        granted.map(|(_, (limit, n))| (&limit.unit, *n))
    }
}

/// What a request asks of the limits of one key.
pub(super) fn demand<'a>(costs: &'a [u64], reserve: Option<Reserve<'_>>) -> Demand<'a> {
    let (ttl, is_lease) = reserve.map_or((None, false), |reserve| (Some(reserve.ttl), reserve.is_lease()));
    Demand { costs, ttl, is_lease }
}

/// A key that was opened, what is asked of it, and the answer of then if the reservation that is asked for is open.
pub(super) type Opened<H> = (<H as Host>::Key, Arc<Shape>, PerLimit<u64>, Option<Box<Repeated>>);

/// What was answered and granted when the request came first.
pub(super) type Repeated = (QuotaDecision, PerLimit<u64>);

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
    let (decision, granted) = repeated.map_or_else(Repeated::default, |repeated| *repeated);
    Ok((Asked { name, key, shape, costs, decision, granted }, is_open))
}

/// What was answered to the request with this id, if it is open on a key.
#[cold]
fn repeated<H: Host>(host: &H, key: &H::Key, id: &[u8]) -> Option<(Arc<Shape>, Box<Repeated>)> {
    let clock = host.clock();
    let held = host::quota(host.value(key).ok()?, clock).ok()??;
    let reservation = held.reservations()?.get(id, held.now(clock))?;
    let (shape, decision, taken) = decide::repeated(held, reservation, clock);
    Some((shape, Box::new((decision, taken))))
}
