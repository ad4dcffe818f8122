//! The forecast for a request to a quota.

use std::sync::Arc;

use smallvec::SmallVec;

use super::course::{Course, Waits, Work, play};
use super::stands::{Stands, later};
use crate::limit::decision::{Decision, Retry};
use crate::limit::outside::{Inside as _, Outside};
use crate::limit::rule::Rule;
use crate::queue::claim::{Ahead, Claim, QuotaClaim};
use crate::quota::Quota;
use crate::quota::bounds::ID_MAX;
use crate::quota::decide::{Demand, QuotaDecision, decide};
use crate::quota::effect::{Admission, Reserved};
use crate::quota::leasing::lease_end;
use crate::quota::limit::{Limit, Measure};
use crate::quota::outsides::Outsides;
use crate::quota::rate_alone::RateAlone;
use crate::quota::reservations::Reservations;
use crate::quota::shape::Shape;
use crate::time::At;

/// What a request to a quota is told, beside the waiters of its line.
///
/// If it stands behind others, every limit of which it takes something blocks it. If it is only reserved and takes
/// nothing of any limit, all of them do.
#[must_use]
pub fn quota<'a>(
    held: Option<&Quota>,
    line: impl Iterator<Item = Ahead<'a>>,
    claim: &QuotaClaim,
    stands: Stands<QuotaDecision>,
    clock: At,
) -> QuotaDecision {
    let mut line = line.peekable();
    let is_first = line.peek().is_none_or(|first| first.is_lower);
    let line = line.filter_map(|ahead| of_a_quota(&ahead, clock));
    let decided = match stands {
        Stands::Decided(decided) if is_first && !matches!(decided.retry(), Retry::After(_)) => {
            return decided;
        }
        Stands::Decided(decided) if is_first => Some(decided),
        Stands::Decided(_) | Stands::Leaves => None,
    };
    let mut course = QuotaCourse::new(held, claim, clock);
    let retry = later(clock, play(&mut course, line, claim, clock));
    if let Some(mut decided) = decided {
        let blocking = decided.rows.iter_mut().filter(|row| !row.allowed);
        blocking.for_each(|row| row.retry = row.retry.max(retry));
        return decided;
    }
    let mut verdict = decide(held, &claim.shape, &Demand::NONE, clock);
    let limits = claim.shape.limits().iter().enumerate();
    let takes = |(index, limit): (usize, &Limit)| {
        limit.takes(claim.costs.get(index).copied().unwrap_or(0), claim.ttl) > 0
    };
    let is_only_reserved = claim.ttl.is_some() && !limits.clone().any(takes);
    for (row, limit) in verdict.rows.iter_mut().zip(limits) {
        if takes(limit) || is_only_reserved {
            let remaining = if is_first { row.remaining } else { 0 };
            *row = Decision { allowed: false, remaining, retry, ..*row };
        }
    }
    verdict
}

/// A waiter that asks a quota; `None` if it asks one limit, which this key cannot answer.
fn of_a_quota<'a>(ahead: &Ahead<'a>, clock: At) -> Option<Waits<'a, QuotaClaim>> {
    let Claim::Quota(claim) = ahead.claim else { return None };
    Some(Waits { claim, gives_up: clock.plus(ahead.time_left), is_lower: ahead.is_lower })
}

/// What a quota holds while waiters go on.
struct QuotaCourse<'a> {
    /// What is counted by then, without the reservations: there may be many.
    copy: Quota,
    /// The reservations that the key has now.
    reserved: Option<&'a Reservations>,
    /// When the reservations of the waiters run out, in order.
    ends: SmallVec<[At; 8]>,
    /// The limits of the last claim.
    met: Option<Arc<Shape>>,
    /// The number of leases that waiters were granted.
    leases: u64,
    work: Work,
    clock: At,
}

/// The end of the id of a lease that a waiter will be granted. No caller can give an id of this length.
const FORECAST_ID: &[u8] = &[0; ID_MAX];

impl<'a> QuotaCourse<'a> {
    fn new(held: Option<&'a Quota>, claim: &QuotaClaim, clock: At) -> Self {
        let copy = held.map_or_else(|| Quota::new(Arc::clone(&claim.shape)), Quota::without_reservations);
        let reserved = held.and_then(Quota::reservations);
        let mut work = Work::default();
        work.last(reserved.and_then(Reservations::last).unwrap_or(clock).since(clock));
        work.last(copy.outsides().map_or(clock, Outsides::last).since(clock));
        Self { copy, reserved, ends: SmallVec::new(), met: None, leases: 0, work, clock }
    }

