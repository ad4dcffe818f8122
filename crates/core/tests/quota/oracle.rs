//! An oracle of a quota that forgets nothing: it keeps every charge on each limit, by the limit's name.
//!
//! Settling corrects a charge in place. For each question, all charges are replayed from the first one to the
//! oracle of the limit's algorithm. So it answers as if the corrected cost had been charged at first.

use std::collections::BTreeMap;

use rl_core::limit::decision::{Decision, Retry};
use rl_core::limit::rule::Rule;
use rl_core::number::COUNT_MAX;
use rl_core::quota::costs::Costs;
use rl_core::quota::shape::{Limit, Measure, Shape};

use crate::common::{at, by_algorithm};

#[derive(Clone, Debug, Default)]
pub(crate) struct Oracle {
    /// The charges (at, cost) of each limit, in order.
    charges: BTreeMap<Vec<u8>, Vec<(u64, u64)>>,
    open: Vec<Open>,
    /// The limits of the last request that changed the key.
    in_force: Vec<Limit>,
    /// The last version of each limit.
    latest: BTreeMap<Vec<u8>, Limit>,
}

/// A reservation.
#[derive(Clone, Debug)]
struct Open {
    id: Vec<u8>,
    expires: u64,
    parts: Vec<Part>,
}

/// What a reservation took of one rate limit, and was answered.
#[derive(Clone, Debug)]
struct Part {
    limit: Limit,
    /// The index of the charge of the limit, if there is one.
    charge: Option<usize>,
    remaining: u64,
    reset_after_ms: u64,
}

impl Oracle {
    /// Decides a request for each limit. The clock may be before the key's own time.
    pub(crate) fn decide(
        &self,
        shape: &Shape,
        costs: &Costs<'_>,
        ttl: Option<u64>,
        clock: u64,
        now: u64,
    ) -> Vec<Decision> {
        let alone = |limit: &Limit| self.row(limit, costs.of(limit.unit.as_bytes()), ttl, clock, now);
        shape.limits().iter().map(alone).collect()
    }

    /// Decides a request for all limits together: if one denies it, it is denied.
    pub(crate) fn answer(
        &self,
        shape: &Shape,
        costs: &Costs<'_>,
        ttl: Option<u64>,
        clock: u64,
        now: u64,
    ) -> Vec<Decision> {
        let rows = self.decide(shape, costs, ttl, clock, now);
        if rows.iter().all(|row| row.allowed) {
            return rows;
        }
        let without = |limit: &Limit| self.row(limit, 0, None, clock, now);
        let standing = shape.limits().iter().map(without);
        rows.into_iter()
            .zip(standing)
            .map(|(row, standing)| if row.allowed { standing } else { row })
            .collect()
    }

    /// Decides a request for one limit.
    fn row(&self, limit: &Limit, cost: u64, ttl: Option<u64>, clock: u64, now: u64) -> Decision {
        match &limit.measure {
            Measure::InFlight(most) => self.in_flight(*most, ttl, clock, now),
            Measure::Rate(rule) => {
                let charges = self.charges.get(limit.name.as_bytes()).map_or(&[][..], Vec::as_slice);
                seen(decide(rule, charges, cost, now), now - clock)
            }
        }
    }

    fn in_flight(&self, limit: u64, ttl: Option<u64>, clock: u64, now: u64) -> Decision {
        let mut ends: Vec<u64> = self.open.iter().map(|open| open.expires).filter(|end| *end > now).collect();
        let open_at = |ends: &[u64], then: u64| ends.iter().filter(|end| **end > then).count() as u64;
        let allowed = ttl.is_none() || open_at(&ends, now) < limit;
        let retry = if allowed {
            Retry::Now
        } else if limit == 0 {
            Retry::Never
        } else {
            Retry::After(ends.iter().filter(|end| open_at(&ends, **end) < limit).min().unwrap() - clock)
        };
        if allowed {
            ends.extend(ttl.map(|ttl| now + ttl));
        }
        Decision {
            allowed,
            limit,
            remaining: limit.saturating_sub(ends.len() as u64),
            retry,
            reset_after_ms: ends.iter().max().map_or(0, |end| end - clock),
            at: at(now),
        }
    }

