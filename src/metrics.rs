//! Counters of what each command has done since the server started. `INFO rl` shows them.

use std::ffi::CStr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use rl_core::grammar::top::Verdict;
use rl_core::limit::Kind;

/// A number that only grows. Commands run one at a time, so counting needs no atomic addition.
pub(crate) struct Counter(AtomicU64);

impl Counter {
    const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    pub(crate) fn count(&self) {
        self.0.store(self.0.load(Relaxed).wrapping_add(1), Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// The highest of the numbers that it was told.
pub(crate) struct Highest(AtomicU64);

impl Highest {
    const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    pub(crate) fn raise(&self, to: u64) {
        self.0.fetch_max(to, Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// The counters of a command that decides.
pub(crate) struct Decisions {
    pub(crate) admitted: Counter,
    pub(crate) denied: Counter,
    pub(crate) errors: Counter,
}

/// The counters of any other command.
pub(crate) struct Calls {
    pub(crate) calls: Counter,
    pub(crate) errors: Counter,
}

impl Decisions {
    const fn new() -> Self {
        Self { admitted: Counter::new(), denied: Counter::new(), errors: Counter::new() }
    }

    /// The counter of a verdict.
    pub(crate) const fn of(&self, verdict: Verdict) -> &Counter {
        match verdict {
            Verdict::Admitted => &self.admitted,
            Verdict::Denied => &self.denied,
        }
    }
}

impl Calls {
    const fn new() -> Self {
        Self { calls: Counter::new(), errors: Counter::new() }
    }
}

static LIMITS: [Decisions; Kind::ALL.len()] = [const { Decisions::new() }; Kind::ALL.len()];
pub(crate) static QUOTA: Decisions = Decisions::new();
pub(crate) static MQUOTA: Decisions = Decisions::new();
pub(crate) static THROTTLE: Decisions = Decisions::new();
/// Requests with the id of an open reservation. They were answered again and charged nothing.
pub(crate) static REPEATED: Counter = Counter::new();
/// Units with a cost that no limit of the request's policies counts, each counted once for each request.
pub(crate) static UNITS_UNCOUNTED: Counter = Counter::new();
/// Requests that were admitted and that a shadow limit would have denied.
pub(crate) static SHADOW_DENIED: Counter = Counter::new();
/// Waiters that were admitted when their turn came.
pub(crate) static WAITED: Counter = Counter::new();
/// Waiters that have waited for as long as they were willing to.
pub(crate) static TIMED_OUT: Counter = Counter::new();
/// Requests that were refused because too many wait.
pub(crate) static BUSY: Counter = Counter::new();
/// Waiters whose wait an operator has ended.
pub(crate) static UNBLOCKED: Counter = Counter::new();
/// Waiters that disconnected, or were sent to another node, before their turn came.
pub(crate) static GONE: Counter = Counter::new();
/// The longest time that a waiter has waited and was then admitted.
pub(crate) static LONGEST_WAIT_MS: Highest = Highest::new();
pub(crate) static SETTLE: Calls = Calls::new();
pub(crate) static CANCEL: Calls = Calls::new();
pub(crate) static RENEW: Calls = Calls::new();
pub(crate) static POLICY: Calls = Calls::new();
pub(crate) static PEEK: Calls = Calls::new();
pub(crate) static REFUND: Calls = Calls::new();
pub(crate) static HOLD: Calls = Calls::new();
pub(crate) static SYNC: Calls = Calls::new();
pub(crate) static INFO: Calls = Calls::new();
pub(crate) static TOP: Calls = Calls::new();
pub(crate) static APPLY: Calls = Calls::new();

/// The fields that count the command for one limit, in the order of [`Decisions`].
const fn limit_fields(kind: Kind) -> [&'static CStr; 3] {
    match kind {
        Kind::Slide => [c"slide_admitted", c"slide_denied", c"slide_errors"],
        Kind::Window => [c"window_admitted", c"window_denied", c"window_errors"],
        Kind::Bucket => [c"bucket_admitted", c"bucket_denied", c"bucket_errors"],
    }
}

/// The other fields in order. The server puts `rl_` before each name.
static FIELDS: &[(&CStr, &Counter)] = &[
    (c"quota_admitted", &QUOTA.admitted),
    (c"quota_denied", &QUOTA.denied),
    (c"quota_errors", &QUOTA.errors),
    (c"quota_repeated", &REPEATED),
    (c"mquota_admitted", &MQUOTA.admitted),
    (c"mquota_denied", &MQUOTA.denied),
    (c"mquota_errors", &MQUOTA.errors),
    (c"cl_throttle_admitted", &THROTTLE.admitted),
    (c"cl_throttle_denied", &THROTTLE.denied),
    (c"cl_throttle_errors", &THROTTLE.errors),
    (c"shadow_denied", &SHADOW_DENIED),
    (c"units_uncounted", &UNITS_UNCOUNTED),
    (c"waiters_granted", &WAITED),
    (c"waiters_timed_out", &TIMED_OUT),
    (c"waiters_busy", &BUSY),
    (c"waiters_unblocked", &UNBLOCKED),
    (c"waiters_gone", &GONE),
    (c"settle_calls", &SETTLE.calls),
    (c"settle_errors", &SETTLE.errors),
    (c"cancel_calls", &CANCEL.calls),
    (c"cancel_errors", &CANCEL.errors),
    (c"renew_calls", &RENEW.calls),
    (c"renew_errors", &RENEW.errors),
    (c"policy_calls", &POLICY.calls),
    (c"policy_errors", &POLICY.errors),
    (c"peek_calls", &PEEK.calls),
    (c"peek_errors", &PEEK.errors),
    (c"refund_calls", &REFUND.calls),
    (c"refund_errors", &REFUND.errors),
    (c"hold_calls", &HOLD.calls),
    (c"hold_errors", &HOLD.errors),
    (c"sync_calls", &SYNC.calls),
    (c"sync_errors", &SYNC.errors),
    (c"info_calls", &INFO.calls),
    (c"info_errors", &INFO.errors),
    (c"top_calls", &TOP.calls),
    (c"top_errors", &TOP.errors),
    (c"apply_calls", &APPLY.calls),
    (c"apply_errors", &APPLY.errors),
];

/// The counters of the command for one limit of an algorithm.
#[expect(clippy::indexing_slicing, reason = "an algorithm's number is below that of all algorithms")]
pub(crate) const fn of_limit(kind: Kind) -> &'static Decisions {
    &LIMITS[kind as usize]
}

/// Calls `field` with the name and the value of each counter, in the order of `INFO`.
pub(crate) fn each(mut field: impl FnMut(&CStr, u64)) {
    for kind in Kind::ALL {
        let Decisions { admitted, denied, errors } = of_limit(kind);
        for (name, counter) in limit_fields(kind).iter().zip([admitted, denied, errors]) {
            field(name, counter.get());
        }
    }
    for (name, counter) in FIELDS {
        field(name, counter.get());
    }
}
