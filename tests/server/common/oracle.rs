//! Naive oracles for the limits: they keep every admission and sum up all of them.

/// All admissions of one key, as pairs of an instant in ms and a cost.
#[derive(Clone, Debug, Default)]
pub struct Log(pub Vec<(u64, u64)>);

impl Log {
    pub fn admit(&mut self, at: u64, cost: u64) {
        self.0.push((at, cost));
    }

    pub fn total(&self) -> u128 {
        sum(self.0.iter())
    }

    /// Returns the cost in the window of `length` that ends with the millisecond `now`.
    pub fn used_sliding(&self, now: u64, length: u64) -> u128 {
        sum(self.0.iter().filter(|(at, _)| *at <= now && now < at + length))
    }

    /// Returns the cost in the fixed window that contains `now`.
    pub fn used_fixed(&self, now: u64, length: u64, offset: i64) -> u128 {
        let index = |at: u64| (i128::from(at) - i128::from(offset)).div_euclid(i128::from(length));
        sum(self.0.iter().filter(|(at, _)| index(*at) == index(now)))
    }

    /// Returns the highest cost in any interval of `length`.
    pub fn most_sliding(&self, length: u64) -> u128 {
        self.0.iter().map(|(at, _)| self.used_sliding(*at, length)).max().unwrap_or(0)
    }

    /// Returns the highest cost in any fixed window.
    pub fn most_fixed(&self, length: u64, offset: i64) -> u128 {
        self.0.iter().map(|(at, _)| self.used_fixed(*at, length, offset)).max().unwrap_or(0)
    }

    /// Returns the first interval, from one admission to another, whose cost exceeds `capacity + refill *
    /// length / period`.
    pub fn beyond_bucket(&self, capacity: u64, refill: u64, period: u64) -> Option<(u64, u64)> {
        for (first, (begin, _)) in self.0.iter().enumerate() {
            let mut admitted = 0;
            for (end, cost) in &self.0[first..] {
                admitted += u128::from(*cost) * u128::from(period);
                let allowed =
                    u128::from(capacity) * u128::from(period) + u128::from(refill) * u128::from(end - begin);
                if admitted > allowed {
                    return Some((*begin, *end));
                }
            }
        }
        None
    }

    /// Gives `cost` back, starting with the oldest admission that still counts at `now`.
    pub fn refund_sliding(&mut self, cost: u64, now: u64, length: u64) {
        let mut left = cost;
        for (_, held) in self.0.iter_mut().filter(|(at, _)| now < at + length) {
            let given = left.min(*held);
            *held -= given;
            left -= given;
        }
        self.0.retain(|(_, held)| *held > 0);
    }
}

/// A token bucket in exact parts of a token. A token has `unit` parts, and `rate` parts are refilled each ms.
#[derive(Clone, Debug)]
pub struct Bucket {
    pub capacity: u128,
    pub unit: u128,
    pub rate: u128,
    missing: u128,
    at: u64,
}

impl Bucket {
    /// Creates a bucket. `refill_hundredths` is in hundredths of a token for each `period` in ms.
    pub fn new(capacity: u64, refill_hundredths: u64, period: u64) -> Self {
        let unit = u128::from(period) * 100;
        Self { capacity: u128::from(capacity), unit, rate: u128::from(refill_hundredths), missing: 0, at: 0 }
    }

    pub fn missing(&self, now: u64) -> u128 {
        self.missing.saturating_sub(u128::from(now - self.at) * self.rate)
    }

    pub fn take(&mut self, now: u64, cost: u64) {
        self.missing = self.missing(now) + u128::from(cost) * self.unit;
        self.at = now;
    }

    pub fn give(&mut self, now: u64, cost: u64) {
        self.missing = self.missing(now).saturating_sub(u128::from(cost) * self.unit);
        self.at = now;
    }

    /// Returns how many ms the refill of `parts` takes.
    pub fn time_for(&self, parts: u128) -> u64 {
        u64::try_from(parts.div_ceil(self.rate)).unwrap()
    }
}

fn sum<'a>(admissions: impl Iterator<Item = &'a (u64, u64)>) -> u128 {
    admissions.map(|(_, cost)| u128::from(*cost)).sum()
}
