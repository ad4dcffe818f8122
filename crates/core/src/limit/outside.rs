//! What a limit is told from outside: that nobody may be admitted for a while (a *hold*), and how much of it is used
//! elsewhere, by callers that do not ask here.
//!
//! Both only tighten: a request is admitted if the limit alone would admit it with what is used elsewhere added to its
//! cost, and if no hold is in force. Both end at an instant. Until then they change nothing by themselves, so that
//! whoever waits knows when its turn comes.
//!
//! What is used elsewhere of a bucket flows back as the bucket refills, so that nothing of it is left at its end. What
//! is used of a window ends at once. A limit may also be told that it is a lower one elsewhere. Then at least the
//! difference is used there, of a bucket the same part of its capacity.
//!
//! ```
//! use rl_core::limit::outside::Outside;
//! use rl_core::limit::slide::SlideRule;
//! use rl_core::limit::{rule::Rule, state::State};
//! use rl_core::time::{At, Span};
//!
//! let rule = Rule::from(SlideRule { limit: 10, window: Span::from_ms(60_000) });
//! let (now, later) = (At::from_ms(1_000), At::from_ms(5_000));
//! let mut state = State::new(&rule);
//! state.tell(Outside { elsewhere: 7, until: later, ..Outside::NONE }, now);
//!
//! assert_eq!(state.decide(&rule, 1, now)?.remaining, 2);
//! let decision = state.decide(&rule, 4, now)?;
//! assert!(!decision.allowed);
//! assert_eq!(decision.retry.reply(), 4_000); // by then nothing is used elsewhere any more
//! # Ok::<(), rl_core::fault::Fault>(())
//! ```

use serde::{Deserialize, Serialize};

use super::checked::future;
use super::decision::{Decision, Retry, wait_ms};
use super::rule::Rule;
use crate::number::COUNT_MAX;
use crate::time::{At, Span};

/// What one limit is told from outside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outside {
    /// Nobody is admitted before this instant.
    pub held: At,
    /// How much is used elsewhere.
    pub elsewhere: u64,
    /// Until when it is.
    pub until: At,
    /// What the limit is elsewhere. It counts only if it is lower.
    pub limit: u64,
    /// Until when it is. A limit that was not told is over at [`At::MIN`].
    pub limit_until: At,
    /// When the request was sent whose response told what is used elsewhere; [`At::MIN`] if that is unknown. What an earlier
    /// request was told is ignored.
    pub since: At,
}

/// A limit without what it is told from outside, for requests of one rule.
pub(crate) trait Inside {
    /// The rule; `None` for a limit of which nothing is ever used elsewhere.
    fn rule(&self) -> Option<&Rule>;

    /// The first instant from `from` on at which a request of `cost` is admitted; `None` if it never is, or only after
    /// `until`.
    fn admits(&self, cost: u64, from: At, until: Option<At>) -> Option<At>;
}

impl Outside {
    /// How long a key stays that was told something and counts nothing.
    pub(crate) const REST: Span = Span::from_ms(1_000);

    /// How long the limit of somebody else counts, if nobody tells it again.
    pub(crate) const LIMIT_LASTS: Span = Span::from_ms(3_600_000);

    /// Nothing.
    pub const NONE: Self =
        Self { held: At::MIN, elsewhere: 0, until: At::MIN, limit: 0, limit_until: At::MIN, since: At::MIN };

    /// Returns when the hold and what is used elsewhere are over. A lower limit elsewhere may last longer.
    #[must_use]
    pub fn end(&self) -> At {
        self.held.max(self.until)
    }

    /// Returns when all of it is over.
    #[must_use]
    pub fn last(&self) -> At {
        self.end().max(self.limit_until)
    }

    /// Whether a file needs the long form for it.
    pub(crate) fn is_long(&self) -> bool {
        self.limit_until > At::MIN || self.since > At::MIN
    }

    /// Returns what of it is in force at `now`.
    #[must_use]
    pub fn at(self, now: At) -> Self {
        let held = if self.held > now { self.held } else { At::MIN };
        let is_used = self.until > now;
        let (elsewhere, until, since) =
            if is_used { (self.elsewhere, self.until, self.since) } else { (0, At::MIN, At::MIN) };
        let is_told = self.limit_until > now;
        let (limit, limit_until) = if is_told { (self.limit, self.limit_until) } else { (0, At::MIN) };
        Self { held, elsewhere, until, limit, limit_until, since }
    }

    /// Returns how much of a limit under `rule` is used elsewhere at `now`. It never grows with time.
    #[must_use]
    pub fn used(&self, rule: &Rule, now: At) -> u64 {
        let lower = self.lower_rule(rule, now);
        let gained = lower.as_ref().unwrap_or(rule).gained(self.until.since(now)).unwrap_or(u64::MAX);
        let used = if self.until > now { self.elsewhere.min(gained) } else { 0 };
        used.max(lower.map_or(0, |lower| rule.quota().saturating_sub(lower.quota())))
    }

    /// Returns until when something of a limit under `rule` is used elsewhere, as far as is known at `now`.
    #[must_use]
    pub fn used_until(&self, rule: &Rule, now: At) -> At {
        self.until.max(self.lower_rule(rule, now).map_or(At::MIN, |_| self.limit_until))
    }