    /// Charges an admitted request.
    pub(crate) fn admit(
        &mut self,
        shape: &Shape,
        costs: &Costs<'_>,
        reserve: Option<(&[u8], u64)>,
        rows: &[Decision],
        now: u64,
    ) {
        let taken = |limit: &Limit| costs.of(limit.unit.as_bytes());
        if reserve.is_some() || shape.limits().iter().any(|limit| taken(limit) > 0) {
            self.in_force = shape.limits().to_vec();
            self.latest
                .extend(shape.limits().iter().map(|limit| (limit.name.as_bytes().to_vec(), limit.clone())));
            // A limit on reservations has no state to keep.
            let (in_force, in_flight) =
                (&self.in_force, |limit: &Limit| matches!(limit.measure, Measure::InFlight(_)));
            let is_needed = |part: &Part| {
                !in_flight(&part.limit) || in_force.iter().any(|limit| limit.name == part.limit.name)
            };
            self.open.iter_mut().for_each(|open| open.parts.retain(is_needed));
        }
        let mut parts = Vec::new();
        for (limit, row) in shape.limits().iter().zip(rows) {
            let charge = matches!(limit.measure, Measure::Rate(_)).then(|| {
                let charges = self.charges.entry(limit.name.as_bytes().to_vec()).or_default();
                charges.push((now, costs.of(limit.unit.as_bytes())));
                charges.len() - 1
            });
            let (remaining, reset_after_ms) = (row.remaining, row.reset_after_ms);
            parts.push(Part { limit: limit.clone(), charge, remaining, reset_after_ms });
        }
        if let Some((id, ttl)) = reserve {
            self.open.retain(|open| open.id != id);
            self.open.push(Open { id: id.to_vec(), expires: now + ttl, parts });
        }
    }

    fn find(&self, id: &[u8], now: u64) -> Option<usize> {
        self.open.iter().position(|open| open.id == id && open.expires > now)
    }

    /// Returns whether a reservation is open.
    pub(crate) fn is_open(&self, id: &[u8], now: u64) -> bool {
        self.find(id, now).is_some()
    }

    /// Returns the most that an open reservation has taken of a limit that counts `unit`.
    pub(crate) fn taken(&self, id: &[u8], unit: &[u8], now: u64) -> u64 {
        let parts = self.find(id, now).map_or(&[][..], |at| &self.open[at].parts);
        let taken = |part: &Part| {
            let charge = part.charge?;
            Some(self.charges[part.limit.name.as_bytes()][charge].1)
        };
        parts.iter().filter(|part| part.limit.unit.as_bytes() == unit).filter_map(taken).max().unwrap_or(0)
    }

    /// Returns the answer to the request that made a reservation, by the limits that are still known. If none
    /// is known, returns the state of those in force.
    pub(crate) fn repeated(&self, id: &[u8], clock: u64, now: u64) -> Vec<(&[u8], Decision)> {
        let open = &self.open[self.find(id, now).unwrap()];
        if open.parts.is_empty() {
            let stands = |limit| self.row(limit, 0, None, clock, now);
            return self.in_force.iter().map(|limit| (limit.name.as_bytes(), stands(limit))).collect();
        }
        let again = |part: &'_ Part| {
            let (name, limit) = self.latest.get_key_value(part.limit.name.as_bytes()).unwrap();
            let row = self.row(limit, 0, None, clock, now);
            (&name[..], Decision { remaining: part.remaining, reset_after_ms: part.reset_after_ms, ..row })
        };
        open.parts.iter().map(again).collect()
    }

    /// Corrects the charges of a reservation. A bucket is charged for excess use at `now`.
    pub(crate) fn settle(&mut self, id: &[u8], used: impl Fn(&[u8], u64) -> u64, now: u64) {
        let open = self.open.remove(self.find(id, now).unwrap());
        for part in open.parts {
            let (Measure::Rate(rule), Some(charge)) = (&part.limit.measure, part.charge) else { continue };
            let charges = self.charges.get_mut(part.limit.name.as_bytes()).unwrap();
            let taken = charges[charge].1;
            let used = used(part.limit.unit.as_bytes(), taken);
            if matches!(rule, Rule::Bucket(_)) && used > taken {
                charges.push((now, used - taken));
            } else {
                charges[charge].1 = used;
            }
        }
    }

    pub(crate) fn renew(&mut self, id: &[u8], ttl: u64, now: u64) {
        let at = self.find(id, now).unwrap();
        self.open[at].expires = now + ttl;
    }
}

/// Returns the costs of a request that costs nothing of any unit.
pub(crate) fn nothing() -> Costs<'static> {
    let mut costs = Costs::default();
    costs.add(b"requests", 0).unwrap();
    costs
}

/// Decides for a limit with these charges, at the instant of its last charge or later.
pub(crate) fn decide(rule: &Rule, charges: &[(u64, u64)], cost: u64, now: u64) -> Decision {
    let mut oracle = by_algorithm::Oracle::new(rule);
    for (at, cost) in charges.iter().filter(|(_, cost)| *cost > 0) {
        oracle.charge(rule, *cost, *at);
    }
    oracle.decide(rule, cost, now)
}

/// Converts a decision for a clock that is `lag` ms before its instant: all durations get longer by that.
fn seen(decision: Decision, lag: u64) -> Decision {
    let later = |ms: u64| if ms > 0 { (ms + lag).min(COUNT_MAX) } else { 0 };
    let retry = match decision.retry {
        Retry::After(ms) => Retry::After(later(ms)),
        retry => retry,
    };
    Decision { retry, reset_after_ms: later(decision.reset_after_ms), ..decision }
}
