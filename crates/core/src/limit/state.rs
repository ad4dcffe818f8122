//! The value of a key: what one limit has counted, in sixteen bytes and what it needs beside them.
//!
//! Over 300 lines: all that can be asked of a state, each for both ways in which it is stored.

use super::Kind;
use super::algorithm::{AlgorithmState as _, Amendment};
use super::decision::{Decision, Expiry};
use super::form::{Form, each_part};
use super::outside::Outside;
use super::rule::Rule;
use super::slide::Slide;
use super::told::Told;
use crate::fault::Result;
use crate::time::{At, Span};

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
pub struct State(Stored);

/// A state as it is stored: alone, or with what it was told from outside, which few are.
#[derive(Clone, Debug)]
enum Stored {
    Alone(Form),
    Told(Box<Told>),
}

impl State {
    /// Makes a state in which nothing is used.
    #[must_use]
    pub fn new(rule: &Rule) -> Self {
        Self::from(Form::new(rule))
    }

    /// Makes such a state in the form that costs least to amend.
    pub(crate) fn to_amend(rule: &Rule) -> Self {
        match rule {
            Rule::Slide(rule) => Form::Slide(Box::new(Slide::new(*rule))).into(),
            Rule::Window(_) | Rule::Bucket(_) => Self::new(rule),
        }
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
        match &self.0 {
            Stored::Alone(form) => form.decide(rule, cost, clock),
            Stored::Told(told) => told.decide(rule, cost, clock),
        }
    }

    /// Returns the first instant from `from` on at which a request of `cost` is admitted under `rule`, if nobody else
    /// comes; `None` if it never is, or only after `until`.
    ///
    /// # Errors
    /// [`Fault::WrongType`](crate::fault::Fault::WrongType) if the key holds another algorithm.
    pub(crate) fn admits(&self, rule: &Rule, cost: u64, from: At, until: Option<At>) -> Result<Option<At>> {
        match &self.0 {
            Stored::Alone(form) => form.admits(rule, cost, from, until),
            Stored::Told(told) => told.admits(rule, cost, from, until),
        }
    }

    /// Does what [`State::admits`] does for a key that does not exist.
    pub(crate) fn admits_new(rule: &Rule, cost: u64, from: At, until: Option<At>) -> Option<At> {
        Form::admits_new(rule, cost, from, until)
    }

    /// Decides a request of `cost` under the rule in force. `remaining` and `reset_after_ms` are those
    /// before the request.
    #[must_use]
    pub fn peek(&self, cost: u64, clock: At) -> Decision {
        match &self.0 {
            Stored::Alone(form) => form.peek(cost, clock),
            Stored::Told(told) => told.peek(cost, clock),
        }
    }

    /// Charges `cost` at `at` under `rule`, whether or not it fits: that was decided before.
    ///
    /// # Errors
    /// [`Kind::held`](crate::limit::Kind::held) if the key holds another algorithm; nothing has changed then.
    #[inline(always)] // as `State::decide`: a quota charges several
    pub fn charge(&mut self, rule: &Rule, cost: u64, at: At) -> Result<Expiry> {
        match &mut self.0 {
            Stored::Alone(form) => form.charge(rule, cost, at),
            Stored::Told(told) => {
                let expiry = told.charge(rule, cost, at)?;
                self.forget(at);
                Ok(expiry)
            }
        }
    }

    /// Returns the instant for which a refund at `clock` is made, or `None` if no cost counts then, so
    /// that nothing would change.
    #[must_use]
    pub fn refundable(&self, clock: At) -> Option<At> {
        each_part!(self.parts(), part => part.in_use(clock).then(|| part.now(clock)))
    }

    /// Gives `cost` back at `at`, at most what is used.
    pub fn refund(&mut self, cost: u64, at: At) -> Expiry {
        match &mut self.0 {
            Stored::Alone(form) => form.refund(cost, at),
            Stored::Told(told) => {
                let expiry = told.refund(cost, at);
                self.forget(at);
                expiry
            }
        }
    }

    /// Corrects a charge of the past at `at`. Returns by how much [`State::missing`] falls.
    pub fn amend(&mut self, charge: &Amendment, at: At) -> u128 {
        match &mut self.0 {
            Stored::Alone(form) => form.amend(charge, at),
            Stored::Told(told) => told.form.as_mut().map_or(0, |form| form.amend(charge, at)),
        }
    }

    /// Returns what it was told from outside.
    #[must_use]
    pub fn outside(&self) -> Outside {
        match &self.0 {
            Stored::Alone(_) => Outside::NONE,
            Stored::Told(told) => told.outside,
        }
    }

    /// Returns what remains under `rule` at `at`, whatever it was told from outside.
    pub(crate) fn alone_remaining(&self, rule: &Rule, at: At) -> u64 {
        let decided =
            self.form().map_or_else(|| Ok(Form::decide_new(rule, 0, at)), |form| form.decide(rule, 0, at));
        // Another algorithm has counted: what it has used counts.
        decided
            .map_or_else(|_| rule.quota().saturating_sub(self.used_cost(at)), |decision| decision.remaining)
    }

