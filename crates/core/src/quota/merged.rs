//! A merged limit: retired limits of one key that are counted together, and by which names it is found.
//!
//! How limits are merged and what they are charged is in `merging.rs`.

use serde::{Deserialize, Serialize};

use super::limit::{Limit, Measure};
use super::name::Name;
use crate::bounded::Bounded;
use crate::limit::merge::merged_rule;
use crate::limit::rule::{Rule, RuleImage};

/// Retired limits that are counted together.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Merged {
    names: Names,
    /// The unit that all of them count. `None` if they count different ones.
    pub(super) unit: Option<Name>,
    /// The rule of its state: of a sliding window or a bucket.
    pub(super) rule: Rule,
    /// The rule of its members. `None` if they age differently.
    members: Option<Rule>,
}

const WORDS: usize = 16;

/// A Bloom filter of names, of 1,024 bits. With 100 names it takes one new name in a hundred for a known one.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Names([u64; WORDS]);

impl Names {
    /// Returns the bits of a name: four, from the FNV-1a hash of its bytes.
    fn bits(name: &Name) -> impl Iterator<Item = (usize, u64)> {
        let hash = name.as_bytes().iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let hash = (hash ^ hash >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (0..4_u32).map(move |turn| {
            let bit = hash.rotate_left(turn.saturating_mul(16));
            ((bit >> 6 & 15) as usize, 1 << (bit & 63))
        })
    }

    fn of(name: &Name) -> Self {
        let mut words = [0; WORDS];
        for (word, bit) in Self::bits(name) {
            if let Some(word) = words.get_mut(word) {
                *word |= bit;
            }
        }
        Self(words)
    }

    fn contains(&self, name: &Name) -> bool {
        Self::bits(name).all(|(word, bit)| self.0.get(word).is_some_and(|word| word & bit != 0))
    }

    fn joined(mut self, other: &Self) -> Self {
        self.0.iter_mut().zip(other.0).for_each(|(word, other)| *word |= other);
        self
    }
}

impl Merged {
    /// Returns a retired limit as a merged one of one member. `None` for a limit on open reservations, which is
    /// never retired.
    pub(super) fn single(limit: &Limit) -> Option<Self> {
        let Measure::Rate(rule) = limit.measure else { return None };
        let unit = Some(limit.unit.clone());
        Some(Self { names: Names::of(&limit.name), unit, rule, members: Some(rule) })
    }

    /// Returns whether a name may be one of its members.
    pub(super) fn has(&self, name: &Name) -> bool {
        self.names.contains(name)
    }

    /// Returns whether a limit in force must be charged here, too: its own state may not remember what a member
    /// counts.
    pub(super) fn counts_along(&self, limit: &Limit) -> bool {
        let Measure::Rate(rule) = &limit.measure else { return false };
        self.has(&limit.name) && !self.members.is_some_and(|members| members.ages_alike(rule))
    }

    /// Returns how little is lost if both are merged, the least first. `None` if they cannot be.
    pub(super) fn distance(&self, other: &Self) -> Option<u8> {
        merged_rule(&self.rule, &other.rule)?;
        let same_unit = self.unit.is_some() && self.unit == other.unit;
        let alike = self.members.zip(other.members).is_some_and(|(one, other)| one.ages_alike(&other));
        Some(match (same_unit, alike) {
            (true, true) => 0,
            (true, false) => 1,
            (false, true) => 2,
            (false, false) => 3,
        })
    }

    pub(super) fn joined(&self, other: &Self, rule: Rule) -> Self {
        let members = self.members.filter(|one| other.members.is_some_and(|other| one.ages_alike(&other)));
        let unit = self.unit.clone().filter(|_| self.unit == other.unit);
        Self { names: self.names.joined(&other.names), unit, rule, members }
    }
}

/// A merged limit as files have it: the words of the filter, its unit, its rule, and that of its members.
#[derive(Serialize, Deserialize)]
pub(super) struct MergedImage<'a> {
    names: Bounded<u64, WORDS>,
    unit: Option<&'a [u8]>,
    rule: RuleImage,
    members: Option<RuleImage>,
}

impl<'a> MergedImage<'a> {
    /// Returns the image of a merged limit.
    pub(super) fn of(merged: &'a Merged) -> Self {
        Self {
            names: Bounded(merged.names.0.to_vec()),
            unit: merged.unit.as_ref().map(Name::as_bytes),
            rule: RuleImage::of(&merged.rule),
            members: merged.members.as_ref().map(RuleImage::of),
        }
    }

    /// Returns the merged limit, or `None` if this code cannot have written it.
    pub(super) fn read(&self) -> Option<Merged> {
        let unit = match self.unit {
            Some(unit) => Some(Name::new(unit)?),
            None => None,
        };
        let members = match self.members {
            Some(members) => Some(members.rule()?),
            None => None,
        };
        let rule = self.rule.rule().filter(|rule| matches!(rule, Rule::Slide(_) | Rule::Bucket(_)))?;
        Some(Merged { names: Names(self.names.0.as_slice().try_into().ok()?), unit, rule, members })
    }
}
