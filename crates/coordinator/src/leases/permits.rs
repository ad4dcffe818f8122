//! Amounts by unit. There are few units, so they are a list.

use std::sync::Arc;

use smallvec::SmallVec;

/// The name of a unit.
pub(super) type Unit = Arc<[u8]>;

/// What a request costs, by unit. No cost is 0.
pub(crate) type Costs<'a> = SmallVec<[(&'a [u8], u64); 2]>;

/// Amounts by unit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Permits(SmallVec<[(Unit, u64); 2]>);

impl Permits {
    /// These amounts.
    pub(super) fn of<'a>(all: impl IntoIterator<Item = (&'a [u8], u64)>) -> Self {
        Self(all.into_iter().map(|(unit, n)| (Unit::from(unit), n)).collect())
    }

    /// The amount of a unit; `None` if it is not listed.
    pub(crate) fn get(&self, unit: &[u8]) -> Option<u64> {
        self.0.iter().find(|(known, _)| **known == *unit).map(|(_, n)| *n)
    }

    /// All units with their amounts.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], u64)> + Clone {
        self.0.iter().map(|(unit, n)| (&**unit, *n))
    }

    pub(super) fn get_mut(&mut self, unit: &[u8]) -> Option<&mut u64> {
        self.0.iter_mut().find(|(known, _)| **known == *unit).map(|(_, n)| n)
    }

    /// Adds to the amount of a unit.
    pub(super) fn add(&mut self, unit: &[u8], more: u64) {
        match self.get_mut(unit) {
            Some(n) => *n = n.saturating_add(more),
            None => self.0.push((Unit::from(unit), more)),
        }
    }

    /// Lowers the amount of a unit to `most`, or lists it.
    pub(super) fn lower(&mut self, unit: &[u8], most: u64) {
        match self.get_mut(unit) {
            Some(n) => *n = most.min(*n),
            None => self.0.push((Unit::from(unit), most)),
        }
    }

    /// Whether nothing is left of any unit.
    pub(super) fn is_used_up(&self) -> bool {
        self.0.iter().all(|(_, n)| *n == 0)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Each amount less the one of the same unit.
    pub(super) fn less(&self, other: &Self) -> Self {
        let rest =
            |(unit, n): &(Unit, u64)| (Unit::clone(unit), n.saturating_sub(other.get(unit).unwrap_or(0)));
        Self(self.0.iter().map(rest).collect())
    }
}
