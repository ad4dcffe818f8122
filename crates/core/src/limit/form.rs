//! How the states of all algorithms fit into sixteen bytes.
//!
//! A counter that fits is stored in place, without an allocation, and so is a sliding window with one admission. A few
//! admissions take a small allocation, a log and the rare counter that does not fit take larger ones.
//!
//! Over 300 lines: each question to a state, once for each form.

use std::borrow::Cow;

use super::Kind;
use super::algorithm::{Algorithm, AlgorithmState, Amendment};
use super::bucket::BucketRule;
use super::compact::Compact;
use super::counter::Counter;
use super::decision::{Decision, Expiry};
use super::rule::{Rule, each_rule};
use super::slide::few::{Few, One, Small};
use super::slide::{Slide, SlideRule};
use super::window::WindowRule;
use crate::fault::Result;
use crate::time::At;

/// A state as it is stored.
#[derive(Clone, Debug)]
pub(crate) enum Form {
    Slide(Box<Slide>),
    OneSlide(One),
    FewSlide(Box<Few>),
    Window(Compact<WindowRule>),
    WideWindow(Box<Counter<WindowRule>>),
    Bucket(Compact<BucketRule>),
    WideBucket(Box<Counter<BucketRule>>),
}

/// A rule that is known by its type, with the state that belongs to it.
pub(super) trait HasState: Algorithm + Into<Rule> {
    /// The state.
    type State: AlgorithmState<Rule = Self> + Into<Form>;
}

impl HasState for SlideRule {
    type State = Slide;
}

impl HasState for WindowRule {
    type State = Counter<Self>;
}

impl HasState for BucketRule {
    type State = Counter<Self>;
}

/// A state by its algorithm.
#[derive(Clone, Debug, PartialEq)]
pub enum Parts<'a> {
    /// A sliding window.
    Slide(Cow<'a, Slide>),
    /// A fixed window.
    Window(Counter<WindowRule>),
    /// A token bucket.
    Bucket(Counter<BucketRule>),
}

/// Runs an expression with a reference to the state of whichever algorithm it has.
macro_rules! each_part {
    ($parts:expr, $part:ident => $result:expr) => {
        match $parts {
            $crate::limit::form::Parts::Slide(ref slide) => {
                let $part: &$crate::limit::slide::Slide = slide;
                $result
            }
            $crate::limit::form::Parts::Window(ref $part) => $result,
            $crate::limit::form::Parts::Bucket(ref $part) => $result,
        }
    };
}
pub(crate) use each_part;

/// Runs an expression that changes the state of whichever algorithm it has, and stores it in the form
/// that fits.
macro_rules! change_part {
    ($form:expr, $part:ident => $result:expr) => {
        match $form {
            Form::Slide(ref mut $part) => $result,
            Form::OneSlide(ref one) => change_part!($form, one.slide(), $part => $result),
            Form::FewSlide(ref few) => change_part!($form, few.slide(), $part => $result),
            Form::Window(ref compact) => change_part!($form, compact.unpack(), $part => $result),
            Form::WideWindow(ref wide) => change_part!($form, **wide, $part => $result),
            Form::Bucket(ref compact) => change_part!($form, compact.unpack(), $part => $result),
            Form::WideBucket(ref wide) => change_part!($form, **wide, $part => $result),
        }
    };
    ($form:expr, $counter:expr, $part:ident => $result:expr) => {{
        let mut $part = $counter;
        let result = $result;
        $form = Form::from($part);
        result
    }};
}

/// Moves allocations: a value that is handed over holds the same afterwards, perhaps elsewhere.
pub trait Relocate {
    /// Moves a boxed value.
    fn boxed<T>(&mut self, value: &mut Box<T>);
    /// Moves boxed values that are beside each other.
    fn slice<T>(&mut self, values: &mut Box<[T]>);
    /// Moves a buffer.
    fn buffer(&mut self, value: &mut Vec<u8>);
}

impl Form {
    pub(super) fn new(rule: &Rule) -> Self {
        each_rule!(rule, rule => unused(rule).into())
    }

    pub(super) fn decide_new(rule: &Rule, cost: u64, clock: At) -> Decision {
        each_rule!(rule, rule => unused(rule).decide(rule, cost, clock))
    }

    #[inline(always)] // as `State::decide`
    pub(super) fn decide(&self, rule: &Rule, cost: u64, clock: At) -> Result<Decision> {
        // The usual forms first.
        match rule {
            Rule::Slide(rule) => match self {
                Self::Slide(slide) => return Ok(slide.decide(rule, cost, clock)),
                Self::FewSlide(few) => return Ok(few.decide(rule, cost, clock)),
                Self::OneSlide(one) => return Ok(one.decide(rule, cost, clock)),
                Self::Window(_) | Self::WideWindow(_) | Self::Bucket(_) | Self::WideBucket(_) => {}
            },
            Rule::Window(rule) => {
                if let Self::Window(compact) = self {
                    return Ok(compact.unpack_for(rule).decide(rule, cost, clock));
                }
            }
            Rule::Bucket(rule) => {
                if let Self::Bucket(compact) = self {
                    return Ok(compact.unpack_for(rule).decide(rule, cost, clock));
                }
            }
        }
        self.decide_any(rule, cost, clock)
    }

