//! The two clocks: that of the wall, by which limits count, and one that never steps, by which waits are timed.

use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime};

use rl_core::time::{At, Span};

static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// One instant on both clocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now {
    /// The wall's.
    pub(crate) wall: At,
    /// The one that never steps.
    pub(crate) steady: At,
}

impl Now {
    /// This instant.
    pub(crate) fn read() -> Self {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self { wall: at(since), steady: at(BEGAN.elapsed()) }
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

/// The instant that tokio knows a steady one by.
pub(crate) fn instant(at: At) -> tokio::time::Instant {
    // What is too far away for the clock is as good as a day: who waits looks again.
    let far = Duration::from_secs(86_400);
    let now = Instant::now();
    let left = Duration::from_millis(at.ms()).saturating_sub(BEGAN.elapsed()).min(far);
    now.checked_add(left).unwrap_or(now).into()
}

/// A span as std has it.
pub(crate) const fn duration(span: Span) -> Duration {
    Duration::from_millis(span.ms())
}

/// Milliseconds since 1970.
pub(crate) fn unix_ms() -> u64 {
    Now::read().wall.ms()
}

/// Remembers when the program began.
pub(crate) fn start() {
    LazyLock::force(&BEGAN);
}

/// For how many seconds it has run.
pub(crate) fn uptime_s() -> u64 {
    BEGAN.elapsed().as_secs()
}