    /// The rule as the limit is elsewhere, if it is lower there.
    pub(crate) fn lower_rule(&self, rule: &Rule, now: At) -> Option<Rule> {
        if self.limit_until > now { rule.lowered_to(self.limit) } else { None }
    }

    /// Decides a request of `cost` for `now`. Durations count from `clock`. The limit alone decides as `decide` does.
    pub(crate) fn decide(
        &self,
        inside: &impl Inside,
        decide: impl Fn(u64) -> Decision,
        cost: u64,
        (now, clock): (At, At),
    ) -> Decision {
        let alone = decide(cost);
        let free = alone.remaining.saturating_add(if alone.allowed { cost } else { 0 });
        let free = free.saturating_sub(inside.rule().map_or(0, |rule| self.used(rule, now)));
        let is_held = self.held > now;
        let allowed = cost == 0 || (alone.allowed && !is_held && cost <= free);
        let remaining = match (is_held, allowed) {
            (true, _) => 0,
            (false, true) => free.saturating_sub(cost),
            (false, false) => free,
        };
        let retry = match alone.retry {
            _ if allowed => Retry::Now,
            Retry::Never => Retry::Never,
            Retry::Now | Retry::After(_) => self
                .admits(inside, cost, now, None)
                .map_or(Retry::Never, |at| Retry::After(wait_ms(clock, at).max(1))),
        };
        // A request that is denied takes nothing.
        let alone = if alone.allowed && !allowed { decide(0) } else { alone };
        let reset_after_ms = alone.reset_after_ms.max(wait_ms(clock, self.at(now).end()));
        Decision { allowed, remaining, retry, reset_after_ms, ..alone }
    }

    /// Returns the first instant from `from` on at which a request of `cost`, at least 1, is admitted, as
    /// [`Inside::admits`] does.
    pub(crate) fn admits(&self, inside: &impl Inside, cost: u64, from: At, until: Option<At>) -> Option<At> {
        let mut from = from.max(self.held);
        let Some(rule) = inside.rule() else { return inside.admits(cost, from, until) };
        if rule.refills() {
            let then = self.refilled(inside, rule, cost, from)?;
            return until.is_none_or(|until| then <= until).then_some(then);
        }
        loop {
            let used = self.used(rule, from);
            if used == 0 {
                return inside.admits(cost, from, until);
            }
            let changes = [self.until, self.limit_until].into_iter().filter(|end| *end > from).min()?;
            let then = inside.admits(cost.saturating_add(used), from, until).filter(|then| *then < changes);
            if then.is_some() {
                return then;
            }
            from = changes;
        }
    }

    /// Does what [`Outside::admits`] does for a bucket. Its room never shrinks while nobody else comes.
    fn refilled(&self, inside: &impl Inside, rule: &Rule, cost: u64, from: At) -> Option<At> {
        let fits = |at: At| {
            let sum = cost.saturating_add(self.used(rule, at));
            inside.admits(sum, at, Some(at)) == Some(at)
        };
        let mut before = inside.admits(cost, from, None)?;
        let last = self.used_until(rule, before);
        if before >= last || fits(before) {
            return Some(before);
        }
        let mut then = last;
        while then.since(before) > Span::from_ms(1) {
            let middle = before.plus(Span::from_ms(then.since(before).ms().div_euclid(2)));
            *(if fits(middle) { &mut then } else { &mut before }) = middle;
        }
        Some(then)
    }
}

/// As files have it in its short form: each instant in ms, and the amount.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct OutsideImage(u64, u64, u64);

/// As files have it in its long form: also the limit elsewhere with its end, and when the request was sent.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct LongImage(OutsideImage, u64, u64, u64);

/// What a limit is told, as files have it in one of two forms.
pub(crate) trait Image: Sized {
    /// Whether it is the long form.
    const IS_LONG: bool;

    /// Writes it.
    fn of(outside: &Outside) -> Self;

    /// Returns what it says, or `None` if no command leads to it.
    fn outside(self) -> Option<Outside>;
}

impl Image for OutsideImage {
    const IS_LONG: bool = false;

    fn of(outside: &Outside) -> Self {
        Self(outside.held.ms(), outside.elsewhere, outside.until.ms())
    }

    fn outside(self) -> Option<Outside> {
        let Self(held, elsewhere, until) = self;
        let is_whole = (elsewhere == 0) == (until == 0) && elsewhere <= COUNT_MAX;
        let (held, until) = (future(held)?, future(until)?);
        is_whole.then_some(Outside { held, elsewhere, until, ..Outside::NONE })
    }
}

impl Image for LongImage {
    const IS_LONG: bool = true;

    fn of(outside: &Outside) -> Self {
        Self(OutsideImage::of(outside), outside.limit, outside.limit_until.ms(), outside.since.ms())
    }

    fn outside(self) -> Option<Outside> {
        let Self(image, limit, until, since) = self;
        let outside = image.outside()?;
        let is_dated = since == 0 || outside.until > At::MIN;
        let is_whole = is_dated && limit <= COUNT_MAX && (limit == 0 || until > 0);
        let outside = Outside { limit, limit_until: future(until)?, since: At::new(since)?, ..outside };
        is_whole.then_some(outside)
    }
}
