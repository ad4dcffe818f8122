//! What a key is told from outside: a hold, or how much is used elsewhere.

use serde::{Deserialize, Serialize};

use crate::bounded::Bounded;
use crate::fault::{Fault, Result};
use crate::limit::checked::{self, future};
use crate::limit::decision::Expiry;
use crate::limit::outside::Outside;
use crate::number::COUNT_MAX;
use crate::quota::limit::{LIMITS_MAX, PerLimit};
use crate::quota::name::Name;
use crate::quota::outsides::{Names, Outsides};
use crate::time::At;
use crate::value::{Held, Value};

/// What a key is told from outside.
#[derive(Clone, Debug, PartialEq)]
pub enum Told<'a> {
    /// Nobody is admitted until an instant.
    Hold {
        /// The instant of the effect.
        at: At,
        /// Until when. [`At::MIN`] lifts the hold.
        until: At,
        /// The limits that are held; none for the whole key.
        limits: Names<'a>,
    },
    /// Something is used elsewhere.
    Sync {
        /// The instant of the effect.
        at: At,
        /// How much of each limit. The one limit of a key without a quota has an empty name.
        limits: PerLimit<Elsewhere<'a>>,
    },
}

/// How much of one limit is used elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elsewhere<'a> {
    /// The name of the limit.
    pub limit: &'a [u8],
    /// How much.
    pub used: u64,
    /// Until when; [`At::MIN`] if it is nothing.
    pub until: At,
    /// When the request was sent whose response told it; [`At::MIN`] if that is unknown or nothing is used.
    pub since: At,
    /// What the limit is there, and until when; [`At::MIN`] if it is not lower. `None` leaves it as it was told before.
    pub lowered: Option<(u64, At)>,
}

impl Elsewhere<'_> {
    /// Tells it to the limit.
    pub(crate) fn apply(&self, outside: &mut Outside) {
        (outside.elsewhere, outside.until, outside.since) = (self.used, self.until, self.since);
        if let Some(lowered) = self.lowered {
            (outside.limit, outside.limit_until) = lowered;
        }
    }
}

impl Told<'_> {
    /// Applies it to the value of a key that exists.
    pub(super) fn apply(&self, value: &mut Value) -> Result<Expiry> {
        match value {
            Value::Limit(state) => {
                if self.has_names() {
                    return Err(state.rule().kind().held());
                }
                let (mut outside, at) = (state.outside(), self.at());
                match self {
                    Self::Hold { until, .. } => outside.held = *until,
                    Self::Sync { limits, .. } => {
                        if let [told] = &**limits {
                            told.apply(&mut outside);
                        }
                    }
                }
                Ok(state.tell(outside, at))
            }
            Value::Quota(quota) => {
                if matches!(self, Self::Sync { limits, .. } if limits.iter().any(|told| told.limit.is_empty()))
                {
                    return Err(Fault::HoldsQuota);
                }
                Ok(quota.told(self.at(), |outsides| self.change(outsides)))
            }
            Value::Held(_) if self.is_long() => Err(Fault::NoLimit), // no command leads to it
            Value::Held(held) => {
                let mut outsides = held.outsides().cloned().unwrap_or_default();
                self.change(&mut outsides);
                outsides.prune(self.at());
                let (held_until, rest) = (outsides.last(), self.at().plus(Outside::REST));
                **held = Held::new(outsides);
                Ok(Expiry::at(held_until.max(rest)))
            }
        }
    }

    /// Makes the value of a key that does not exist. Only a hold makes one.
    pub(super) fn create(&self) -> Option<(Value, Expiry)> {
        let Self::Hold { at, .. } = self else { return None };
        let mut outsides = Outsides::default();
        self.change(&mut outsides);
        outsides.prune(*at);
        let end = outsides.last();
        (!outsides.is_none()).then(|| (Value::Held(Box::new(Held::new(outsides))), Expiry::at(end)))
    }

    fn change(&self, outsides: &mut Outsides) {
        match self {
            Self::Hold { until: At::MIN, limits, .. } if limits.is_empty() => outsides.lift(),
            Self::Hold { until, limits, .. } if limits.is_empty() => outsides.hold(None, *until),
            Self::Hold { until, limits, .. } => {
                limits.iter().for_each(|limit| outsides.hold(Some(limit), *until));
            }
            Self::Sync { limits, .. } => {
                limits.iter().for_each(|told| outsides.change(told.limit, |outside| told.apply(outside)));
            }
        }
    }

    const fn at(&self) -> At {
        match self {
            Self::Hold { at, .. } | Self::Sync { at, .. } => *at,
        }
    }

    /// Whether its short form does not hold all that it says.
    fn is_long(&self) -> bool {
        let is_long = |told: &Elsewhere<'_>| told.lowered.is_some() || told.since > At::MIN;
        matches!(self, Self::Sync { limits, .. } if limits.iter().any(is_long))
    }

    fn has_names(&self) -> bool {
        match self {
            Self::Hold { limits, .. } => !limits.is_empty(),
            Self::Sync { limits, .. } => !matches!(&**limits, [told] if told.limit.is_empty()),
        }
    }
}

