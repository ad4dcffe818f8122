//! One key with its limits: the leases that are open, what the server said last, and what is asked for.

use std::sync::Arc;

use rl_core::quota::shape::Shape;
use rl_core::time::{At, Span};

use super::demand::Demand;
use super::identity::Identity;
use super::permits::{Costs, Permits};
use super::terms::Settlement;
use crate::reply::{Quota, Row};

/// An open lease.
#[derive(Debug)]
pub(super) struct Lease {
    pub(super) id: String,
    /// From when on it is used.
    pub(super) begins: At,
    /// Until when it is used. The server ends it later.
    pub(super) ends: At,
    /// The units that were asked for. One that was not granted is counted by no limit.
    pub(super) asked: Permits,
    pub(super) granted: Permits,
    pub(super) left: Permits,
}

/// A denial that is remembered.
#[derive(Debug)]
pub(super) struct Denial {
    /// Until when it is remembered.
    pub(super) until: At,
    /// When the server said that the request is admitted; `None` for never.
    pub(super) retry: Option<At>,
    /// What was denied; nothing if a lease was granted, but less than was asked for.
    pub(super) costs: Permits,
}

/// A request for a lease that is under way.
#[derive(Debug)]
pub(super) struct Fetching<G> {
    pub(super) number: u64,
    /// What was asked for, once that is known.
    pub(super) asked: Permits,
    pub(super) ttl: Span,
    /// Opened when it is over.
    pub(super) gate: G,
}

/// One key with its limits.
#[derive(Debug)]
pub(super) struct Entry<G> {
    pub(super) identity: Arc<Identity>,
    pub(super) current: Option<Lease>,
    /// The lease after the current one.
    pub(super) next: Option<Lease>,
    pub(super) demand: Demand,
    /// The last reply of the server, and when it came.
    pub(super) reply: Option<(At, Quota)>,
    /// What was free of each unit by the last reply.
    pub(super) free: Permits,
    pub(super) denial: Option<Denial>,
    pub(super) fetching: Option<Fetching<G>>,
    /// What the requests cost that wait for a lease.
    pub(super) waiting: Permits,
    /// No lease is asked for before this.
    pub(super) paused: At,
    /// How long the last request for a lease took.
    pub(super) latency: Span,
    pub(super) last: At,
    pub(super) shape: Option<Arc<Shape>>,
}

impl Lease {
    /// Whether it has permits for these costs.
    pub(super) fn covers(&self, costs: &Costs<'_>) -> bool {
        costs.iter().all(|(unit, cost)| match self.left.get(unit) {
            Some(left) => left >= *cost,
            None => self.asked.get(unit).is_some(),
        })
    }

    fn take(&mut self, costs: &Costs<'_>) {
        for (unit, cost) in costs {
            if let Some(left) = self.left.get_mut(unit) {
                *left = left.saturating_sub(*cost);
            }
        }
    }

    pub(super) fn lifetime(&self) -> Span {
        self.ends.since(self.begins)
    }
}

impl<G> Entry<G> {
    pub(super) fn new(identity: Arc<Identity>, shape: Option<Arc<Shape>>, ttl: Span, now: At) -> Self {
        Self {
            identity,
            current: None,
            next: None,
            demand: Demand::new(ttl, now),
            reply: None,
            free: Permits::default(),
            denial: None,
            fetching: None,
            waiting: Permits::default(),
            paused: now,
            latency: Span::default(),
            last: now,
            shape,
        }
    }

    /// Whether nothing of it would be lost.
    pub(super) fn is_idle(&self, before: At) -> bool {
        self.current.is_none() && self.next.is_none() && self.fetching.is_none() && self.last < before
    }

    /// Ends the leases whose time has passed.
    pub(super) fn expire(&mut self, now: At, settled: &mut Vec<Settlement>) {
        for place in [&mut self.current, &mut self.next] {
            if let Some(lease) = place.take_if(|lease| lease.ends <= now) {
                settled.push(settlement(&self.identity, &lease));
            }
        }
        self.shift();
    }

    fn shift(&mut self) {
        if self.current.is_none() {
            self.current = self.next.take();
        }
    }

    /// Ends all leases.
    pub(super) fn release(&mut self, settled: &mut Vec<Settlement>) {
        for lease in [self.current.take(), self.next.take()].into_iter().flatten() {
            settled.push(settlement(&self.identity, &lease));
        }
    }

