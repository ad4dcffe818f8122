//! Encodes a quota as bytes and reads it back.
//!
//! The rules are those of a single limit's codec: equal quotas have equal bytes, and all input is
//! untrusted and checked.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::bounds::{ID_MAX, LEASES_MAX, RESERVATIONS_MAX, RETIRED_MAX};
use super::ends::Ends;
use super::limit::{LIMITS_MAX, Limit, LimitImage, Measure};
use super::merged::{Merged, MergedImage};
use super::outsides::Outsides;
use super::refund_floor::{LEVELS_MAX, Level, RefundFloor};
use super::reservation::{Id, Reservation, Share};
use super::reservations::Reservations;
use super::shape::Shape;
use super::slots::{Slot, Slots};
use super::{More, Quota};
use crate::bounded::Bounded;
use crate::limit::codec::{self, future};
use crate::limit::rule::Rule;
use crate::limit::state::State;
use crate::number::COUNT_MAX;
use crate::time::At;

const STATES_MAX: usize = LIMITS_MAX + RETIRED_MAX;

#[derive(Serialize, Deserialize)]
struct Image<'a> {
    shape: &'a [u8],
    at: u64,
    ends: u64,
    states: Bounded<Nested, STATES_MAX>,
    #[serde(borrow)]
    more: Option<MoreImage<'a>>,
}

/// The bytes of one limit's state. Empty if the limit counts nothing.
type Nested = Vec<u8>;

#[derive(Serialize, Deserialize)]
struct MoreImage<'a> {
    #[serde(borrow)]
    retired: Bounded<LimitImage<'a>, RETIRED_MAX>,
    made: u64,
    #[serde(borrow)]
    held: Bounded<ReservationImage<'a>, RESERVATIONS_MAX>,
    latest_slot: u64,
    slots: Bounded<SlotImage, STATES_MAX>,
}

/// The merged limits. A quota without any has no bytes for them, as files had before there were some.
type MergedImages<'a> = Bounded<MergedImage<'a>, RETIRED_MAX>;

/// The places of the leases among the reservations, in order. A quota without any has no bytes for them. With some, the
/// merged limits are written even if there are none.
type LeasesImage = Bounded<u32, LEASES_MAX>;

/// Slot number, `since`, and the levels: the number of reservations made, and the amount missing.
type SlotImage = (u64, u64, Bounded<(u64, u128), LEVELS_MAX>);

#[derive(Serialize, Deserialize)]
struct ReservationImage<'a> {
    id: &'a [u8],
    at: u64,
    expires: u64,
    number: u64,
    shares: Bounded<(u64, u64, u64, u64), LIMITS_MAX>,
}

/// Encodes a quota.
#[must_use]
pub fn encode(quota: &Quota) -> Vec<u8> {
    let mut bytes = postcard::to_stdvec(&image_of(quota)).unwrap_or_default(); // writing to memory cannot fail
    bytes.extend(rest_of(quota));
    bytes
}

/// Returns the bytes after the image: the merged limits, and which of the reservations are leases.
fn rest_of(quota: &Quota) -> Vec<u8> {
    let Some(more) = quota.more.as_deref() else { return Vec::new() };
    let places = (0..).zip(more.reservations.iter());
    let leases: Vec<u32> = places.filter(|(_, (_, held))| held.is_lease).map(|(place, _)| place).collect();
    if more.merged.is_empty() && leases.is_empty() {
        return Vec::new();
    }
    let merged: MergedImages<'_> = Bounded(more.merged.iter().map(MergedImage::of).collect());
    let mut bytes = postcard::to_stdvec(&merged).unwrap_or_default();
    if !leases.is_empty() {
        bytes.extend(postcard::to_stdvec::<LeasesImage>(&Bounded(leases)).unwrap_or_default());
    }
    bytes
}

fn image_of(quota: &Quota) -> Image<'_> {
    let nested = |state: &Option<State>| state.as_ref().map(codec::encode).unwrap_or_default();
    // What it is told from outside is written before the quota: see `Value`.
    let counts =
        |more: &&More| !more.reservations.is_empty() || !more.retired.is_empty() || !more.merged.is_empty();
    let more = quota.more.as_deref().filter(counts).map(|more| MoreImage {
        retired: Bounded(more.retired.iter().map(LimitImage::of).collect()),
        made: more.reservations.made(),
        held: Bounded(more.reservations.iter().map(|(id, held)| ReservationImage::of(id, held)).collect()),
        latest_slot: more.reservations.slots().latest(),
        slots: Bounded(more.reservations.slots().list().iter().map(slot_image).collect()),
    });
    Image {
        shape: quota.shape.bytes(),
        at: quota.at.ms(),
        ends: quota.ends.at().ms(),
        states: Bounded(quota.states.iter().map(nested).collect()),
        more,
    }
}

fn slot_image(slot: &Slot) -> SlotImage {
    let levels = slot.floor.iter().map(|level| (level.made, level.missing)).collect();
    (slot.number, slot.since, Bounded(levels))
}

impl<'a> ReservationImage<'a> {
    fn of(id: &'a Id, held: &'a Reservation) -> Self {
        let share = |share: &Share| (share.slot, share.taken, share.remaining, share.reset_after_ms);
        Self {
            id,
            at: held.at.ms(),
            expires: held.expires.ms(),
            number: held.number,
            shares: Bounded(held.shares.iter().map(share).collect()),
        }
    }

