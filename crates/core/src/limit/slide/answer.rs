//! The answers of a sliding window, however its admissions are stored.

use super::SlideRule;
use super::log::View;
use crate::limit::decision::{Decision, Retry, wait_ms};
use crate::time::{At, Span};

/// The admissions that count for one window, however they are stored.
pub(super) trait Counted {
    /// The sum of their costs.
    fn cost(&self) -> u64;

    /// The instant of the first one that, together with all before it, has a cost of `excess` or more; `None` if all together
    /// have less. If `cutoff` is given, it looks at none that is later. An inner `None` is before all of them.
    fn leaves_by(&self, excess: u64, cutoff: Option<Option<At>>) -> Option<At>;
}

impl Counted for View<'_> {
    #[inline(always)] // as `decide`
    fn cost(&self) -> u64 {
        View::cost(self)
    }

    fn leaves_by(&self, excess: u64, cutoff: Option<Option<At>>) -> Option<At> {
        View::leaves_by(self, excess, cutoff)
    }
}

/// Decides a request at `now`, when the clock shows `clock`. `counted` counts then, and the last admission was at `last_at`.
#[inline(always)] // as in `State::decide`
pub(super) fn decide<C: Counted + ?Sized>(
    rule: &SlideRule,
    cost: u64,
    (now, clock): (At, At),
    counted: &C,
    last_at: At,
) -> Decision {
    let used = counted.cost();
    let wanted = used.saturating_add(cost);
    let context = Context { rule, now, clock };
    if wanted <= rule.limit || cost == 0 {
        let last = if cost > 0 { now } else { last_at };
        return context.decision(wanted, last, true, Retry::Now);
    }
    context.decision(used, last_at, false, retry(rule, counted, wanted, cost, clock))
}

/// Looks at what `decide` decides about `cost`, before the request.
pub(super) fn peek(decide: impl Fn(u64) -> Decision, cost: u64) -> Decision {
    let Decision { allowed, retry, .. } = decide(cost);
    Decision { allowed, retry, ..decide(0) }
}

/// The first instant from `from` to `until` at which a request has room. `counted` counts at `from`.
pub(super) fn first_room<C: Counted + ?Sized>(
    rule: &SlideRule,
    cost: u64,
    (from, until): (At, Option<At>),
    counted: &C,
) -> Option<At> {
    let excess = counted.cost().saturating_add(cost).saturating_sub(rule.limit);
    let then = if excess == 0 || cost == 0 {
        from
    } else if cost > rule.limit {
        return None;
    } else {
        let leaves = counted.leaves_by(excess, until.map(|until| until.cutoff(rule.window)))?;
        leaves.plus(rule.window).max(from.plus(Span::from_ms(1)))
    };
    until.is_none_or(|until| then <= until).then_some(then)
}

#[inline(never)]
fn retry<C: Counted + ?Sized>(rule: &SlideRule, counted: &C, wanted: u64, cost: u64, clock: At) -> Retry {
    if cost > rule.limit {
        return Retry::Never;
    }
    match counted.leaves_by(wanted.saturating_sub(rule.limit), None) {
        Some(at) => Retry::After(wait_ms(clock, at.plus(rule.window)).max(1)),
        None => Retry::Never, // not reached: an empty window has room for any cost up to the limit
    }
}

/// What a decision is made from, beside the cost.
struct Context<'a> {
    rule: &'a SlideRule,
    now: At,
    clock: At,
}

impl Context<'_> {
    /// Makes a decision after which `used` counts. `last` is the instant of the last admission.
    fn decision(&self, used: u64, last: At, allowed: bool, retry: Retry) -> Decision {
        let Self { rule, now, clock } = *self;
        let remaining = rule.limit.saturating_sub(used);
        let reset_after_ms = if used == 0 { 0 } else { wait_ms(clock, last.plus(rule.window)) };
        Decision { allowed, limit: rule.limit, remaining, retry, reset_after_ms, at: now }
    }
}
