//! What one key holds: a limit of one of the algorithms, in sixteen bytes plus what it must.

use crate::fault::{Fault, Result};
use crate::limit::bucket::BucketRule;
use crate::limit::compact::Compact;
use crate::limit::counter::{Amendment, Counter};
use crate::limit::decision::{Decision, Expiry};
use crate::limit::meter::Meter;
use crate::limit::rule::Rule;
use crate::limit::slide::Slide;
use crate::limit::window::WindowRule;
use crate::time::At;

/// The value of a key.
#[derive(Clone, Debug)]
pub struct State(Kind);

/// The wide forms hold what the packed ones cannot; each state has one form only.
#[derive(Clone, Debug)]
enum Kind {
    Slide(Box<Slide>),
    Window(Compact<WindowRule>),
    WideWindow(Box<Counter<WindowRule>>),
    Bucket(Compact<BucketRule>),
    WideBucket(Box<Counter<BucketRule>>),
}

/// Moves allocations: what is handed over afterwards holds the same, maybe elsewhere.
pub trait Relocate {
    /// Moves a boxed value.
    fn boxed<T>(&mut self, value: &mut Box<T>);
    /// Moves a buffer.
    fn buffer(&mut self, value: &mut Vec<u8>);
}

/// A state taken apart, for those who write it down.
#[derive(Clone, Debug, PartialEq)]
pub enum Parts<'a> {
    /// A sliding window.
    Slide(&'a Slide),
    /// A fixed window.
    Window(Counter<WindowRule>),
    /// A token bucket.
    Bucket(Counter<BucketRule>),
}

impl State {
    /// A state in which nothing is used.
    #[must_use]
    pub fn new(rule: &Rule) -> Self {
        match rule {
            Rule::Slide(rule) => Self::from_slide(Slide::new(*rule)),
            Rule::Window(rule) => Self::from_window(Counter::new(*rule)),
            Rule::Bucket(rule) => Self::from_bucket(Counter::new(*rule)),
        }
    }

    /// A state that holds a sliding window.
    #[must_use]
    pub fn from_slide(slide: Slide) -> Self {
        Self(Kind::Slide(Box::new(slide)))
    }

    /// A state that holds a fixed window.
    #[must_use]
    pub fn from_window(counter: Counter<WindowRule>) -> Self {
        Self(Compact::new(&counter).map_or_else(|| Kind::WideWindow(Box::new(counter)), Kind::Window))
    }

    /// A state that holds a bucket.
    #[must_use]
    pub fn from_bucket(counter: Counter<BucketRule>) -> Self {
        Self(Compact::new(&counter).map_or_else(|| Kind::WideBucket(Box::new(counter)), Kind::Bucket))
    }