    /// Takes the costs out of a lease; returns whether there were enough permits.
    pub(super) fn take(&mut self, costs: &Costs<'_>, settled: &mut Vec<Settlement>) -> bool {
        let is_in = |lease: &Option<Lease>| lease.as_ref().is_some_and(|lease| lease.covers(costs));
        if !is_in(&self.current) {
            if !is_in(&self.next) {
                return false;
            }
            if let Some(lease) = self.current.take() {
                settled.push(settlement(&self.identity, &lease));
            }
            self.shift();
        }
        if let Some(lease) = &mut self.current {
            lease.take(costs);
        }
        if let Some(lease) = self.current.take_if(|lease| lease.left.is_used_up() && !lease.left.is_empty()) {
            settled.push(settlement(&self.identity, &lease));
            self.shift();
        }
        true
    }

    /// Whether the leases have some of a unit of these costs, but too little.
    pub(super) fn is_short(&self, costs: &Costs<'_>) -> bool {
        let is_less = |lease: &Lease| {
            costs.iter().any(|(unit, cost)| lease.left.get(unit).is_some_and(|left| left < *cost))
        };
        [&self.current, &self.next].into_iter().flatten().any(is_less)
    }

    /// Whether a remembered denial denies these costs.
    pub(super) fn denies(&self, costs: &Costs<'_>, now: At) -> bool {
        let Some(denial) = self.denial.as_ref().filter(|denial| now < denial.until) else { return false };
        let cost = |unit: &[u8]| costs.iter().find(|(known, _)| *known == unit).map_or(0, |(_, cost)| *cost);
        costs.iter().any(|(unit, cost)| self.free.get(unit).is_some_and(|free| *cost > free))
            || !denial.costs.is_empty() && denial.costs.iter().all(|(unit, denied)| cost(unit) >= denied)
    }

    /// The answer to a request that was taken out of a lease: the last reply, but what remains is what the leases have left.
    pub(super) fn admitted(&self, now: At) -> Quota {
        let row = |at: usize, name: &String, row: &Row, passed: u64| {
            let left = self.unit(at, name).map(|unit| {
                let leases = [&self.current, &self.next].into_iter().flatten();
                leases.filter_map(|lease| lease.left.get(unit)).fold(0, u64::saturating_add)
            });
            let remaining = left.unwrap_or(row.remaining);
            let reset_after_ms = row.reset_after_ms.saturating_sub(passed);
            (name.clone(), Row { allowed: true, remaining, retry_after_ms: 0, reset_after_ms, ..*row })
        };
        let mut answer = Quota { allowed: true, is_leased: true, ..Quota::default() };
        if let Some((at, reply)) = &self.reply {
            let passed = now.since(*at).ms();
            let rows = reply.limits.iter().enumerate();
            answer.limits = rows.map(|(index, (name, known))| row(index, name, known, passed)).collect();
        }
        answer
    }

    /// The answer to a request that a remembered denial denies.
    pub(super) fn denied(&self, now: At) -> Quota {
        let mut answer = Quota { is_leased: true, retry_after_ms: -1, ..Quota::default() };
        if let Some(retry) = self.denial.as_ref().and_then(|denial| denial.retry) {
            answer.retry_after_ms = i64::try_from(retry.since(now).ms()).unwrap_or(i64::MAX).max(1);
        }
        let Some((at, reply)) = &self.reply else { return answer };
        let passed = now.since(*at).ms();
        let blocks = |(_, row): &&(String, Row)| {
            if reply.allowed { row.remaining == 0 } else { !row.allowed }
        };
        answer.blocking = reply.limits.iter().filter(blocks).map(|(name, _)| name.clone()).collect();
        answer.limits = reply.limits.clone();
        for (name, row) in &mut answer.limits {
            row.allowed = !answer.blocking.contains(name);
            row.retry_after_ms = if row.allowed { 0 } else { answer.retry_after_ms };
            row.reset_after_ms = row.reset_after_ms.saturating_sub(passed);
        }
        answer
    }

    /// The unit of a row of a reply, if it is known.
    pub(super) fn unit(&self, index: usize, name: &str) -> Option<&[u8]> {
        let limits = self.shape.as_ref()?.limits();
        let is_of = |limit: &&rl_core::quota::shape::Limit| limit.name.as_bytes() == name.as_bytes();
        let limit = limits.get(index).filter(is_of).or_else(|| limits.iter().find(is_of))?;
        Some(limit.unit.as_bytes())
    }
}

fn settlement(identity: &Arc<Identity>, lease: &Lease) -> Settlement {
    Settlement { identity: Arc::clone(identity), id: lease.id.clone(), used: lease.granted.less(&lease.left) }
}
