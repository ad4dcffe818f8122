//! Windows, their offsets, and how times are written in commands.

use std::time::Duration;

/// The window of a limit. A [`Duration`] turns into one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Window {
    /// A window of this length.
    Of(Duration),
    /// A week of the calendar: it begins on Monday at 00:00 UTC. Seven days as a [`Duration`] begin on Thursday.
    Week,
    /// A month of the calendar, in UTC.
    Month,
}

impl From<Duration> for Window {
    fn from(length: Duration) -> Self {
        Self::Of(length)
    }
}

impl Window {
    pub(crate) fn word(self) -> String {
        match self {
            Self::Of(length) => word(length),
            Self::Week => "1w".to_owned(),
            Self::Month => "1mo".to_owned(),
        }
    }
}

/// How far the windows of a fixed window are moved, in ms. It may be negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Offset(i64);

impl Offset {
    /// Returns an offset of so many hours, as that of a time zone.
    ///
    /// ```
    /// use redis_rl::Offset;
    /// assert_eq!(Offset::from_hours(-8).as_millis(), -28_800_000);
    /// ```
    #[must_use]
    pub const fn from_hours(hours: i32) -> Self {
        Self(hours as i64 * 3_600_000)
    }

    /// Returns an offset of so many milliseconds.
    #[must_use]
    pub const fn from_millis(ms: i64) -> Self {
        Self(ms)
    }

    /// Returns the offset in milliseconds.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    pub(crate) fn word(self) -> String {
        format!("{}ms", self.0)
    }
}

/// Writes a duration as the commands read it. A fraction of a millisecond is rounded up.
pub(crate) fn word(length: Duration) -> String {
    match length.as_nanos().div_ceil(1_000_000) {
        0 => "0".to_owned(),
        ms => format!("{ms}ms"),
    }
}

/// Reads a time as rl-coordinator writes them, in ms: 250ms, 60s, 5m, 1h, 1d, -8h.
#[cfg(feature = "http")]
pub(crate) fn read_ms(text: &str) -> Option<i64> {
    const UNITS: [(&str, i64); 5] =
        [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
    let end = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(end);
    let (_, ms) = UNITS.into_iter().find(|(known, _)| *known == unit)?;
    number.parse::<i64>().ok()?.checked_mul(ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_in_whole_milliseconds() {
        for (nanos, written) in
            [(0, "0"), (1, "1ms"), (1_000_000, "1ms"), (1_000_001, "2ms"), (60_000_000_000, "60000ms")]
        {
            assert_eq!(word(Duration::from_nanos(nanos)), written);
        }
        assert_eq!(word(Duration::MAX), "18446744073709551616000ms");
    }
}