    /// Does what [`Form::decide`] does, for any form.
    #[cold]
    #[inline(never)]
    fn decide_any(&self, rule: &Rule, cost: u64, clock: At) -> Result<Decision> {
        each_part!(self.parts(), part => Ok(part.decide(rule.try_into()?, cost, clock)))
    }

    /// See [`AlgorithmState::peek`].
    pub(super) fn peek(&self, cost: u64, clock: At) -> Decision {
        match self {
            Self::OneSlide(one) => one.peek(cost, clock),
            Self::FewSlide(few) => few.peek(cost, clock),
            Self::Slide(_)
            | Self::Window(_)
            | Self::WideWindow(_)
            | Self::Bucket(_)
            | Self::WideBucket(_) => each_part!(self.parts(), part => part.peek(cost, clock)),
        }
    }

    /// See [`AlgorithmState::admits`].
    pub(super) fn admits(&self, rule: &Rule, cost: u64, from: At, until: Option<At>) -> Result<Option<At>> {
        match self {
            Self::OneSlide(one) => Ok(one.admits(rule.try_into()?, cost, from, until)),
            Self::FewSlide(few) => Ok(few.admits(rule.try_into()?, cost, from, until)),
            Self::Slide(_)
            | Self::Window(_)
            | Self::WideWindow(_)
            | Self::Bucket(_)
            | Self::WideBucket(_) => {
                each_part!(self.parts(), part => Ok(part.admits(rule.try_into()?, cost, from, until)))
            }
        }
    }

    /// Does what [`Form::admits`] does for a new key.
    pub(super) fn admits_new(rule: &Rule, cost: u64, from: At, until: Option<At>) -> Option<At> {
        each_rule!(rule, rule => unused(rule).admits(rule, cost, from, until))
    }

    #[inline(always)] // as `State::charge`
    pub(super) fn charge(&mut self, rule: &Rule, cost: u64, at: At) -> Result<Expiry> {
        // The usual forms first.
        match rule {
            Rule::Slide(rule) => {
                let charged = match self {
                    Self::Slide(slide) => return Ok(slide.charge(rule, cost, at)),
                    Self::FewSlide(few) => few.charge(rule, cost, at),
                    Self::OneSlide(one) => one.charged(rule, cost, at).map(|(small, expiry)| {
                        *self = small.into();
                        expiry
                    }),
                    Self::Window(_) | Self::WideWindow(_) | Self::Bucket(_) | Self::WideBucket(_) => None,
                };
                if let Some(expiry) = charged {
                    return Ok(expiry);
                }
            }
            Rule::Window(rule) => {
                if let Self::Window(compact) = self {
                    let mut counter = compact.unpack_for(rule);
                    let expiry = counter.charge(rule, cost, at);
                    if !compact.set(&counter) {
                        *self = Self::WideWindow(Box::new(counter));
                    }
                    return Ok(expiry);
                }
            }
            Rule::Bucket(rule) => {
                if let Self::Bucket(compact) = self {
                    let mut counter = compact.unpack_for(rule);
                    let expiry = counter.charge(rule, cost, at);
                    if !compact.set(&counter) {
                        *self = Self::WideBucket(Box::new(counter));
                    }
                    return Ok(expiry);
                }
            }
        }
        self.charge_any(rule, cost, at)
    }

    /// Does what [`Form::charge`] does, for any form.
    #[cold]
    #[inline(never)]
    fn charge_any(&mut self, rule: &Rule, cost: u64, at: At) -> Result<Expiry> {
        change_part!(*self, part => Ok(part.charge(rule.try_into()?, cost, at)))
    }

    /// Gives `cost` back at `at`, at most what is used.
    pub(super) fn refund(&mut self, cost: u64, at: At) -> Expiry {
        change_part!(*self, part => part.refund(cost, at))
    }

    /// See [`AlgorithmState::amend`].
    pub(super) fn amend(&mut self, charge: &Amendment, at: At) -> u128 {
        change_part!(*self, part => part.amend(charge, at))
    }

    /// Returns the instant from which a new key would decide alike, or `None` if it would now.
    pub(super) fn empty_at(&self) -> Option<At> {
        match self {
            Self::OneSlide(one) => one.empty_at(),
            Self::FewSlide(few) => Some(few.empty_at()),
            Self::Slide(slide) => slide.empty_at(),
            Self::Window(_) | Self::WideWindow(_) | Self::Bucket(_) | Self::WideBucket(_) => {
                each_part!(self.parts(), part => part.empty_at())
            }
        }
    }

