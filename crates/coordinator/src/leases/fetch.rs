//! Leases from the server: when one is asked for, for how much, and what the reply means.

use rl_core::limit::Kind;
use rl_core::quota::shape::{Limit, Measure};
use rl_core::time::{At, Span};

use super::entry::{Denial, Entry, Fetching, Lease};
use super::permits::{Costs, Permits};
use super::terms::{Settlement, Terms, margin};
use crate::reply::Quota;

/// A key is leased if this many times a request's cost is asked for within a ttl. Below that, leases save nothing.
const WORTH: u64 = 4;
/// A lease takes at most this part of the shortest window, since what is lent counts for as long as it is lent.
const PART: u64 = 20;
/// The shortest lease. Keys with shorter ones are not leased.
const SHORTEST: Span = Span::from_ms(20);
/// A denial is remembered at least for this part of a ttl.
const BREATH: u64 = 64;

/// What to ask the server for.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    /// The most of each unit.
    pub(crate) costs: Permits,
    /// The ttl.
    pub(crate) ttl: Span,
}

/// What came of a request for a lease.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The reply of the server.
    Reply(Quota),
    /// There is none that is understood. The next request is sent after this time.
    Failed(Span),
}

impl<G> Entry<G> {
    /// How long a lease may take; `None` if its windows are too short.
    fn ttl(&self, terms: &Terms) -> Option<Span> {
        let window = |limit: &Limit| match &limit.measure {
            Measure::Rate(rule) if rule.kind() == Kind::Bucket => None, // it refills while something is lent
            Measure::Rate(rule) => rule.window(),
            Measure::InFlight(_) => Some(Span::default()), // a lease would be in flight itself
        };
        let limits = self.shape.as_ref().map(|shape| shape.limits()).unwrap_or_default();
        let windows = limits.iter().filter_map(window).map(|window| Span::from_ms(window.ms() / PART));
        windows.chain([terms.ttl]).min().filter(|ttl| *ttl >= SHORTEST)
    }

    /// Whether leases for requests of these costs save anything. Unless the server has answered once, nobody knows.
    pub(super) fn is_worth(&self, costs: &Costs<'_>, terms: &Terms, now: At) -> bool {
        let Some(ttl) = self.ttl(terms) else { return false };
        let is_busy =
            |(unit, cost): &(&[u8], u64)| self.demand.within(now, unit, ttl) >= cost.saturating_mul(WORTH);
        self.reply.is_some() && now >= self.paused && costs.iter().all(is_busy)
    }

    /// Whether the next lease is due: half of the current one is used, and the rate says that it will be over soon.
    pub(super) fn is_next_due(&self, costs: &Costs<'_>, terms: &Terms, now: At) -> bool {
        if self.next.is_some() || self.fetching.is_some() || !self.is_worth(costs, terms, now) {
            return false;
        }
        if self.denial.as_ref().is_some_and(|denial| now < denial.until) {
            return false;
        }
        let Some(lease) = &self.current else { return false };
        let (lifetime, rest) = (lease.lifetime().ms(), lease.ends.since(now).ms());
        let left = |unit: &[u8]| lease.left.get(unit).unwrap_or(u64::MAX);
        let is_half = rest.saturating_mul(2) <= lifetime
            || lease.granted.iter().any(|(unit, n)| left(unit).saturating_mul(2) <= n);
        // The time until the next lease is there, twice, and some more.
        let lead = (lifetime / 8).saturating_add(self.latency.ms().saturating_mul(2));
        let soon = Span::from_ms(lead);
        let is_soon = || {
            let units = || lease.granted.iter().map(|(unit, _)| unit);
            rest <= lead || units().any(|unit| left(unit) <= self.demand.within(now, unit, soon))
        };
        is_half && is_soon() && self.wanted(terms, now, Span::default()).iter().all(|(_, n)| n > 0)
    }

    /// How much of each unit is wanted now: what is asked for within a lease, at most a share of what was free, but at least
    /// what requests wait for.
    fn wanted(&self, terms: &Terms, now: At, ttl: Span) -> Permits {
        let ttl = if ttl.ms() == 0 { self.ttl(terms).unwrap_or(terms.ttl) } else { ttl };
        let mut units = self.waiting.clone();
        for lease in [&self.current, &self.next].into_iter().flatten() {
            lease.asked.iter().for_each(|(unit, _)| units.add(unit, 0));
        }
        let wanted = units.iter().map(|(unit, waiting)| {
            let need = self.demand.within(now, unit, ttl);
            let need = need.saturating_add(need / 8);
            let parts = terms.holders.saturating_mul(2);
            let share = self.free.get(unit).and_then(|free| free.checked_div(parts)).unwrap_or(0);
            (unit, need.min(share).max(waiting))
        });
        Permits::of(wanted)
    }

