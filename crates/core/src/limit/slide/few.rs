//! A sliding window with few admissions, which takes little more memory than a counter.
//!
//! One admission is stored in fifteen bytes ([`One`]), two to six are stored in 32 bytes on the heap ([`Few`]). What does not
//! fit is a [`Slide`] with a log: a seventh admission, a large cost, admissions that are more than four hours apart, a longer
//! window that was in use before.
//!
//! Both answer as they are. A change that is more than one more admission unpacks them to a [`Brief`], and packs that again.

use super::answer::{Counted, decide, first_room, peek};
use super::brief::{Brief, MOST};
use super::bytes::{cost, instant, low_six, ms, six, word};
use super::log::Entry;
use super::{Slide, SlideRule};
use crate::limit::decision::{Decision, Expiry};
use crate::limit::interned::Handle;
use crate::time::At;

/// One admission, or none.
#[derive(Clone, Debug)]
pub(crate) struct One {
    rule: Handle<SlideRule>,
    at: [u8; 6],
    /// The cost, and in the last bit whether it [is timed](super::log::Log::is_timed).
    cost: [u8; 6],
}

/// A few admissions, at least one.
#[derive(Clone, Debug)]
pub(crate) struct Few {
    /// Each after the first: its cost in the high byte, and how many ms after the first it was.
    later: [u32; MOST - 1],
    first: [u8; 6],
    /// The sum of all costs.
    total: u8,
    /// How many come after the first.
    count: u8,
    rule: Handle<SlideRule>,
    is_timed: bool,
}

const _: () = assert!(size_of::<One>() == 15 && size_of::<Few>() == 32);

/// The smaller one of both that fits.
pub(crate) enum Small {
    One(One),
    Few(Few),
}

impl Small {
    /// Packs `slide`, or returns `None` if it fits neither.
    pub(crate) fn new(slide: &Slide) -> Option<Self> {
        let brief = Brief::of(slide)?;
        Self::pack(Handle::new(slide.rule)?, &brief)
    }

    fn pack(rule: Handle<SlideRule>, brief: &Brief) -> Option<Self> {
        if brief.count <= 1 {
            One::pack(rule, brief).map(Self::One)
        } else {
            Few::pack(rule, brief).map(Self::Few)
        }
    }
}

impl One {
    fn pack(rule: Handle<SlideRule>, brief: &Brief) -> Option<Self> {
        let cost = brief.all().first().map_or(0, |entry| entry.cost);
        let fits = brief.count <= 1 && brief.at <= At::MAX && cost >> 47 == 0;
        let word = cost << 1 | u64::from(brief.is_timed);
        fits.then(|| Self { rule, at: low_six(brief.at.ms()), cost: low_six(word) })
    }

    /// See [`Log::is_timed`](super::log::Log::is_timed).
    pub(crate) fn forget_expiry(&mut self) {
        self.cost[0] &= !1;
    }

    /// Unpacks all of it.
    pub(crate) fn slide(&self) -> Slide {
        self.brief().slide(self.rule.rule())
    }

    fn brief(&self) -> Brief {
        let mut entries = [Entry::default(); MOST];
        entries[0] = self.entry();
        let [Entry { at, cost }, ..] = entries;
        Brief { at, entries, count: usize::from(cost > 0), is_timed: self.is_timed() }
    }

    /// Does what a [`Slide`] does.
    pub(crate) fn empty_at(&self) -> Option<At> {
        let Entry { at, cost } = self.entry();
        (cost > 0).then(|| at.plus(self.rule.rule().window))
    }

    /// The admission; without cost if there is none.
    #[inline]
    fn entry(&self) -> Entry {
        Entry { at: instant(self.at), cost: six(self.cost) >> 1 }
    }

    const fn is_timed(&self) -> bool {
        self.cost[0] & 1 == 1
    }