    /// When one limit admits a cost, as [`Course::turn`].
    fn rate(&self, index: usize, rule: &Rule, claim: &QuotaClaim, from: At, until: Option<At>) -> Option<At> {
        let cost = claim.costs.get(index).copied().filter(|cost| *cost > 0);
        let (Some(cost), now) = (cost, self.copy.now(from)) else { return Some(from) };
        let until = until.map(|until| until.max(now)); // if the clock has stepped back, all is decided for `now`
        let (state, lent) = (self.copy.counted(&claim.shape, index), self.copy.lent(&claim.shape, index));
        let alone = RateAlone { state: state.as_deref(), rule, lent: &lent };
        let then = match self.outside(claim, index) {
            None => alone.admits(cost, now, until),
            Some(outside) => outside.admits(&alone, cost, now, until),
        };
        then.map(|then| if then <= now { from } else { then })
    }

    /// What a limit is told from outside, if any is.
    fn outside(&self, claim: &QuotaClaim, index: usize) -> Option<Outside> {
        let outsides = self.copy.outsides()?;
        claim.shape.limits().get(index).map(|limit| outsides.limit(limit.name.as_bytes()))
    }

    /// The first instant from `at` on at which fewer than `most` reservations are open.
    fn frees(&self, most: u64, at: At) -> At {
        let since = self.ends.get(self.ends.partition_point(|end| *end <= at)..).unwrap_or_default();
        let before = self.reserved.map_or(0, |reserved| reserved.open(at));
        let open = before.saturating_add(since.len());
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let Some(excess) = open.checked_sub(most).and_then(|excess| excess.checked_add(1)) else { return at };
        // As many of both kinds together have run out by then as are too many.
        let when = |of_since: usize| {
            let of_before = excess.checked_sub(of_since)?;
            let since = of_since.checked_sub(1).map_or(Some(at), |last| since.get(last).copied())?;
            let before = if of_before > 0 { self.reserved?.frees(of_before, at)? } else { at };
            Some(since.max(before))
        };
        (0..=since.len()).filter_map(when).min().unwrap_or(at)
    }
}

impl Course for QuotaCourse<'_> {
    type Claim = QuotaClaim;

    fn meet(&mut self, claim: &QuotaClaim) {
        self.work.last(claim.ttl.unwrap_or_default());
        if self.met.as_ref().is_some_and(|met| Arc::ptr_eq(met, &claim.shape)) {
            return;
        }
        if self.met.replace(Arc::clone(&claim.shape)).is_some() {
            self.work.pass(self.copy.entries());
        }
        for limit in claim.shape.limits() {
            if let Measure::Rate(rule) = &limit.measure {
                self.work.fill(rule, self.clock);
            }
        }
    }

    fn is_never(&self, claim: &QuotaClaim) -> bool {
        claim.is_never()
    }

    fn turn(&self, claim: &QuotaClaim, from: At, until: Option<At>) -> Option<At> {
        let mut then = from.max(self.copy.outsides().map_or(from, Outsides::all));
        for (index, limit) in claim.shape.limits().iter().enumerate().filter(|(_, limit)| !limit.is_shadow) {
            then = then.max(match &limit.measure {
                Measure::Rate(rule) => self.rate(index, rule, claim, from, until)?,
                Measure::InFlight(most) if claim.ttl.is_some() => {
                    let held = self.outside(claim, index).map_or(from, |outside| outside.held);
                    self.frees(*most, from).max(held)
                }
                Measure::InFlight(_) => from,
            });
        }
        until.is_none_or(|until| then <= until).then_some(then)
    }

    fn take(&mut self, claim: &QuotaClaim, at: At) {
        if !claim.takes() {
            return; // its limits do not come into force either
        }
        let (shape, costs) = (Arc::clone(&claim.shape), claim.costs.clone());
        if let (true, Some(ttl)) = (claim.is_lease, claim.ttl) {
            let at = self.copy.now(at);
            let expires = lease_end(&shape, &costs, at, ttl);
            self.leases = self.leases.saturating_add(1);
            let id = [&self.leases.to_be_bytes()[..], FORECAST_ID].concat();
            let answers = costs.iter().map(|_| (0, 0)).collect();
            let reserved = Some(Reserved { id: &id, expires, answers, is_lease: true });
            self.copy.take(&Admission { shape, at, costs, reserved });
            return;
        }
        self.copy.take(&Admission { shape, at, costs, reserved: None });
        if let Some(ttl) = claim.ttl {
            let end = self.copy.now(at).plus(ttl);
            self.ends.insert(self.ends.partition_point(|other| *other <= end), end);
        }
    }

    fn work(&self) -> &Work {
        &self.work
    }
}
