//! The clocks. Limits and waits run on a steady clock, which never steps.
//!
//! Limits count in ms since 1970, so that windows are aligned to the calendar and a snapshot outlives the process. That
//! count is taken from the system's clock once, when the program starts, and then advances with the steady clock. If it
//! followed a step back by an hour, keys would stay locked for an hour; if it followed a step forward, everything that is
//! counted would expire at once. So it follows neither. [`not_before`] keeps it from starting before a snapshot.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant, SystemTime};

use rl_core::time::{At, Span};

/// When the program started, which is 0 on the steady clock.
static STARTED: LazyLock<Instant> = LazyLock::new(|| {
    let (since, now) = both();
    WALL_AT_START.store(at(since).ms(), Relaxed);
    // Milliseconds begin at the same time on both clocks.
    let begun = Duration::from_nanos(u64::from(since.subsec_nanos()) % 1_000_000);
    now.checked_sub(begun).unwrap_or(now)
});

/// Reads both clocks as closely together as it can. The thread may be paused between the two.
fn both() -> (Duration, Instant) {
    let read = |_| {
        let now = Instant::now();
        let since = since_1970();
        (now.elapsed(), since, now)
    };
    let closest = (0..8).map(read).min_by_key(|(pause, ..)| *pause);
    closest.map_or_else(|| (since_1970(), Instant::now()), |(_, since, now)| (since, now))
}

/// When the program started, in ms since 1970.
static WALL_AT_START: AtomicU64 = AtomicU64::new(0);

/// One instant on both clocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now {
    /// The clock of limits, in ms since 1970. It does not follow steps of the system's clock.
    pub(crate) wall: At,
    /// The steady clock, in ms since the program started.
    pub(crate) steady: At,
}

impl Now {
    /// Reads both clocks.
    pub(crate) fn read() -> Self {
        let steady = at(STARTED.elapsed());
        Self { wall: steady.plus(Span::from_ms(WALL_AT_START.load(Relaxed))), steady }
    }
}

impl From<Now> for rl_core::memory::Now {
    fn from(Now { wall, steady }: Now) -> Self {
        Self { wall, steady }
    }
}

fn at(since: Duration) -> At {
    At::from_ms(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// A steady instant, for tokio's timers.
pub(crate) fn instant(at: At) -> tokio::time::Instant {
    // The clock may not reach an instant that is far away. A day is as good: the sleeper looks again then.
    let far = Duration::from_secs(86_400);
    let now = Instant::now();
    let left = Duration::from_millis(at.ms()).saturating_sub(STARTED.elapsed()).min(far);
    now.checked_add(left).unwrap_or(now).into()
}

/// A span as a standard duration.
pub(crate) const fn duration(span: Span) -> Duration {
    Duration::from_millis(span.ms())
}

/// Whole seconds, rounded up.
pub(crate) const fn whole_seconds(ms: u64) -> u64 {
    ms.div_ceil(1_000)
}

/// Milliseconds since 1970, by the system's clock.
pub(crate) fn unix_ms() -> u64 {
    at(since_1970()).ms()
}

/// How far the system's clock is ahead of the clock of limits, in ms.
pub(crate) fn step_ms() -> i64 {
    let signed = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
    signed(unix_ms()).saturating_sub(signed(Now::read().wall.ms()))
}

/// Sets the clock of limits forward to this instant, if it is before it: a snapshot counts by the clock of the process that
/// wrote it. Must be called before anything is decided.
pub(crate) fn not_before(at: At) {
    let ahead = at.since(Now::read().wall);
    WALL_AT_START.fetch_add(ahead.ms(), Relaxed);
}

fn since_1970() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

/// Starts the steady clock.
pub(crate) fn start() {
    LazyLock::force(&STARTED);
}

/// For how many seconds the program has run.
pub(crate) fn uptime_s() -> u64 {
    STARTED.elapsed().as_secs()
}