    /// Does what a [`Slide`] does.
    #[inline]
    pub(crate) fn decide(&self, rule: &SlideRule, cost: u64, clock: At) -> Decision {
        let entry = self.entry();
        let now = clock.max(entry.at);
        let last_at = if entry.cost > 0 { entry.at } else { At::MIN };
        decide(rule, cost, (now, clock), counted(&entry, now.cutoff(rule.window)), last_at)
    }

    /// Does what a [`Slide`] does.
    pub(crate) fn peek(&self, cost: u64, clock: At) -> Decision {
        let rule = self.rule.rule();
        peek(|cost| self.decide(&rule, cost, clock), cost)
    }

    /// Does what a [`Slide`] does.
    pub(crate) fn admits(&self, rule: &SlideRule, cost: u64, from: At, until: Option<At>) -> Option<At> {
        let entry = self.entry();
        let cutoff = from.max(entry.at).cutoff(rule.window);
        first_room(rule, cost, (from, until), counted(&entry, cutoff))
    }

    /// Charges `cost` as a [`Slide`] does, and returns all of it then; `None` if it does not fit.
    pub(crate) fn charged(&self, rule: &SlideRule, cost: u64, at: At) -> Option<(Small, Expiry)> {
        if let Some(charged) = self.joined(rule, cost, at) {
            return Some(charged);
        }
        let (brief, rule, expiry) = self.brief().charged(&self.rule, rule, cost, at)?;
        Some((Small::pack(rule, &brief)?, expiry))
    }

    /// Does the same where there is one more admission then, and nothing else has changed.
    fn joined(&self, rule: &SlideRule, cost: u64, at: At) -> Option<(Small, Expiry)> {
        let first = self.entry();
        let is_plain = first.cost > 0 && at > first.at && Some(first.at) > at.cutoff(rule.window);
        if !is_plain || !self.rule.is(*rule) {
            return None;
        }
        let total = u8::try_from(first.cost.saturating_add(cost)).ok()?;
        let later = [word(at.since(first.at), cost)?, 0, 0, 0, 0];
        let few = Few { later, first: self.at, total, count: 1, rule: self.rule.clone(), is_timed: true };
        let expiry =
            Expiry::at(at.plus(rule.window)).after(Some(first.at.plus(rule.window)), self.is_timed());
        Some((Small::Few(few), expiry))
    }
}

impl Few {
    fn pack(rule: Handle<SlideRule>, brief: &Brief) -> Option<Self> {
        let (first, others) = brief.all().split_first()?;
        let total = u8::try_from(brief.all().cost()).ok()?;
        let mut later = [0; MOST - 1];
        for (place, entry) in later.iter_mut().zip(others) {
            *place = word(entry.at.since(first.at), entry.cost)?;
        }
        let (count, is_timed) = (u8::try_from(others.len()).ok()?, brief.is_timed);
        let first = At::new(first.at.ms()).map(|at| low_six(at.ms()))?;
        Some(Self { later, first, total, count, rule, is_timed })
    }

    /// See [`Log::is_timed`](super::log::Log::is_timed).
    pub(crate) fn forget_expiry(&mut self) {
        self.is_timed = false;
    }

    /// Unpacks all of it.
    pub(crate) fn slide(&self) -> Slide {
        self.brief().slide(self.rule.rule())
    }

    fn brief(&self) -> Brief {
        let first = instant(self.first);
        let first_cost =
            self.later().iter().fold(u64::from(self.total), |left, word| left.saturating_sub(cost(*word)));
        let mut entries = [Entry { at: first, cost: first_cost }; MOST];
        for (entry, word) in entries.iter_mut().skip(1).zip(self.later()) {
            *entry = Entry { at: first.plus(ms(*word)), cost: cost(*word) };
        }
        let count = usize::from(self.count).saturating_add(1);
        Brief { at: self.last_at(first), entries, count, is_timed: self.is_timed }
    }

    /// Does what a [`Slide`] does. There is an admission.
    pub(crate) fn empty_at(&self) -> At {
        self.last_at(instant(self.first)).plus(self.rule.rule().window)
    }