    fn read(self, slots: u64) -> Option<(Id, Reservation)> {
        let shares = self.shares.0.into_iter().map(|(slot, taken, remaining, reset_after_ms)| {
            let sound = [taken, remaining, reset_after_ms].iter().all(|value| *value <= COUNT_MAX);
            let sound = sound && (1..=slots).contains(&slot);
            sound.then_some(Share { slot, taken, remaining, reset_after_ms })
        });
        let shares: Box<[Share]> = shares.collect::<Option<_>>()?;
        let sound = !shares.is_empty() && (1..=ID_MAX).contains(&self.id.len());
        let (at, expires) = (At::new(self.at)?, future(self.expires)?);
        let held = Reservation { at, expires, number: self.number, is_lease: false, shares };
        sound.then(|| (Arc::from(self.id), held))
    }
}

/// Decodes a quota. Returns `None` if the bytes are not those of a quota.
#[must_use]
pub fn decode(bytes: &[u8]) -> Option<Quota> {
    let (image, rest) = postcard::take_from_bytes::<Image<'_>>(bytes).ok()?;
    let (merged, leases) = read_rest(rest)?;
    let named = bytes.strip_suffix(rest)?;
    let shape = Shape::from_bytes(image.shape)?;
    let at = At::new(image.at)?;
    let more = match image.more {
        Some(more) => Some(more.read(shape.limits().len(), at, merged, &leases)?),
        None if merged.is_empty() && leases.is_empty() => None,
        None => return None,
    };
    let ends = Ends::new(future(image.ends)?);
    let mut quota = Quota { shape, states: Box::default(), at, ends, more: more.map(Box::new) };
    // No two limits may share one state.
    let twice =
        |(index, limit): (usize, &Limit)| quota.limits().take(index).any(|other| limit.continues(other));
    let rules = quota.limits().map(|limit| match limit.measure {
        Measure::Rate(rule) => Some(rule),
        Measure::InFlight(_) => None,
    });
    let rules: Vec<Option<Rule>> = rules.chain(quota.merged().map(|(_, merged)| Some(merged.rule))).collect();
    if image.states.0.len() != rules.len() || quota.limits().enumerate().any(twice) {
        return None;
    }
    let nested = |(bytes, rule): (&Nested, &Option<Rule>)| {
        if bytes.is_empty() {
            return Some(None);
        }
        let state = codec::decode(bytes)?;
        let own = state.rule().algorithm() == rule.as_ref()?.algorithm() && state.at() <= at;
        own.then_some(Some(state))
    };
    let states = image.states.0.iter().zip(&rules).map(nested).collect::<Option<_>>()?;
    quota.states = states;
    let written = codec::is_written(&image_of(&quota), named) && rest_of(&quota) == rest;
    written.then_some(quota)
}

/// Reads the rest of a quota: the merged limits, and the places of the leases.
fn read_rest(bytes: &[u8]) -> Option<(Vec<Merged>, Vec<u32>)> {
    if bytes.is_empty() {
        return Some((Vec::new(), Vec::new()));
    }
    let (images, rest) = postcard::take_from_bytes::<MergedImages<'_>>(bytes).ok()?;
    let merged: Vec<Merged> = images.0.iter().map(MergedImage::read).collect::<Option<_>>()?;
    if rest.is_empty() {
        return (!merged.is_empty()).then_some((merged, Vec::new()));
    }
    let (leases, rest) = postcard::take_from_bytes::<LeasesImage>(rest).ok()?;
    rest.is_empty().then_some((merged, leases.0))
}

impl MoreImage<'_> {
    fn read(self, limits: usize, at: At, merged: Vec<Merged>, leases: &[u32]) -> Option<More> {
        let retired = self.retired.0.iter().map(|limit| Limit::new(&limit.draft()?).ok());
        let retired: Vec<Limit> = retired.collect::<Option<_>>()?;
        let (made, latest) = (self.made, self.latest_slot);
        let mut held: Vec<(Id, Reservation)> =
            self.held.0.into_iter().map(|held| held.read(latest)).collect::<Option<_>>()?;
        for place in leases {
            let (_, lease) = held.get_mut(usize::try_from(*place).ok()?)?;
            lease.is_lease = true;
        }
        let slots = self.slots.0.into_iter().map(|(number, since, levels)| {
            let list = levels.0.into_iter().map(|(made, missing)| Level { made, missing }).collect();
            Some(Slot { number, since, took: 0, floor: RefundFloor::from_list(list, made)? })
        });
        let slots: Vec<Slot> = slots.collect::<Option<_>>()?;
        let reservations = if held.is_empty() {
            let none = (made, latest) == (0, 0) && slots.is_empty();
            none.then(Reservations::default)?
        } else {
            let sound = slots.len() == limits.saturating_add(retired.len()).saturating_add(merged.len());
            let early = held.iter().all(|(_, held)| held.at <= at);
            let slots = Slots::from_list(slots, latest, made).filter(|_| sound && early)?;
            Reservations::from_lists(held, made, slots)?
        };
        let in_flight = |limit: &Limit| matches!(limit.measure, Measure::InFlight(_));
        let is_empty = reservations.is_empty() && retired.is_empty() && merged.is_empty();
        let too_many = retired.len().saturating_add(merged.len()) > RETIRED_MAX;
        if is_empty || too_many || retired.iter().any(in_flight) {
            return None;
        }
        Some(More { reservations, retired, merged, outsides: Outsides::default() })
    }
}