    /// What it is made of.
    #[must_use]
    pub fn parts(&self) -> Parts<'_> {
        match &self.0 {
            Kind::Slide(slide) => Parts::Slide(slide),
            Kind::Window(packed) => Parts::Window(packed.unpack()),
            Kind::WideWindow(wide) => Parts::Window(**wide),
            Kind::Bucket(packed) => Parts::Bucket(packed.unpack()),
            Kind::WideBucket(wide) => Parts::Bucket(**wide),
        }
    }

    /// What [`State::decide`] would answer on a key that does not exist.
    #[must_use]
    pub fn decide_new(rule: &Rule, cost: u64, clock: At) -> Decision {
        match rule {
            Rule::Slide(rule) => Slide::new(*rule).decide(rule, cost, clock),
            Rule::Window(rule) => Counter::new(*rule).decide(rule, cost, clock),
            Rule::Bucket(rule) => Counter::new(*rule).decide(rule, cost, clock),
        }
    }

    /// Answers a request of `cost` under `rule` at `clock`, changing nothing.
    ///
    /// # Errors
    /// [`Fault::WrongType`] where the key holds another algorithm.
    #[inline(always)] // a decision is large: what returns it copies it
    pub fn decide(&self, rule: &Rule, cost: u64, clock: At) -> Result<Decision> {
        match (&self.0, rule) {
            (Kind::Slide(slide), Rule::Slide(rule)) => Ok(slide.decide(rule, cost, clock)),
            (Kind::Window(packed), Rule::Window(rule)) => {
                Ok(packed.unpack_for(rule).decide(rule, cost, clock))
            }
            (Kind::Bucket(packed), Rule::Bucket(rule)) => {
                Ok(packed.unpack_for(rule).decide(rule, cost, clock))
            }
            _ => self.decide_wide(rule, cost, clock),
        }
    }

    /// The same for the rare forms.
    #[inline(never)]
    fn decide_wide(&self, rule: &Rule, cost: u64, clock: At) -> Result<Decision> {
        match (&self.0, rule) {
            (Kind::WideWindow(wide), Rule::Window(rule)) => Ok(wide.decide(rule, cost, clock)),
            (Kind::WideBucket(wide), Rule::Bucket(rule)) => Ok(wide.decide(rule, cost, clock)),
            _ => Err(Fault::WrongType),
        }
    }

    /// What a request of `cost` would be answered now under the parameters in force, and how
    /// things stand without it.
    #[must_use]
    pub fn peek(&self, cost: u64, clock: At) -> Decision {
        match self.parts() {
            Parts::Slide(slide) => slide.peek(cost, clock),
            Parts::Window(counter) => counter.peek(cost, clock),
            Parts::Bucket(counter) => counter.peek(cost, clock),
        }
    }

    /// How many ms from `clock` on until a bucket holds no more than the capacity of `rule` allows; 0 if it does
    /// now, and for what is no bucket.
    #[must_use]
    pub fn excess_ms(&self, rule: &Rule, clock: At) -> u64 {
        match (self.parts(), rule) {
            (Parts::Bucket(counter), Rule::Bucket(rule)) => counter.excess_ms(rule, clock),
            _ => 0,
        }
    }

    /// The parameters in force.
    #[must_use]
    pub fn rule(&self) -> Rule {
        match self.parts() {
            Parts::Slide(slide) => Rule::Slide(slide.rule),
            Parts::Window(counter) => Rule::Window(counter.rule),
            Parts::Bucket(counter) => Rule::Bucket(counter.rule),
        }
    }

    /// Cost that counts at `clock` under the parameters in force.
    #[must_use]
    pub fn used_cost(&self, clock: At) -> u64 {
        match self.parts() {
            Parts::Slide(slide) => slide.used_cost(slide.now(clock)),
            Parts::Window(counter) => counter.used_cost(counter.now(clock)),
            Parts::Bucket(counter) => counter.used_cost(counter.now(clock)),
        }
    }

    /// The instant for which a refund at `clock` is made; `None` if nothing used counts then, and so
    /// nothing would change.
    #[must_use]
    pub fn refundable(&self, clock: At) -> Option<At> {
        let (in_use, at) = match self.parts() {
            Parts::Slide(slide) => (slide.in_use(clock), slide.now(clock)),
            Parts::Window(counter) => (counter.in_use(clock), counter.now(clock)),
            Parts::Bucket(counter) => (counter.in_use(clock), counter.now(clock)),
        };
        in_use.then_some(at)
    }

    /// The instant of the last change.
    #[must_use]
    pub fn at(&self) -> At {
        match self.parts() {
            Parts::Slide(slide) => slide.at,
            Parts::Window(counter) => counter.held.at,
            Parts::Bucket(counter) => counter.held.at,
        }
    }

    /// What a bucket is missing at an instant that is not before its last change, in its own units.
    #[must_use]
    pub fn missing(&self, at: At) -> Option<u128> {
        match self.parts() {
            Parts::Bucket(counter) => Some(counter.rule.aged(counter.held, counter.rule.moment(at))),
            Parts::Slide(_) | Parts::Window(_) => None,
        }
    }

    /// Makes what was charged at an instant in the past what was used after all, as seen at `at`. Gives
    /// the amount by which a bucket is missing less.
    pub fn amend(&mut self, charge: &Amendment, at: At) -> u128 {
        if let Kind::Slide(slide) = &mut self.0 {
            slide.amend(charge, at);
            return 0;
        }
        let (state, given) = match self.parts() {
            Parts::Slide(_) => return 0, // was done above
            Parts::Window(mut counter) => {
                counter.amend(charge, at);
                (Self::from_window(counter), 0)
            }
            Parts::Bucket(mut counter) => {
                let given = counter.amend(charge, at);
                (Self::from_bucket(counter), given)
            }
        };
        *self = state;
        given
    }

    /// What it would be under another rule. Where that has another algorithm, all that is used is
    /// counted from the last change on.
    #[must_use]
    pub fn under(&self, rule: &Rule) -> Self {
        let mut state = Self::new(rule);
        let (used, at) = (self.used_cost(self.at()), self.at());
        if used > 0 {
            let _ = state.charge(rule, used, at); // the algorithm is the rule's own
        }
        state
    }

    /// From when on a new key would answer alike, seen from the last change; `None` if it would now.
    #[must_use]
    pub fn empty_at(&self) -> Option<At> {
        match self.parts() {
            Parts::Slide(slide) => slide.empty_at(),
            Parts::Window(counter) => counter.empty_at(),
            Parts::Bucket(counter) => counter.empty_at(),
        }
    }

    /// Books `cost` at `at` under `rule`, whether or not it fits: that was decided before.
    ///
    /// # Errors
    /// [`Fault::WrongType`]; nothing has changed then.
    #[inline(always)] // as `State::decide`: a quota charges several
    pub fn charge(&mut self, rule: &Rule, cost: u64, at: At) -> Result<Expiry> {
        match (&mut self.0, rule) {
            (Kind::Slide(slide), Rule::Slide(rule)) => Ok(slide.charge(rule, cost, at)),
            (Kind::Window(packed), Rule::Window(rule)) => {
                let mut counter = packed.unpack_for(rule);
                let expiry = counter.charge(rule, cost, at);
                if !packed.set(&counter) {
                    self.0 = Kind::WideWindow(Box::new(counter));
                }
                Ok(expiry)
            }
            (Kind::Bucket(packed), Rule::Bucket(rule)) => {
                let mut counter = packed.unpack_for(rule);
                let expiry = counter.charge(rule, cost, at);
                if !packed.set(&counter) {
                    self.0 = Kind::WideBucket(Box::new(counter));
                }
                Ok(expiry)
            }
            _ => self.charge_wide(rule, cost, at),
        }
    }

    /// The same for the rare forms.
    #[inline(never)]
    fn charge_wide(&mut self, rule: &Rule, cost: u64, at: At) -> Result<Expiry> {
        match (&mut self.0, rule) {
            (Kind::WideWindow(wide), Rule::Window(rule)) => {
                let expiry = wide.charge(rule, cost, at);
                *self = Self::from_window(**wide);
                Ok(expiry)
            }
            (Kind::WideBucket(wide), Rule::Bucket(rule)) => {
                let expiry = wide.charge(rule, cost, at);
                *self = Self::from_bucket(**wide);
                Ok(expiry)
            }
            _ => Err(Fault::WrongType),
        }
    }

    /// Gives `cost` back at `at`, down to nothing used.
    pub fn refund(&mut self, cost: u64, at: At) -> Expiry {
        if let Kind::Slide(slide) = &mut self.0 {
            return slide.refund(cost, at);
        }
        let (state, expiry) = match self.parts() {
            Parts::Slide(_) => return Expiry::Same, // was returned above
            Parts::Window(mut counter) => {
                let expiry = counter.refund(cost, at);
                (Self::from_window(counter), expiry)
            }
            Parts::Bucket(mut counter) => {
                let expiry = counter.refund(cost, at);
                (Self::from_bucket(counter), expiry)
            }
        };
        *self = state;
        expiry
    }

    /// Memory that it takes beside itself, in bytes as asked for.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        match &self.0 {
            Kind::Slide(slide) => {
                let longer = slide.longer.as_ref().map_or(0, |longer| size_of_val(&**longer));
                size_of::<Slide>().saturating_add(slide.log.heap_bytes()).saturating_add(longer)
            }
            Kind::Window(_) | Kind::Bucket(_) => 0,
            Kind::WideWindow(wide) => size_of_val(&**wide),
            Kind::WideBucket(wide) => size_of_val(&**wide),
        }
    }

    /// How many allocations that is.
    #[must_use]
    pub fn allocations(&self) -> usize {
        match &self.0 {
            Kind::Slide(slide) => 2_usize.saturating_add(usize::from(slide.longer.is_some())),
            Kind::Window(_) | Kind::Bucket(_) => 0,
            Kind::WideWindow(_) | Kind::WideBucket(_) => 1,
        }
    }

    /// Hands each of them to a memory manager that may move it.
    pub fn relocate(&mut self, mover: &mut impl Relocate) {
        match &mut self.0 {
            Kind::Slide(slide) => {
                mover.boxed(slide);
                if let Some(longer) = &mut slide.longer {
                    mover.boxed(longer);
                }
                mover.buffer(slide.log.buffer_mut());
            }
            Kind::Window(_) | Kind::Bucket(_) => {}
            Kind::WideWindow(wide) => mover.boxed(wide),
            Kind::WideBucket(wide) => mover.boxed(wide),
        }
    }
}

/// Two states are equal when they hold the same.
impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        self.parts() == other.parts()
    }
}
