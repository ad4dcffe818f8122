//! What the limits of one key are told from outside: a hold on all of them, and what each is told by its name.
//!
//! Names are kept as they were told. A name that the key's limits do not have at the moment, because the policy has
//! changed or the key had no request yet, counts again when it comes back.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::limit::LIMITS_MAX;
use super::name::Name;
use crate::bounded::Bounded;
use crate::limit::codec::future;
use crate::limit::outside::{Image, Outside};
use crate::time::At;

/// The names of limits.
pub type Names<'a> = SmallVec<[&'a [u8]; 4]>;

/// The most names that are kept: those of a request, and those of as many retired limits.
pub(crate) const NAMES_MAX: usize = 2 * LIMITS_MAX;

/// What the limits of one key are told from outside.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outsides {
    /// Nobody is admitted before this instant, whatever limits are asked.
    all: At,
    /// What single limits are told, sorted by name.
    limits: Vec<(Name, Outside)>,
}

impl Outsides {
    /// Returns until when all limits are held.
    #[must_use]
    pub const fn all(&self) -> At {
        self.all
    }

    /// Returns what the limit `name` is told.
    #[must_use]
    pub fn limit(&self, name: &[u8]) -> Outside {
        self.place(name)
            .ok()
            .and_then(|at| self.limits.get(at))
            .map_or(Outside::NONE, |(_, outside)| *outside)
    }

    /// Returns whether nothing is told.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.all == At::MIN && self.limits.is_empty()
    }

    /// Returns whether any limit is held at `now`.
    #[must_use]
    pub fn is_held(&self, now: At) -> bool {
        self.all > now || self.limits.iter().any(|(_, outside)| outside.held > now)
    }

    /// Returns when all of it is over.
    #[must_use]
    pub fn last(&self) -> At {
        self.limits.iter().map(|(_, outside)| outside.last()).fold(self.all, At::max)
    }

    /// Whether a file needs the long form for any limit.
    pub(crate) fn is_long(&self) -> bool {
        self.limits.iter().any(|(_, outside)| outside.is_long())
    }

    /// Holds all limits until `until`, or one of them.
    pub(crate) fn hold(&mut self, name: Option<&[u8]>, until: At) {
        match name {
            None => self.all = until,
            Some(name) => self.change(name, |outside| outside.held = until),
        }
    }

    /// Lifts every hold.
    pub(crate) fn lift(&mut self) {
        self.all = At::MIN;
        self.limits.iter_mut().for_each(|(_, outside)| outside.held = At::MIN);
    }

    /// Forgets what is over at `now`.
    pub(crate) fn prune(&mut self, now: At) {
        if self.all <= now {
            self.all = At::MIN;
        }
        self.limits.iter_mut().for_each(|(_, outside)| *outside = outside.at(now));
        self.limits.retain(|(_, outside)| *outside != Outside::NONE);
    }

    /// Changes what the limit `name` is told.
    pub(crate) fn change(&mut self, name: &[u8], change: impl FnOnce(&mut Outside)) {
        let at = match self.place(name) {
            Ok(at) => at,
            Err(at) => match Name::new(name) {
                Some(name) if self.limits.len() < NAMES_MAX => {
                    self.limits.insert(at, (name, Outside::NONE));
                    at
                }
                Some(_) | None => return, // a request is refused before that
            },
        };
        if let Some((_, outside)) = self.limits.get_mut(at) {
            change(outside);
        }
    }

    /// Returns how many names there would be with these.
    pub(crate) fn names_with<'n>(&self, names: impl Iterator<Item = &'n [u8]>) -> usize {
        self.limits.len().saturating_add(names.filter(|name| self.place(name).is_err()).count())
    }

    fn place(&self, name: &[u8]) -> Result<usize, usize> {
        self.limits.binary_search_by(|(known, _)| known.as_bytes().cmp(name))
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        let names = self.limits.iter().map(|(name, _)| name.as_bytes().len().max(16));
        let list = size_of::<(Name, Outside)>().saturating_mul(self.limits.capacity());
        names.fold(list, usize::saturating_add)
    }
}

/// As files have it: until when all limits are held, and what each limit is told.
#[derive(Serialize, Deserialize)]
pub(crate) struct OutsidesImage<'a, I> {
    all: u64,
    #[serde(borrow)]
    limits: Bounded<(&'a [u8], I), NAMES_MAX>,
}

impl<'a, I: Image> OutsidesImage<'a, I> {
    pub(crate) fn of(outsides: &'a Outsides) -> Self {
        let limits = outsides.limits.iter().map(|(name, outside)| (name.as_bytes(), I::of(outside)));
        Self { all: outsides.all.ms(), limits: Bounded(limits.collect()) }
    }

    /// Returns what it says, or `None` if no command leads to it.
    pub(crate) fn outsides(self) -> Option<Outsides> {
        let limits = self.limits.0.into_iter().map(|(name, outside)| {
            let outside = outside.outside().filter(|outside| *outside != Outside::NONE)?;
            Some((Name::new(name)?, outside))
        });
        let limits: Vec<_> = limits.collect::<Option<_>>()?;
        let sorted = limits.is_sorted_by(|(one, _), (other, _)| one < other);
        sorted.then_some(Outsides { all: future(self.all)?, limits })
    }
}
