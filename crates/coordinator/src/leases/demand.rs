//! How much of each unit was asked for lately. It counts per ttl: what this one has had so far, and what the last had.

use rl_core::time::{At, Span};
use smallvec::SmallVec;

use super::permits::{Costs, Unit};

/// What was asked for, by unit.
#[derive(Debug)]
pub(super) struct Demand {
    period: Span,
    since: At,
    units: SmallVec<[Meter; 2]>,
}

#[derive(Debug)]
struct Meter {
    unit: Unit,
    now: u64,
    before: u64,
}

impl Demand {
    /// Nothing was asked for yet.
    pub(super) const fn new(period: Span, now: At) -> Self {
        Self { period, since: now, units: SmallVec::new_const() }
    }

    /// Counts a request.
    pub(super) fn note(&mut self, now: At, costs: &Costs<'_>) {
        self.turn(now);
        for (unit, cost) in costs {
            match self.units.iter_mut().find(|meter| *meter.unit == **unit) {
                Some(meter) => meter.now = meter.now.saturating_add(*cost),
                None => self.units.push(Meter { unit: Unit::from(*unit), now: *cost, before: 0 }),
            }
        }
    }

    /// Begins the next period if this one is over.
    fn turn(&mut self, now: At) {
        let passed = now.since(self.since).ms();
        let period = self.period.ms().max(1);
        if passed < period {
            return;
        }
        let is_next = passed < period.saturating_mul(2);
        self.since = if is_next { self.since.plus(self.period) } else { now };
        for meter in &mut self.units {
            meter.before = if is_next { meter.now } else { 0 };
            meter.now = 0;
        }
        self.units.retain(|meter| meter.before > 0 || !is_next);
    }

    /// How much of a unit is asked for within `span`.
    pub(super) fn within(&self, now: At, unit: &[u8], span: Span) -> u64 {
        let Some(meter) = self.units.iter().find(|meter| *meter.unit == *unit) else { return 0 };
        let (period, passed) = (self.period.ms().max(1), now.since(self.since).ms());
        let rest = period.saturating_sub(passed);
        let part = |n: u64, of: u64, whole: u64| {
            u128::from(n).saturating_mul(u128::from(of)).checked_div(u128::from(whole)).unwrap_or(0)
        };
        let recent = if meter.before == 0 && passed < period {
            // The first period: a part of it tells about all of it, once there is some of it.
            part(meter.now, period, passed.max(period / 8).max(1))
        } else {
            part(meter.before, rest, period).saturating_add(u128::from(meter.now))
        };
        let within = recent.saturating_mul(u128::from(span.ms())).checked_div(u128::from(period));
        u64::try_from(within.unwrap_or(0)).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_follows_what_is_asked_for() {
        let period = Span::from_ms(1_000);
        let mut demand = Demand::new(period, At::from_ms(0));
        let costs: Costs<'_> = [(&b"requests"[..], 2)].into_iter().collect();
        for ms in 0..5_000 {
            demand.note(At::from_ms(ms), &costs);
            if ms > 200 {
                let seen = demand.within(At::from_ms(ms), b"requests", period);
                assert!((1_900..=2_100).contains(&seen), "{ms}: {seen}");
            }
        }
        assert_eq!(demand.within(At::from_ms(5_000), b"tokens", period), 0);
        demand.note(At::from_ms(9_000), &costs);
        assert!(demand.within(At::from_ms(9_000), b"requests", period) < 20);
    }
}