    /// Those after the first.
    #[inline]
    fn later(&self) -> &[u32] {
        self.later.get(..usize::from(self.count)).unwrap_or_default()
    }

    #[inline]
    fn last_at(&self, first: At) -> At {
        self.later().last().map_or(first, |word| first.plus(ms(*word)))
    }

    /// Does what a [`Slide`] does.
    #[inline]
    pub(crate) fn decide(&self, rule: &SlideRule, cost: u64, clock: At) -> Decision {
        let first = instant(self.first);
        let last_at = self.last_at(first);
        let now = clock.max(last_at);
        let counted = After { few: self, first, cutoff: now.cutoff(rule.window) };
        decide(rule, cost, (now, clock), &counted, last_at)
    }

    /// Does what a [`Slide`] does.
    pub(crate) fn peek(&self, cost: u64, clock: At) -> Decision {
        let rule = self.rule.rule();
        peek(|cost| self.decide(&rule, cost, clock), cost)
    }

    /// Does what a [`Slide`] does.
    pub(crate) fn admits(&self, rule: &SlideRule, cost: u64, from: At, until: Option<At>) -> Option<At> {
        let first = instant(self.first);
        let cutoff = from.max(self.last_at(first)).cutoff(rule.window);
        first_room(rule, cost, (from, until), &After { few: self, first, cutoff })
    }

    /// Charges `cost` as a [`Slide`] does. Returns `None` if it does not fit; nothing has changed then.
    #[inline]
    pub(crate) fn charge(&mut self, rule: &SlideRule, cost: u64, at: At) -> Option<Expiry> {
        let first = instant(self.first);
        let last_at = self.last_at(first);
        let is_plain = at > last_at && Some(first) > at.cutoff(rule.window) && at <= At::MAX;
        if is_plain
            && self.rule.is(*rule)
            && let Some(word) = word(at.since(first), cost)
            && let Ok(total) = u8::try_from(cost.saturating_add(self.total.into()))
            && let Some(place) = self.later.get_mut(usize::from(self.count))
        {
            *place = word;
            self.total = total;
            self.count = self.count.saturating_add(1);
            let from = Some(last_at.plus(rule.window));
            let expiry = Expiry::at(at.plus(rule.window)).after(from, self.is_timed);
            self.is_timed = true;
            return Some(expiry);
        }
        self.charge_rare(rule, cost, at)
    }

    /// Does what [`Few::charge`] does where that is more than one more admission.
    #[inline(never)]
    fn charge_rare(&mut self, rule: &SlideRule, cost: u64, at: At) -> Option<Expiry> {
        let (brief, rule, expiry) = self.brief().charged(&self.rule, rule, cost, at)?;
        *self = Self::pack(rule, &brief)?;
        Some(expiry)
    }
}

/// The admissions of a [`Few`] that are later than `cutoff`.
struct After<'a> {
    few: &'a Few,
    first: At,
    cutoff: Option<At>,
}

impl Counted for After<'_> {
    #[inline]
    fn cost(&self) -> u64 {
        let Self { few, first, cutoff } = *self;
        match cutoff {
            Some(cutoff) if cutoff >= first => {
                let counts = |word: &&u32| ms(**word) > cutoff.since(first);
                few.later().iter().filter(counts).fold(0, |sum, word| sum.saturating_add(cost(*word)))
            }
            Some(_) | None => few.total.into(),
        }
    }

    fn leaves_by(&self, excess: u64, until: Option<Option<At>>) -> Option<At> {
        self.few.brief().after(self.cutoff).leaves_by(excess, until)
    }
}

/// `entry`, if it has a cost and is later than `cutoff`.
#[inline]
fn counted(entry: &Entry, cutoff: Option<At>) -> &[Entry] {
    if entry.cost > 0 && Some(entry.at) > cutoff { core::slice::from_ref(entry) } else { &[] }
}
