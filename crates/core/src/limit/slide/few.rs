//! A sliding window with few admissions, which takes little more memory than a counter.
//!
//! One admission is stored in fifteen bytes ([`One`]), two to six are stored in 32 bytes on the heap ([`Few`]). What does not
//! fit is a [`Slide`] with a log: a seventh admission, a large cost, admissions that are more than four hours apart, a longer
//! window that was in use before.
//!
//! Both are unpacked to a [`Brief`], changed, and packed again.

use super::brief::{Brief, MOST};
use super::log::{Entry, Log};
use super::{Slide, SlideRule, decide, first_room};
use crate::limit::Kind;
use crate::limit::decision::{Decision, Expiry};
use crate::limit::interned::{Handle, Intern, ParamWords};
use crate::time::{At, Span};

/// A log that has so few entries is stored as few again.
pub(crate) const FEW_AGAIN: u32 = 3;

/// One admission, or none.
#[derive(Clone, Debug)]
pub(crate) struct One {
    rule: Handle<SlideRule>,
    at: [u8; 6],
    /// The cost, and in the last bit whether it [is timed](Slide::is_timed).
    cost: [u8; 6],
}

/// A few admissions.
#[derive(Clone, Debug)]
pub(crate) struct Few {
    rule: Handle<SlideRule>,
    count: u8,
    is_timed: bool,
    first: [u8; 6],
    /// How many ms after the first one each of the others was.
    later: [[u8; 3]; MOST - 1],
    costs: [u8; MOST],
}

const _: () = assert!(size_of::<One>() == 15 && size_of::<Few>() == 32);

/// What [`One`] and [`Few`] have in common.
pub(crate) trait Small {
    /// Unpacks the admissions.
    fn brief(&self) -> Brief;

    /// The rule in force.
    fn handle(&self) -> &Handle<SlideRule>;

    /// Packs the admissions, and makes `rule` the one in force. Returns `false` if they do not fit; nothing has changed then.
    fn set(&mut self, rule: &SlideRule, brief: &Brief) -> bool;

    /// See [`Slide::is_timed`].
    fn set_timed(&mut self, is_timed: bool);

    /// Does what a [`Slide`] does.
    #[inline]
    fn decide(&self, rule: &SlideRule, cost: u64, clock: At) -> Decision {
        let brief = self.brief();
        let now = clock.max(brief.at);
        decide(rule, cost, (now, clock), brief.after(now.cutoff(rule.window)), brief.last_at())
    }

    /// Does what a [`Slide`] does.
    fn admits(&self, rule: &SlideRule, cost: u64, from: At, until: Option<At>) -> Option<At> {
        let brief = self.brief();
        let now = from.max(brief.at);
        first_room(rule, cost, (from, until), brief.after(now.cutoff(rule.window)))
    }

    /// Charges `cost` as a [`Slide`] does. Returns `None` if only a [`Slide`] can hold that; nothing has changed then.
    #[inline]
    fn charge(&mut self, rule: &SlideRule, cost: u64, at: At) -> Option<Expiry> {
        if !self.handle().is(*rule) && self.handle().rule().window != rule.window {
            return None;
        }
        let mut brief = self.brief();
        let (expired, is_timed) = (brief.empty_at(rule.window), brief.is_timed);
        brief.push(rule.window, cost, at)?;
        let expiry = Expiry::moved(expired, brief.empty_at(rule.window)).after(expired, is_timed);
        brief.is_timed = is_timed || expiry != Expiry::Same;
        self.set(rule, &brief).then_some(expiry)
    }

    /// Unpacks all of it.
    fn slide(&self) -> Slide {
        let Brief { at, is_timed, .. } = self.brief();
        let mut log = Log::default();
        self.brief().all().iter().for_each(|entry| log.push(entry.at, entry.cost));
        Slide { rule: self.handle().rule(), longer: None, at, log, is_timed }
    }
}

impl One {
    /// Packs `slide`, or returns `None` if it does not fit.
    pub(crate) fn new(slide: &Slide) -> Option<Self> {
        let brief = Brief::of(slide).filter(|brief| brief.count <= 1)?;
        let mut one = Self { rule: Handle::new(slide.rule)?, at: [0; 6], cost: [0; 6] };
        one.set(&slide.rule, &brief).then_some(one)
    }
}

impl Small for One {
    fn set_timed(&mut self, is_timed: bool) {
        self.cost[0] = self.cost[0] & !1 | u8::from(is_timed);
    }

    #[inline]
    fn brief(&self) -> Brief {
        let (at, word) = (six(self.at), six(self.cost));
        let entry = Entry { at: instant(at), cost: word >> 1 };
        let mut entries = [Entry::default(); MOST];
        entries[0] = entry;
        Brief { at: entry.at, entries, count: usize::from(entry.cost > 0), is_timed: word & 1 == 1 }
    }

    #[inline]
    fn handle(&self) -> &Handle<SlideRule> {
        &self.rule
    }

    #[inline]
    fn set(&mut self, rule: &SlideRule, brief: &Brief) -> bool {
        let cost = brief.all().first().map_or(0, |entry| entry.cost);
        if brief.count > 1 || brief.at > At::MAX || cost >> 47 > 0 || !hold(&mut self.rule, rule) {
            return false;
        }
        self.at = low_six(brief.at.ms());
        self.cost = low_six(cost << 1 | u64::from(brief.is_timed));
        true
    }
}