    /// What to ask the server for now; `None` if nothing is needed any more.
    pub(super) fn order(&mut self, number: u64, terms: &Terms, now: At) -> Option<Order> {
        self.fetching.as_ref().filter(|fetching| fetching.number == number)?;
        let ttl = self.ttl(terms)?;
        let costs = Permits::of(self.wanted(terms, now, ttl).iter().filter(|(_, n)| *n > 0));
        let fetching = self.fetching.as_mut().filter(|_| !costs.is_empty())?;
        (fetching.asked, fetching.ttl) = (costs.clone(), ttl);
        Some(Order { costs, ttl })
    }

    /// Takes over what a reply tells of the limits.
    pub(super) fn learn(&mut self, now: At, quota: &Quota) {
        let mut free = Permits::default();
        for (index, (name, row)) in quota.limits.iter().enumerate() {
            let limits = self.shape.as_ref().map(|shape| shape.limits()).unwrap_or_default();
            let is_shadow =
                limits.iter().any(|limit| limit.is_shadow && limit.name.as_bytes() == name.as_bytes());
            if let Some(unit) = self.unit(index, name).filter(|_| !is_shadow) {
                free.lower(unit, row.remaining);
            }
        }
        self.free = free;
        self.reply = Some((now, quota.clone()));
    }

    /// Remembers a denial.
    pub(super) fn deny(&mut self, now: At, quota: &Quota, costs: Permits, ttl: Span) {
        let retry_after = u64::try_from(quota.retry_after_ms).ok().map(Span::from_ms);
        let breath = Span::from_ms(ttl.ms() / BREATH).max(Span::from_ms(1));
        let most = ttl.max(breath);
        let until = now.plus(retry_after.unwrap_or(most).clamp(breath, most));
        let retry = retry_after.map(|after| now.plus(after).max(until));
        self.denial = Some(Denial { until, retry, costs });
    }

    /// Takes over what came of a request for a lease. Returns its end at the latest, if there is one now.
    pub(super) fn fetched(
        &mut self,
        fetching: Fetching<G>,
        sent: At,
        now: At,
        outcome: Outcome,
        settled: &mut Vec<Settlement>,
    ) -> (G, Option<At>) {
        let Fetching { asked, ttl, gate, .. } = fetching;
        self.waiting.clear();
        let quota = match outcome {
            Outcome::Reply(quota) => quota,
            Outcome::Failed(pause) => {
                self.paused = now.plus(pause);
                return (gate, None);
            }
        };
        self.latency = now.since(sent);
        self.learn(now, &quota);
        self.denial = None;
        let granted = Permits::of(
            quota.granted.iter().flatten().map(|(unit, n)| (unit.as_bytes(), *n)).filter(|(_, n)| *n > 0),
        );
        let Some(id) = quota.reservation.clone().flatten().filter(|_| quota.allowed) else {
            let one = Permits::of(asked.iter().map(|(unit, _)| (unit, 1)));
            self.deny(now, &quota, one, ttl);
            return (gate, None);
        };
        if granted.iter().any(|(unit, n)| asked.get(unit).is_some_and(|asked| n < asked)) {
            self.deny(now, &quota, Permits::default(), ttl); // there was no more
        }
        let lifetime = self.lifetime(&quota, &granted, ttl);
        let ends = sent.plus(Span::from_ms(lifetime.ms().saturating_sub(margin(lifetime).ms())));
        let lease = Lease { id, begins: now, ends, asked, left: granted.clone(), granted };
        let place = if self.current.is_none() { &mut self.current } else { &mut self.next };
        *place = Some(lease);
        self.expire(now, settled); // the reply may have come late
        (gate, Some(ends))
    }

    /// How long a lease is open at the server: for its ttl, or until a window ends of which it has something.
    fn lifetime(&self, quota: &Quota, granted: &Permits, ttl: Span) -> Span {
        let ends = quota.limits.iter().enumerate().filter_map(|(index, (name, row))| {
            let is_granted = match self.unit(index, name) {
                Some(unit) => granted.get(unit).is_some(),
                None => row.reset_after_ms > 0, // something may be granted of it
            };
            is_granted.then_some(Span::from_ms(row.reset_after_ms))
        });
        ends.chain([ttl]).min().unwrap_or(ttl)
    }
}
