//! `INFO rl`: what each command has done since the server started, and which policies there are.

use std::ffi::CStr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use rl_core::grammar::top::Verdict;
use rl_core::parameter_sets;
use rl_core::quota::shape::shapes;

use crate::sys::info::{self, Info};
use crate::{policies, waiting};

/// A number that only grows. Commands run one at a time, so an increment needs no atomic add.
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

/// The highest number that was seen.
pub(crate) struct Highest(AtomicU64);

impl Highest {
    pub(crate) const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    pub(crate) fn raise(&self, to: u64) {
        self.0.fetch_max(to, Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// What a command that decides has done.
pub(crate) struct Decisions {
    pub(crate) admitted: Counter,
    pub(crate) denied: Counter,
    pub(crate) errors: Counter,
}

/// What any other command has done.
pub(crate) struct Calls {
    pub(crate) calls: Counter,
    pub(crate) errors: Counter,
}

impl Decisions {
    const fn new() -> Self {
        Self { admitted: Counter::new(), denied: Counter::new(), errors: Counter::new() }
    }
}

impl Decisions {
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

pub(crate) static SLIDE: Decisions = Decisions::new();
pub(crate) static WINDOW: Decisions = Decisions::new();
pub(crate) static BUCKET: Decisions = Decisions::new();
pub(crate) static QUOTA: Decisions = Decisions::new();
pub(crate) static MQUOTA: Decisions = Decisions::new();
pub(crate) static THROTTLE: Decisions = Decisions::new();
/// Requests with the id of an open reservation, which were answered once more and charged nothing.
pub(crate) static REPEATED: Counter = Counter::new();
/// Those who have waited and were then answered because it was their turn.
pub(crate) static WAITED: Counter = Counter::new();
/// Those who have waited for as long as they would.
pub(crate) static TIMED_OUT: Counter = Counter::new();
/// Those who were told that too many wait.
pub(crate) static BUSY: Counter = Counter::new();
/// Those whose wait an operator has ended.
pub(crate) static UNBLOCKED: Counter = Counter::new();
/// Those who were gone, or were sent elsewhere, before it was their turn.
pub(crate) static GONE: Counter = Counter::new();
pub(crate) static SETTLE: Calls = Calls::new();
pub(crate) static CANCEL: Calls = Calls::new();
pub(crate) static RENEW: Calls = Calls::new();
pub(crate) static POLICY: Calls = Calls::new();
pub(crate) static PEEK: Calls = Calls::new();
pub(crate) static REFUND: Calls = Calls::new();
pub(crate) static INFO: Calls = Calls::new();
pub(crate) static TOP: Calls = Calls::new();
pub(crate) static APPLY: Calls = Calls::new();

/// The section's fields, in order; the server puts `rl_` before each name.
static FIELDS: &[(&CStr, &Counter)] = &[
    (c"slide_admitted", &SLIDE.admitted),
    (c"slide_denied", &SLIDE.denied),
    (c"slide_errors", &SLIDE.errors),
    (c"window_admitted", &WINDOW.admitted),
    (c"window_denied", &WINDOW.denied),
    (c"window_errors", &WINDOW.errors),
    (c"bucket_admitted", &BUCKET.admitted),
    (c"bucket_denied", &BUCKET.denied),
    (c"bucket_errors", &BUCKET.errors),
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
    (c"info_calls", &INFO.calls),
    (c"info_errors", &INFO.errors),
    (c"top_calls", &TOP.calls),
    (c"top_errors", &TOP.errors),
    (c"apply_calls", &APPLY.calls),
    (c"apply_errors", &APPLY.errors),
];

/// How many wait now, by lane.
static WAITING: [&CStr; 4] = [c"waiting_critical", c"waiting_high", c"waiting_normal", c"waiting_low"];

/// See the head of this file.
pub(crate) struct All;

impl info::Report for All {
    fn report(info: Info<'_>) {
        if let Some(section) = info.section(None) {
            for (name, counter) in FIELDS {
                section.number(name, counter.get());
            }
            for (name, count) in WAITING.iter().zip(waiting::counts().unwrap_or_default()) {
                section.number(name, u64::try_from(count).unwrap_or(u64::MAX));
            }
            section.number(c"longest_wait_ms", waiting::LONGEST_MS.get());
            for (name, stored) in [(c"parameter_sets", parameter_sets()), (c"quota_shapes", shapes())] {
                section.number(name, u64::try_from(stored).unwrap_or(u64::MAX));
            }
        }
        if let Some(section) = info.section(Some(c"policies")) {
            policies::tell(section);
        }
    }
}