impl Few {
    /// Packs `slide`, or returns `None` if it does not fit.
    pub(crate) fn new(slide: &Slide) -> Option<Self> {
        let brief = Brief::of(slide)?;
        let (later, costs) = ([[0; 3]; MOST - 1], [0; MOST]);
        let rule = Handle::new(slide.rule)?;
        let mut few = Self { rule, count: 0, is_timed: false, first: [0; 6], later, costs };
        few.set(&slide.rule, &brief).then_some(few)
    }
}

impl Small for Few {
    fn set_timed(&mut self, is_timed: bool) {
        self.is_timed = is_timed;
    }

    #[inline]
    fn brief(&self) -> Brief {
        let first = six(self.first);
        let mut entries = [Entry::default(); MOST];
        let distances =
            [0].into_iter().chain(self.later.iter().map(|[a, b, c]| u32::from_le_bytes([*a, *b, *c, 0])));
        for ((entry, distance), cost) in entries.iter_mut().zip(distances).zip(self.costs) {
            *entry = Entry { at: instant(first.saturating_add(distance.into())), cost: cost.into() };
        }
        let brief = Brief { at: instant(first), entries, count: self.count.into(), is_timed: self.is_timed };
        Brief { at: brief.all().last().map_or(brief.at, |last| last.at), ..brief }
    }

    #[inline]
    fn handle(&self) -> &Handle<SlideRule> {
        &self.rule
    }

    #[inline]
    fn set(&mut self, rule: &SlideRule, brief: &Brief) -> bool {
        let first = brief.all().first().map_or(brief.at, |entry| entry.at);
        let (mut distances, mut costs) = ([[0; 3]; MOST], [0; MOST]);
        for ((distance, cost), entry) in distances.iter_mut().zip(&mut costs).zip(brief.all()) {
            let (Ok(small), Ok(ms)) = (u8::try_from(entry.cost), u32::try_from(entry.at.since(first).ms()))
            else {
                return false;
            };
            let [a, b, c, 0] = ms.to_le_bytes() else { return false };
            (*distance, *cost) = ([a, b, c], small);
        }
        let ([_, later @ ..], Ok(count)) = (distances, u8::try_from(brief.count)) else { return false };
        if brief.at > At::MAX || !hold(&mut self.rule, rule) {
            return false;
        }
        (self.first, self.later, self.costs) = (low_six(first.ms()), later, costs);
        (self.count, self.is_timed) = (count, brief.is_timed);
        true
    }
}

impl Intern for SlideRule {
    fn to_words(self) -> ParamWords {
        [Kind::Slide as u64, self.limit, self.window.ms(), 0]
    }

    fn from_words([_, limit, window, _]: ParamWords) -> Self {
        Self { limit, window: Span::from_ms(window) }
    }
}

/// Makes `handle` refer to `rule`, and returns whether it can.
#[inline]
fn hold(handle: &mut Handle<SlideRule>, rule: &SlideRule) -> bool {
    if handle.is(*rule) {
        return true;
    }
    Handle::new(*rule).is_some_and(|own| {
        *handle = own;
        true
    })
}

/// The last six bytes of a number that fits there.
#[inline]
const fn low_six(number: u64) -> [u8; 6] {
    let [a, b, c, d, e, f, _, _] = number.to_le_bytes();
    [a, b, c, d, e, f]
}

#[inline]
const fn six([a, b, c, d, e, f]: [u8; 6]) -> u64 {
    u64::from_le_bytes([a, b, c, d, e, f, 0, 0])
}

#[inline]
fn instant(ms: u64) -> At {
    At::new(ms).unwrap_or(At::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limit::algorithm::AlgorithmState as _;
    use crate::limit::form::Form;
    use proptest::prelude::*;

    fn requests() -> impl Strategy<Value = Vec<(u64, u64)>> {
        let gap = prop_oneof![8 => 0_u64..5_000, 1 => 0_u64..30_000_000];
        let cost = prop_oneof![8 => 1_u64..4, 1 => 200_u64..300, 1 => 1_u64..(1 << 50)];
        prop::collection::vec((gap, cost), 1..20)
    }

    proptest! {
        /// Whatever comes, a form of few admissions holds and answers what a log does.
        #[test]
        fn few_answer_as_a_log_does(requests in requests(), window in 1_u64..40_000_000, asked in 1_u64..600) {
            let rule = SlideRule { limit: 500, window: Span::from_ms(window) };
            let any = rule.into();
            let (mut slide, mut form) = (Slide::new(rule), Form::from(Slide::new(rule)));
            let mut at = At::from_ms(1_800_000_000_000);
            for (gap, cost) in requests {
                at = at.plus(Span::from_ms(gap));
                prop_assert_eq!(form.decide(&any, asked, at).unwrap(), slide.decide(&rule, asked, at));
                let later = Some(at.plus(Span::from_ms(window / 2)));
                for until in [None, later] {
                    prop_assert_eq!(form.admits(&any, asked, at, until).unwrap(), slide.admits(&rule, asked, at, until));
                }
                prop_assert_eq!(form.charge(&any, cost, at).unwrap(), slide.charge(&rule, cost, at));
                let state = crate::limit::state::State::from(form.clone());
                prop_assert_eq!(state, Form::Slide(Box::new(slide.clone())).into());
            }
            let few = Form::from(slide.clone());
            prop_assert_eq!(matches!(few, Form::Slide(_)), Brief::of(&slide).is_none_or(|brief| !fits(&brief)));
        }
    }

    fn fits(brief: &Brief) -> bool {
        let (all, first) = (brief.all(), brief.all().first().map_or(At::MIN, |entry| entry.at));
        let is_near = brief.at.since(first).ms() < 1 << 24;
        all.len() <= 1 && all.iter().all(|entry| entry.cost < 1 << 47)
            || is_near && all.iter().all(|entry| entry.cost < 256)
    }
}
