//! A few admissions as they are worked with, unpacked.

use super::answer::Counted;
use super::log::{Entry, Log};
use super::{Slide, SlideRule};
use crate::limit::decision::Expiry;
use crate::limit::interned::Handle;
use crate::time::{At, Span};

/// How many admissions fit.
pub(super) const MOST: usize = 6;

/// A few admissions, unpacked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Brief {
    /// The instant of the last change: that of the last admission, if there is one.
    pub(super) at: At,
    pub(super) entries: [Entry; MOST],
    pub(super) count: usize,
    pub(super) is_timed: bool,
}

impl Brief {
    /// Unpacks what a slide has, if it is little enough.
    pub(super) fn of(slide: &Slide) -> Option<Self> {
        let count = usize::try_from(slide.log.entries()).ok().filter(|count| *count <= MOST)?;
        if slide.longer.is_some() || (count > 0 && slide.log.last_at() != slide.at) {
            return None;
        }
        let mut entries = [Entry::default(); MOST];
        entries.iter_mut().zip(slide.log.iter()).for_each(|(place, entry)| *place = entry);
        Some(Self { at: slide.at, entries, count, is_timed: slide.log.is_timed })
    }

    /// All admissions, the oldest first.
    #[inline]
    pub(super) fn all(&self) -> &[Entry] {
        self.entries.get(..self.count).unwrap_or_default()
    }

    /// Those that are later than `cutoff`.
    #[inline]
    pub(super) fn after(&self, cutoff: Option<At>) -> &[Entry] {
        let all = self.all();
        let first = all.iter().position(|entry| Some(entry.at) > cutoff);
        first.and_then(|first| all.get(first..)).unwrap_or_default()
    }

    /// A slide of these admissions under `rule`.
    pub(super) fn slide(&self, rule: SlideRule) -> Slide {
        let mut log = Log::default();
        self.all().iter().for_each(|entry| log.push(entry.at, entry.cost));
        log.is_timed = self.is_timed;
        Slide { rule, longer: None, at: self.at, log }
    }

    fn empty_at(&self, window: Span) -> Option<At> {
        (self.count > 0).then(|| self.at.plus(window))
    }

    /// Charges `cost` as a [`Slide`] does, of which `held` is the rule in force. Returns the admissions then, the rule in force
    /// and the expiry; `None` if only a [`Slide`] can hold them.
    pub(super) fn charged(
        mut self,
        held: &Handle<SlideRule>,
        rule: &SlideRule,
        cost: u64,
        at: At,
    ) -> Option<(Self, Handle<SlideRule>, Expiry)> {
        let held = if held.is(*rule) {
            held.clone()
        } else if held.rule().window == rule.window {
            Handle::new(*rule)?
        } else {
            return None;
        };
        let expired = self.empty_at(rule.window);
        self.push(rule.window, cost, at)?;
        let expiry;
        (expiry, self.is_timed) = Expiry::charged(expired, self.empty_at(rule.window), self.is_timed);
        Some((self, held, expiry))
    }

    /// Adds an admission, as [`Log::push`] does, and drops those that have left by then. Returns `None` if there is no room.
    fn push(&mut self, window: Span, cost: u64, at: At) -> Option<()> {
        self.at = at.max(self.at);
        let kept = self.after(self.at.cutoff(window)).len();
        let left = self.count.saturating_sub(kept);
        if left > 0 {
            self.entries.copy_within(left..self.count, 0);
            self.count = kept;
        }
        match self.entries.get_mut(..self.count).and_then(<[_]>::last_mut).filter(|last| last.at == self.at) {
            Some(last) => last.cost = last.cost.saturating_add(cost),
            None => {
                *self.entries.get_mut(self.count)? = Entry { at: self.at, cost };
                self.count = self.count.saturating_add(1);
            }
        }
        Some(())
    }
}

impl Counted for [Entry] {
    #[inline]
    fn cost(&self) -> u64 {
        self.iter().fold(0, |sum, entry| sum.saturating_add(entry.cost))
    }

    #[inline]
    fn leaves_by(&self, excess: u64, cutoff: Option<Option<At>>) -> Option<At> {
        let mut freed = 0_u64;
        let last = self.iter().find(|entry| {
            freed = freed.saturating_add(entry.cost);
            freed >= excess
        });
        last.map(|entry| entry.at).filter(|at| cutoff.is_none_or(|cutoff| Some(*at) <= cutoff))
    }
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
        all.len() <= 1 && all.iter().all(|entry| entry.cost < 1 << 47) || is_near && all.cost() < 256
    }
}
