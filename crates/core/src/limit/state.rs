//! The value of a key: what one limit has counted, in sixteen bytes and what it needs beside them.

use super::algorithm::{AlgorithmState as _, Amendment};
use super::decision::{Decision, Expiry};
use super::form::{Form, change_part, each_part};
use super::rule::Rule;
use crate::fault::Result;
use crate::time::At;

pub use super::form::{Parts, Relocate};

/// The state of one limit, whichever algorithm it has.
///
/// ```
/// use rl_core::fault::Fault;
/// use rl_core::limit::bucket::BucketRule;
/// use rl_core::limit::slide::SlideRule;
/// use rl_core::limit::{rule::Rule, state::State};
/// use rl_core::number::Decimal;
/// use rl_core::time::{At, Span};
///
/// let slide = Rule::from(SlideRule { limit: 10, window: Span::from_ms(1_000) });
/// let mut state = State::new(&slide);
/// let at = At::from_ms(5_000);
/// state.charge(&slide, 4, at)?;
/// assert_eq!(state.used_cost(at), 4);
/// assert_eq!(state.peek(0, at).remaining, 6);
///
/// // A key has one algorithm.
/// let refill = Decimal { mantissa: 1, scale: 0 };
/// let bucket = Rule::from(BucketRule::new(10, refill, Span::from_ms(1_000)).unwrap());
/// assert_eq!(state.decide(&bucket, 1, at), Err(Fault::HoldsSlide));
/// # Ok::<(), Fault>(())
/// ```
#[derive(Clone, Debug)]
pub struct State(Form);

impl State {
    /// Makes a state in which nothing is used.
    #[must_use]
    pub fn new(rule: &Rule) -> Self {
        Self(Form::new(rule))
    }

    /// Decides a request on a key that does not exist.
    #[must_use]
    pub fn decide_new(rule: &Rule, cost: u64, clock: At) -> Decision {
        Form::decide_new(rule, cost, clock)
    }

    /// Decides a request of `cost` under `rule` at `clock`, and changes nothing.
    ///
    /// # Errors
    /// [`Kind::held`](crate::limit::Kind::held) if the key holds another algorithm.
    #[inline(always)] // a decision is large: what returns it copies it
    pub fn decide(&self, rule: &Rule, cost: u64, clock: At) -> Result<Decision> {
        self.0.decide(rule, cost, clock)
    }

    /// Returns the first instant from `from` on at which a request of `cost` is admitted under `rule`, if nobody else
    /// comes; `None` if it never is, or only after `until`.
    ///
    /// # Errors
    /// [`Fault::WrongType`](crate::fault::Fault::WrongType) if the key holds another algorithm.
    pub(crate) fn admits(&self, rule: &Rule, cost: u64, from: At, until: Option<At>) -> Result<Option<At>> {
        self.0.admits(rule, cost, from, until)
    }

    /// Does what [`State::admits`] does for a key that does not exist.
    pub(crate) fn admits_new(rule: &Rule, cost: u64, from: At, until: Option<At>) -> Option<At> {
        Form::admits_new(rule, cost, from, until)
    }

    /// Decides a request of `cost` under the rule in force. `remaining` and `reset_after_ms` are those
    /// before the request.
    #[must_use]
    pub fn peek(&self, cost: u64, clock: At) -> Decision {
        each_part!(self.parts(), part => part.peek(cost, clock))
    }

    /// Charges `cost` at `at` under `rule`, whether or not it fits: that was decided before.
    ///
    /// # Errors
    /// [`Kind::held`](crate::limit::Kind::held) if the key holds another algorithm; nothing has changed then.
    #[inline(always)] // as `State::decide`: a quota charges several
    pub fn charge(&mut self, rule: &Rule, cost: u64, at: At) -> Result<Expiry> {
        self.0.charge(rule, cost, at)
    }

    /// Returns the instant for which a refund at `clock` is made, or `None` if no cost counts then, so
    /// that nothing would change.
    #[must_use]
    pub fn refundable(&self, clock: At) -> Option<At> {
        each_part!(self.parts(), part => part.in_use(clock).then(|| part.now(clock)))
    }

    /// Gives `cost` back at `at`, at most what is used.
    pub fn refund(&mut self, cost: u64, at: At) -> Expiry {
        change_part!(self.0, part => part.refund(cost, at))
    }

    /// Corrects a charge of the past at `at`. Returns by how much [`State::missing`] falls.
    pub fn amend(&mut self, charge: &Amendment, at: At) -> u128 {
        change_part!(self.0, part => part.amend(charge, at))
    }

    /// Returns the same usage under another rule.
    ///
    /// If that rule has another algorithm, all used cost counts from the last change on.
    #[must_use]
    pub fn under(&self, rule: &Rule) -> Self {
        let mut state = Self::new(rule);
        let (used, at) = (self.used_cost(self.at()), self.at());
        if used > 0 {
            let _ = state.charge(rule, used, at); // the algorithm is the rule's own
        }
        state
    }

    /// Returns the rule in force: that of the last admission.
    #[must_use]
    pub fn rule(&self) -> Rule {
        each_part!(self.parts(), part => part.rule().into())
    }

    /// Returns the cost that counts at `clock` under the rule in force, rounded up.
    #[must_use]
    pub fn used_cost(&self, clock: At) -> u64 {
        each_part!(self.parts(), part => part.used_cost(part.now(clock)))
    }

    /// Returns the instant of the last change.
    #[must_use]
    pub fn at(&self) -> At {
        each_part!(self.parts(), part => part.at())
    }

    /// Returns what a bucket is missing at `at`, in its own units. `at` is not before the last change.
    ///
    /// Returns `None` for an algorithm of which used cost does not come back little by little.
    #[must_use]
    pub fn missing(&self, at: At) -> Option<u128> {
        each_part!(self.parts(), part => part.missing(at))
    }

    /// Returns how many ms from `clock` on a bucket is missing more than the capacity of `rule`; 0 if it
    /// is not, and for another algorithm.
    #[must_use]
    pub fn excess_ms(&self, rule: &Rule, clock: At) -> u64 {
        let (Parts::Bucket(counter), Rule::Bucket(rule)) = (self.parts(), rule) else { return 0 };
        counter.excess_ms(rule, clock)
    }

    /// Returns the instant from which a new key would decide alike, or `None` if it would now.
    #[must_use]
    pub fn empty_at(&self) -> Option<At> {
        each_part!(self.parts(), part => part.empty_at())
    }

    /// Returns the state by its algorithm.
    #[must_use]
    pub fn parts(&self) -> Parts<'_> {
        self.0.parts()
    }

    /// Returns the number of entries that a walk of it passes.
    pub(crate) fn entries(&self) -> usize {
        self.0.entries()
    }

    /// Returns the memory beside itself, in bytes as asked for.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.0.heap_bytes()
    }

    /// Returns the number of allocations of that memory.
    #[must_use]
    pub fn allocations(&self) -> usize {
        self.0.allocations()
    }

    /// Hands each allocation to a memory manager that may move it.
    pub fn relocate(&mut self, mover: &mut impl Relocate) {
        self.0.relocate(mover);
    }
}

impl From<Form> for State {
    fn from(form: Form) -> Self {
        Self(form)
    }
}

/// Two states are equal if they hold the same, in whichever form.
impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        self.parts() == other.parts()
    }
}
