//! Lets waiters go on, one after another, until it is a request's turn.

use crate::limit::rule::Rule;
use crate::limit::state::State;
use crate::time::{At, Span};

/// How many entries of logs a forecast may pass more than once.
const WORK_MAX: usize = 200_000;

/// What a key holds while waiters go on.
pub(super) trait Course {
    /// What a waiter takes.
    type Claim;

    /// Prepares for a claim. It is called once for each, in order.
    fn meet(&mut self, claim: &Self::Claim);

    /// Whether a claim is never admitted, whoever comes.
    fn is_never(&self, claim: &Self::Claim) -> bool;

    /// The first instant from `from` on at which a claim is admitted; `None` if it is never, or only after `until`.
    fn turn(&self, claim: &Self::Claim, from: At, until: Option<At>) -> Option<At>;

    /// Charges a claim that is admitted at `at`.
    fn take(&mut self, claim: &Self::Claim, at: At);

    /// What is known of its work.
    fn work(&self) -> &Work;
}

/// A waiter of the line.
pub(super) struct Waits<'a, C> {
    pub(super) claim: &'a C,
    /// When its time is over.
    pub(super) gives_up: At,
    /// Whether its lane is lower than the request's, so that it does not hold the request up.
    pub(super) is_lower: bool,
}

/// When a claim is admitted that comes at `clock`, after the waiters of `line`; `None` if it never is.
pub(super) fn play<'a, C: Course>(
    course: &mut C,
    line: impl Iterator<Item = Waits<'a, C::Claim>>,
    own: &C::Claim,
    clock: At,
) -> Option<At>
where
    C::Claim: 'a,
{
    course.meet(own);
    if course.is_never(own) {
        return None;
    }
    let mut at = clock;
    for Waits { claim, gives_up, is_lower } in line {
        course.meet(claim);
        if course.is_never(claim) {
            continue; // it is told so when it is its turn
        }
        if course.work().is_spent() {
            at = at.max(gives_up);
            continue;
        }
        if at > gives_up {
            continue;
        }
        let then = course.turn(claim, at, Some(gives_up));
        // At one instant the line is served before a command: waiters of lower lanes that fit, too.
        let next = then.unwrap_or(gives_up);
        let sooner = || course.turn(own, at, Some(next)).filter(|own| *own < next);
        if is_lower && let Some(own) = sooner() {
            return Some(own);
        }
        if let Some(then) = then {
            course.take(claim, then);
        }
        at = next;
    }
    let work = course.work();
    if work.is_spent() { Some(at.plus(work.vain)) } else { course.turn(own, at, None) }
}

/// How much a forecast has worked, and how long the key is in use at most if it does not finish.
#[derive(Debug, Default)]
pub(super) struct Work {
    /// The entries of logs that were passed more than once, at most.
    passed: usize,
    /// How long it takes until everything that all rules admit has left, one after another.
    vain: Span,
}

impl Work {
    fn is_spent(&self) -> bool {
        self.passed > WORK_MAX
    }

    /// Adds the passing of logs with that many entries.
    pub(super) fn pass(&mut self, entries: usize) {
        self.passed = self.passed.saturating_add(entries);
    }

    /// Adds the time until what a rule admits at once has left.
    pub(super) fn fill(&mut self, rule: &Rule, at: At) {
        let mut full = State::new(rule);
        let _ = full.charge(rule, rule.quota().max(1), at); // it has the rule's algorithm
        let empty = full.empty_at().unwrap_or(at);
        self.last(empty.since(at));
    }

    /// Adds a time.
    pub(super) fn last(&mut self, span: Span) {
        self.vain = Span::from_ms(self.vain.ms().saturating_add(span.ms()));
    }
}