    /// Replaces what it was told from outside by what of `outside` is in force at `at`.
    pub fn tell(&mut self, outside: Outside, at: At) -> Expiry {
        match &mut self.0 {
            Stored::Told(told) => told.outside = outside,
            Stored::Alone(_) => {
                let alone = core::mem::replace(self, Self::unknown(outside));
                *self = alone.told(outside);
            }
        }
        self.forget(at);
        self.form_mut().into_iter().for_each(|form| form.forget_expiry());
        Expiry::at(self.empty_at().filter(|end| *end > at).unwrap_or_else(|| at.plus(Outside::REST)))
    }

    /// Returns the same state, told `outside`.
    #[must_use]
    pub(crate) fn told(self, outside: Outside) -> Self {
        let form = match self.0 {
            Stored::Alone(form) => Some(form),
            Stored::Told(told) => told.form,
        };
        Self(Stored::Told(Box::new(Told { form, outside })))
    }

    /// Returns the state of a key that was told something before its first request.
    ///
    /// Any algorithm may be asked of it. Its own rule says nothing.
    #[must_use]
    pub(crate) fn unknown(outside: Outside) -> Self {
        Self(Stored::Told(Box::new(Told { form: None, outside })))
    }

    /// Forgets what it was told from outside if that is over at `at`.
    #[cold]
    fn forget(&mut self, at: At) {
        if let Stored::Told(told) = &mut self.0 {
            told.outside = told.outside.at(at);
            if told.outside == Outside::NONE
                && let Some(form) = told.form.take()
            {
                self.0 = Stored::Alone(form);
            }
        }
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
        self.form()?.missing(at)
    }

    /// Returns how many ms from `clock` on a bucket is missing more than the capacity of `rule`; 0 if it
    /// is not, and for another algorithm.
    #[must_use]
    pub fn excess_ms(&self, rule: &Rule, clock: At) -> u64 {
        let (Parts::Bucket(counter), Rule::Bucket(rule)) = (self.parts(), rule) else { return 0 };
        counter.excess_ms(rule, clock)
    }

    /// Returns how long a charge counts for callers of other rules, whatever the rule in force says.
    #[must_use]
    pub(crate) fn retained(&self) -> Span {
        each_part!(self.parts(), part => part.retained())
    }

    /// Returns the instant from which a new key would decide alike, or `None` if it would now.
    #[must_use]
    pub fn empty_at(&self) -> Option<At> {
        match &self.0 {
            Stored::Alone(form) => form.empty_at(),
            Stored::Told(told) => told.empty_at(),
        }
    }

    /// Returns the state by its algorithm.
    #[must_use]
    pub fn parts(&self) -> Parts<'_> {
        match &self.0 {
            Stored::Alone(form) => form.parts(),
            Stored::Told(told) => told.parts(),
        }
    }

    /// Returns what it has counted, if it has had a request.
    fn form(&self) -> Option<&Form> {
        match &self.0 {
            Stored::Alone(form) => Some(form),
            Stored::Told(told) => told.form.as_ref(),
        }
    }

    fn form_mut(&mut self) -> Option<&mut Form> {
        match &mut self.0 {
            Stored::Alone(form) => Some(form),
            Stored::Told(told) => told.form.as_mut(),
        }
    }

    /// Returns whether a request of an algorithm finds its own state here.
    #[inline]
    pub(crate) fn takes(&self, kind: Kind) -> bool {
        self.form().is_none_or(|form| form.kind() == kind)
    }

    const fn is_told(&self) -> bool {
        matches!(self.0, Stored::Told(_))
    }

    /// Returns the number of entries that a walk of it passes.
    pub(crate) fn entries(&self) -> usize {
        self.form().map_or(0, Form::entries)
    }

    /// Returns the memory beside itself, in bytes as asked for.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let told = self.is_told().then_some(size_of::<Told>());
        told.unwrap_or(0).saturating_add(self.form().map_or(0, Form::heap_bytes))
    }

    /// Returns the number of allocations of that memory.
    #[must_use]
    pub fn allocations(&self) -> usize {
        usize::from(self.is_told()).saturating_add(self.form().map_or(0, Form::allocations))
    }

    /// Hands each allocation to a memory manager that may move it.
    pub fn relocate(&mut self, mover: &mut impl Relocate) {
        match &mut self.0 {
            Stored::Alone(form) => form.relocate(mover),
            Stored::Told(told) => {
                mover.boxed(told);
                if let Some(form) = &mut told.form {
                    form.relocate(mover);
                }
            }
        }
    }
}

impl From<Form> for State {
    fn from(form: Form) -> Self {
        Self(Stored::Alone(form))
    }
}

/// Two states are equal if they hold the same, in whichever form.
impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        self.parts() == other.parts() && self.outside() == other.outside()
    }
}
