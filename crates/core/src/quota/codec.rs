//! A quota as bytes. What holds for the limits alone, holds here: equal quotas have equal bytes,
//! and what is read is checked as if an enemy had written it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::limit::{LIMITS_MAX, Limit, LimitImage, Measure};
use super::lows::{LEVELS_MAX, Low, Lows};
use super::request::ID_MAX;
use super::reservations::{Id, RESERVATIONS_MAX, Reservation, Reservations, Share};
use super::shape::Shape;
use super::tracks::{Track, Tracks};
use super::{More, Quota, RETIRED_MAX};
use crate::bounded::Bounded;
use crate::codec::{self, future};
use crate::number::COUNT_MAX;
use crate::state::State;
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

/// A limit's own bytes, none where nothing is counted.
type Nested = Vec<u8>;

#[derive(Serialize, Deserialize)]
struct MoreImage<'a> {
    #[serde(borrow)]
    retired: Bounded<LimitImage<'a>, RETIRED_MAX>,
    made: u64,
    #[serde(borrow)]
    held: Bounded<Held<'a>, RESERVATIONS_MAX>,
    slots: u64,
    tracks: Bounded<TrackImage, STATES_MAX>,
}

/// Slot, since, and the levels: how many reservations were made, and what was missing.
type TrackImage = (u64, u64, Bounded<(u64, u128), LEVELS_MAX>);

#[derive(Serialize, Deserialize)]
struct Held<'a> {
    id: &'a [u8],
    at: u64,
    expires: u64,
    number: u64,
    shares: Bounded<(u64, u64, u64, u64), LIMITS_MAX>,
}

/// The bytes of a quota.
#[must_use]
pub fn encode(quota: &Quota) -> Vec<u8> {
    postcard::to_stdvec(&image_of(quota)).unwrap_or_default() // writing to memory cannot fail
}

fn image_of(quota: &Quota) -> Image<'_> {
    let nested = |state: &Option<State>| state.as_ref().map(codec::encode).unwrap_or_default();
    let more = quota.more.as_deref().map(|more| MoreImage {
        retired: Bounded(more.retired.iter().map(LimitImage::of).collect()),
        made: more.reservations.made(),
        held: Bounded(more.reservations.iter().map(|(id, held)| Held::of(id, held)).collect()),
        slots: more.reservations.tracks().slots(),
        tracks: Bounded(more.reservations.tracks().list().iter().map(track).collect()),
    });
    Image {
        shape: quota.shape.bytes(),
        at: quota.at.ms(),
        ends: quota.ends.ms(),
        states: Bounded(quota.states.iter().map(nested).collect()),
        more,
    }
}

fn track(track: &Track) -> TrackImage {
    let levels = track.lows.iter().map(|low| (low.made, low.missing)).collect();
    (track.slot, track.since, Bounded(levels))
}

impl<'a> Held<'a> {
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
        sound.then(|| (Arc::from(self.id), Reservation { at, expires, number: self.number, shares }))
    }
}

/// The quota of these bytes; `None` if they are not a quota's.
#[must_use]
pub fn decode(bytes: &[u8]) -> Option<Quota> {
    let (image, rest) = postcard::take_from_bytes::<Image<'_>>(bytes).ok()?;
    if !rest.is_empty() {
        return None;
    }
    let shape = Shape::from_bytes(image.shape)?;
    let at = At::new(image.at)?;
    let more = match image.more {
        Some(more) => Some(more.read(shape.limits().len(), at)?),
        None => None,
    };
    let ends = future(image.ends)?;
    let mut quota = Quota { shape, states: Box::default(), at, ends, more: more.map(Box::new) };
    // Each limit has its own state.
    let twice =
        |(index, limit): (usize, &Limit)| quota.limits().take(index).any(|other| limit.continues(other));
    if image.states.0.len() != quota.limits().count() || quota.limits().enumerate().any(twice) {
        return None;
    }
    let nested = |(bytes, limit): (&Nested, &Limit)| {
        if bytes.is_empty() {
            return Some(None);
        }
        let Measure::Rate(rule) = &limit.measure else { return None };
        let state = codec::decode(bytes)?;
        let own = state.rule().algorithm() == rule.algorithm() && state.at() <= at;
        own.then_some(Some(state))
    };
    let states = image.states.0.iter().zip(quota.limits()).map(nested).collect::<Option<_>>()?;
    quota.states = states;
    codec::is_written(&image_of(&quota), bytes).then_some(quota)
}

impl MoreImage<'_> {
    fn read(self, limits: usize, at: At) -> Option<More> {
        let retired = self.retired.0.iter().map(|limit| Limit::new(&limit.draft()?).ok());
        let retired: Vec<Limit> = retired.collect::<Option<_>>()?;
        let (made, slots) = (self.made, self.slots);
        let held: Vec<(Id, Reservation)> =
            self.held.0.into_iter().map(|held| held.read(slots)).collect::<Option<_>>()?;
        let tracks = self.tracks.0.into_iter().map(|(slot, since, levels)| {
            let list = levels.0.into_iter().map(|(made, missing)| Low { made, missing }).collect();
            Some(Track { slot, since, took: 0, lows: Lows::from_list(list, made)? })
        });
        let tracks: Vec<Track> = tracks.collect::<Option<_>>()?;
        let reservations = if held.is_empty() {
            let none = (made, slots) == (0, 0) && tracks.is_empty();
            none.then(Reservations::default)?
        } else {
            let sound = tracks.len() == limits.saturating_add(retired.len());
            let early = held.iter().all(|(_, held)| held.at <= at);
            let tracks = Tracks::from_list(tracks, slots, made).filter(|_| sound && early)?;
            Reservations::from_lists(held, made, tracks)?
        };
        let in_flight = |limit: &Limit| matches!(limit.measure, Measure::InFlight(_));
        if (reservations.is_empty() && retired.is_empty()) || retired.iter().any(in_flight) {
            return None;
        }
        Some(More { reservations, retired })
    }
}