    /// See [`AlgorithmState::missing`].
    pub(super) fn missing(&self, at: At) -> Option<u128> {
        match self {
            Self::Slide(_) | Self::OneSlide(_) | Self::FewSlide(_) => None, // each admission leaves all at once
            Self::Window(_) | Self::WideWindow(_) | Self::Bucket(_) | Self::WideBucket(_) => {
                each_part!(self.parts(), part => part.missing(at))
            }
        }
    }

    pub(super) fn parts(&self) -> Parts<'_> {
        match self {
            Self::Slide(slide) => Parts::Slide(Cow::Borrowed(slide)),
            Self::OneSlide(one) => Parts::Slide(Cow::Owned(one.slide())),
            Self::FewSlide(few) => Parts::Slide(Cow::Owned(few.slide())),
            Self::Window(compact) => Parts::Window(compact.unpack()),
            Self::WideWindow(wide) => Parts::Window(**wide),
            Self::Bucket(compact) => Parts::Bucket(compact.unpack()),
            Self::WideBucket(wide) => Parts::Bucket(**wide),
        }
    }

    /// Notes that the key is given another expiry than the last charge has returned.
    pub(super) fn forget_expiry(&mut self) {
        match self {
            Self::Slide(slide) => slide.log.is_timed = false,
            Self::FewSlide(few) => few.forget_expiry(),
            Self::OneSlide(one) => one.forget_expiry(),
            Self::Window(_) | Self::WideWindow(_) | Self::Bucket(_) | Self::WideBucket(_) => {}
        }
    }

    #[inline]
    pub(super) const fn kind(&self) -> Kind {
        match self {
            Self::Slide(_) | Self::OneSlide(_) | Self::FewSlide(_) => Kind::Slide,
            Self::Window(_) | Self::WideWindow(_) => Kind::Window,
            Self::Bucket(_) | Self::WideBucket(_) => Kind::Bucket,
        }
    }

    /// Returns the number of entries in its log.
    pub(super) fn entries(&self) -> usize {
        match self {
            Self::Slide(slide) => usize::try_from(slide.log.entries()).unwrap_or(usize::MAX),
            Self::FewSlide(_) | Self::OneSlide(_) => 0, // too few to matter
            Self::Window(_) | Self::WideWindow(_) | Self::Bucket(_) | Self::WideBucket(_) => 0,
        }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        match self {
            Self::Slide(slide) => {
                let longer = slide.longer.as_ref().map_or(0, |longer| size_of_val(&**longer));
                size_of::<Slide>().saturating_add(slide.log.heap_bytes()).saturating_add(longer)
            }
            Self::FewSlide(few) => size_of_val(&**few),
            Self::OneSlide(_) | Self::Window(_) | Self::Bucket(_) => 0,
            Self::WideWindow(wide) => size_of_val(&**wide),
            Self::WideBucket(wide) => size_of_val(&**wide),
        }
    }

    pub(super) fn allocations(&self) -> usize {
        match self {
            Self::Slide(slide) => 2_usize.saturating_add(usize::from(slide.longer.is_some())),
            Self::OneSlide(_) | Self::Window(_) | Self::Bucket(_) => 0,
            Self::FewSlide(_) | Self::WideWindow(_) | Self::WideBucket(_) => 1,
        }
    }

    pub(super) fn relocate(&mut self, mover: &mut impl Relocate) {
        match self {
            Self::Slide(slide) => {
                mover.boxed(slide);
                if let Some(longer) = &mut slide.longer {
                    mover.boxed(longer);
                }
                mover.buffer(slide.log.buffer_mut());
            }
            Self::FewSlide(few) => mover.boxed(few),
            Self::OneSlide(_) | Self::Window(_) | Self::Bucket(_) => {}
            Self::WideWindow(wide) => mover.boxed(wide),
            Self::WideBucket(wide) => mover.boxed(wide),
        }
    }
}

/// Returns the state of a new key.
#[inline]
fn unused<A: HasState>(rule: &A) -> A::State {
    A::State::new(*rule)
}

impl From<Small> for Form {
    fn from(small: Small) -> Self {
        match small {
            Small::One(one) => Self::OneSlide(one),
            Small::Few(few) => Self::FewSlide(Box::new(few)),
        }
    }
}

impl From<Slide> for Form {
    fn from(slide: Slide) -> Self {
        Small::new(&slide).map_or_else(|| Self::Slide(Box::new(slide)), Self::from)
    }
}

impl From<Counter<WindowRule>> for Form {
    fn from(counter: Counter<WindowRule>) -> Self {
        Compact::new(&counter).map_or_else(|| Self::WideWindow(Box::new(counter)), Self::Window)
    }
}

impl From<Counter<BucketRule>> for Form {
    fn from(counter: Counter<BucketRule>) -> Self {
        Compact::new(&counter).map_or_else(|| Self::WideBucket(Box::new(counter)), Self::Bucket)
    }
}
