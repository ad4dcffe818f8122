//! The forecast for a request to one limit.

use super::course::{Course, Waits, Work, play};
use super::stands::{Stands, later};
use crate::grammar::limit::Request;
use crate::limit::decision::{Decision, Retry};
use crate::limit::rule::Rule;
use crate::limit::state::State;
use crate::queue::claim::{Ahead, Claim};
use crate::time::At;

/// What a request to one limit is told, beside the waiters of its line.
#[must_use]
pub fn limit<'a>(
    held: Option<&State>,
    line: impl Iterator<Item = Ahead<'a>>,
    request: &Request,
    stands: &Stands<Decision>,
    clock: At,
) -> Decision {
    let mut line = line.peekable();
    let is_first = line.peek().is_none_or(|first| first.is_lower);
    let line = line.filter_map(|ahead| of_a_limit(&ahead, clock));
    let decided = match stands {
        Stands::Decided(decided) if is_first && !matches!(decided.retry, Retry::After(_)) => return *decided,
        Stands::Decided(decided) if is_first => Some(*decided),
        Stands::Decided(_) | Stands::Leaves => None,
    };
    let mut work = Work::default();
    work.last(held.map_or(clock, |state| state.outside().last()).since(clock));
    let mut course = LimitCourse { copy: held.cloned(), met: None, work, clock };
    let retry = later(clock, play(&mut course, line, request, clock));
    if let Some(decided) = decided {
        return Decision { retry, ..decided };
    }
    let standing = match held {
        Some(state) => state.decide(&request.rule, 0, clock),
        None => Ok(State::decide_new(&request.rule, 0, clock)),
    };
    let standing = standing.unwrap_or_else(|_| State::decide_new(&request.rule, 0, clock));
    let remaining = if is_first { standing.remaining } else { 0 };
    Decision { allowed: false, remaining, retry, ..standing }
}

/// A waiter that asks one limit; `None` if it asks a quota, which this key cannot answer.
fn of_a_limit<'a>(ahead: &Ahead<'a>, clock: At) -> Option<Waits<'a, Request>> {
    let Claim::Limit(claim) = ahead.claim else { return None };
    Some(Waits { claim, gives_up: clock.plus(ahead.time_left), is_lower: ahead.is_lower })
}

/// What a key of one limit holds while waiters go on.
struct LimitCourse {
    copy: Option<State>,
    /// The rule of the last claim.
    met: Option<Rule>,
    work: Work,
    clock: At,
}

impl Course for LimitCourse {
    type Claim = Request;

    fn meet(&mut self, claim: &Request) {
        if self.met == Some(claim.rule) {
            return;
        }
        if self.met.replace(claim.rule).is_some_and(|met| met.window() != claim.rule.window()) {
            self.work.pass(self.copy.as_ref().map_or(0, State::entries));
        }
        self.work.fill(&claim.rule, self.clock);
    }

    fn is_never(&self, claim: &Request) -> bool {
        claim.cost > claim.rule.quota()
    }

    fn turn(&self, claim: &Request, from: At, until: Option<At>) -> Option<At> {
        let Request { rule, cost, .. } = claim;
        let known = self.copy.as_ref().and_then(|state| state.admits(rule, *cost, from, until).ok());
        known.unwrap_or_else(|| State::admits_new(rule, *cost, from, until))
    }

    fn take(&mut self, claim: &Request, at: At) {
        let Request { rule, cost, .. } = claim;
        let copy = self.copy.get_or_insert_with(|| State::new(rule));
        // A waiter for another algorithm is told so when it is its turn.
        let _ = copy.charge(rule, *cost, copy.at().max(at));
    }

    fn work(&self) -> &Work {
        &self.work
    }
}
