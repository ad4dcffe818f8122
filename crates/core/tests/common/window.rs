//! An oracle of a fixed window that walks the calendar and replays its whole history.

use rl_core::limit::decision::{Decision, Retry};
use rl_core::limit::window::{Length, WindowRule};
use rl_core::time::At;

/// Admissions (at, cost) and refunds (at, -cost), under one length and offset.
#[derive(Clone, Debug, Default)]
pub(crate) struct WindowOracle {
    events: Vec<(u64, i128)>,
}

/// Returns the window that contains `now`: its first millisecond and that of the next window.
pub(crate) fn bounds(rule: &WindowRule, now: u64) -> (i128, i128) {
    let shifted = i128::from(now) - i128::from(rule.offset);
    let (begin, end) = match rule.length {
        Length::Month => month(shifted),
        Length::Span(span) => {
            let length = i128::from(span.ms());
            let mut begin = shifted / length * length; // rounds to zero
            if begin > shifted {
                begin -= length;
            }
            (begin, begin + length)
        }
    };
    (begin + i128::from(rule.offset), end + i128::from(rule.offset))
}

/// Returns the month that contains `ms`, found month by month from January 1970.
fn month(ms: i128) -> (i128, i128) {
    let (mut year, mut month, mut begin) = (1970, 1, 0);
    while ms < begin {
        (year, month) = if month == 1 { (year - 1, 12) } else { (year, month - 1) };
        begin -= days(year, month) * 86_400_000;
    }
    loop {
        let end = begin + days(year, month) * 86_400_000;
        if ms < end {
            return (begin, end);
        }
        (year, month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
        begin = end;
    }
}

fn days(year: i32, month: i32) -> i128 {
    match month {
        2 if year % 400 == 0 || (year % 4 == 0 && year % 100 != 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

impl WindowOracle {
    pub(crate) fn now(&self, clock: u64) -> u64 {
        self.events.last().map_or(clock, |(last, _)| clock.max(*last))
    }

    /// Returns what is used in the window that contains `now`. A refund takes nothing from earlier windows.
    pub(crate) fn used(&self, rule: &WindowRule, now: u64) -> i128 {
        let (begin, _) = bounds(rule, now);
        let inside = self.events.iter().filter(|(at, _)| i128::from(*at) >= begin);
        inside.fold(0, |used, (_, cost)| (used + cost).max(0))
    }

    pub(crate) fn decide(&self, rule: &WindowRule, cost: u64, clock: u64) -> Decision {
        let now = self.now(clock);
        let (used, limit) = (self.used(rule, now), i128::from(rule.limit));
        let wanted = used + i128::from(cost);
        let allowed = cost == 0 || wanted <= limit;
        let after = if allowed { wanted } else { used };
        let end = u64::try_from(bounds(rule, now).1 - i128::from(clock)).unwrap();
        let retry = match allowed {
            true => Retry::Now,
            false if cost > rule.limit => Retry::Never,
            false => Retry::After(end),
        };
        Decision {
            allowed,
            limit: rule.limit,
            remaining: u64::try_from((limit - after).max(0)).unwrap(),
            retry,
            reset_after_ms: if after > 0 { end } else { 0 },
            at: At::new(now).unwrap(),
        }
    }

    pub(crate) fn charge(&mut self, cost: u64, now: u64) {
        self.events.push((now, i128::from(cost)));
    }

    pub(crate) fn refund(&mut self, rule: &WindowRule, cost: u64, clock: u64) {
        let now = self.now(clock);
        if self.used(rule, now) > 0 {
            self.events.push((now, -i128::from(cost)));
        }
    }
}