/// What a key is told, as it is written.
#[derive(Serialize, Deserialize)]
pub(super) enum ToldImage<'a> {
    Hold {
        at: u64,
        until: u64,
        #[serde(borrow)]
        limits: Bounded<&'a [u8], LIMITS_MAX>,
    },
    Sync {
        at: u64,
        #[serde(borrow)]
        limits: Bounded<(&'a [u8], u64, u64), LIMITS_MAX>,
    },
    /// As `Sync`, with all that a limit can be told.
    LongSync {
        at: u64,
        #[serde(borrow)]
        limits: Bounded<LongSyncImage<'a>, LIMITS_MAX>,
    },
}

/// A name, what is used elsewhere, until when and since when, and what the limit is there and until when.
type LongSyncImage<'a> = (&'a [u8], u64, u64, u64, Option<(u64, u64)>);

impl<'a> ToldImage<'a> {
    pub(super) fn of(told: &Told<'a>) -> Self {
        match told {
            Told::Hold { at, until, limits } => {
                Self::Hold { at: at.ms(), until: until.ms(), limits: Bounded(limits.to_vec()) }
            }
            Told::Sync { at, limits } if told.is_long() => {
                let limits = limits.iter().map(|told| {
                    let lowered = told.lowered.map(|(limit, until)| (limit, until.ms()));
                    (told.limit, told.used, told.until.ms(), told.since.ms(), lowered)
                });
                Self::LongSync { at: at.ms(), limits: Bounded(limits.collect()) }
            }
            Told::Sync { at, limits } => {
                let limits = limits.iter().map(|told| (told.limit, told.used, told.until.ms()));
                Self::Sync { at: at.ms(), limits: Bounded(limits.collect()) }
            }
        }
    }

    /// What it says; `None` if no command leads to it.
    pub(super) fn told(self) -> Option<Told<'a>> {
        Some(match self {
            Self::Hold { at, until, limits: Bounded(limits) } => {
                let named = limits.iter().all(|limit| Name::is(limit));
                let limits = Names::from_vec(limits);
                named.then_some(Told::Hold { at: At::new(at)?, until: future(until)?, limits })?
            }
            Self::Sync { at, limits: Bounded(limits) } => {
                let limits = limits.into_iter().map(|(limit, used, until)| (limit, used, until, 0, None));
                synced(at, limits)?
            }
            Self::LongSync { at, limits: Bounded(limits) } => {
                synced(at, limits.into_iter()).filter(Told::is_long)?
            }
        })
    }
}

/// What `RL.SYNC` tells limits; `None` if no command leads to it.
fn synced<'a>(at: u64, limits: impl ExactSizeIterator<Item = LongSyncImage<'a>>) -> Option<Told<'a>> {
    let is_one = limits.len() == 1;
    let limits = limits.map(|(limit, used, until, since, lowered)| {
        let is_whole = (used == 0) == (until == 0) && (since == 0 || used > 0) && used <= COUNT_MAX;
        let is_named = Name::is(limit) || (is_one && limit.is_empty());
        let lowered = match lowered {
            None => None,
            Some((0, 0)) => Some((0, At::MIN)),
            Some((_, 0)) => return None,
            Some((limit, until)) => Some((checked::count(limit)?, future(until)?)),
        };
        (is_whole && is_named).then_some(Elsewhere {
            limit,
            used,
            until: future(until)?,
            since: At::new(since)?,
            lowered,
        })
    });
    let limits: PerLimit<Elsewhere<'_>> = limits.collect::<Option<_>>()?;
    (!limits.is_empty()).then_some(Told::Sync { at: At::new(at)?, limits })
}

impl Outside {
    /// What is used elsewhere, as an effect tells it.
    pub(crate) const fn told(self, limit: &[u8]) -> Elsewhere<'_> {
        Elsewhere { limit, used: self.elsewhere, until: self.until, since: self.since, lowered: None }
    }

    /// What the limit is elsewhere, as an effect tells it.
    pub(crate) const fn lowered(self) -> (u64, At) {
        (self.limit, self.limit_until)
    }
}
