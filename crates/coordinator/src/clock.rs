//! The two clocks. Limits count by the wall clock; waits are timed by a steady clock, which never steps.

use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime};

use rl_core::time::{At, Span};

/// When the program started, which is 0 on the steady clock.
static STARTED: LazyLock<Instant> = LazyLock::new(Instant::now);

/// One instant on both clocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now {
    /// The wall clock, in ms since 1970.
    pub(crate) wall: At,
    /// The steady clock, in ms since the program started.
    pub(crate) steady: At,
}

impl Now {
    /// Reads both clocks.
    pub(crate) fn read() -> Self {
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self { wall: at(since_1970), steady: at(STARTED.elapsed()) }
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

/// Milliseconds since 1970.
pub(crate) fn unix_ms() -> u64 {
    Now::read().wall.ms()
}

/// Starts the steady clock.
pub(crate) fn start() {
    LazyLock::force(&STARTED);
}

/// For how many seconds the program has run.
pub(crate) fn uptime_s() -> u64 {
    STARTED.elapsed().as_secs()
}
