//! Requests that could not be decided: why, and how often. `on_error` decides them.
//!
//! An answer of the back end is a decision, and so is the refusal of a request that is wrong. Everything else has a
//! [`Cause`]. "Too many waiters" has none: the limit has denied the request, which then may not wait.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use rl_core::fault::Fault;

use crate::clock::Now;
use crate::reply::Failure;

/// The least time between two log lines about one cause, in ms.
const PAUSE: u64 = 10_000;

/// Why a request could not be decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The back end cannot be reached, or did not answer in time.
    Down,
    /// The back end wants another user or password.
    NotAuthenticated,
    /// The back end's user may not run the command, or not on this key.
    NotPermitted,
    /// The back end lacks the module.
    NoModule,
    /// The back end is a replica, which cannot count.
    ReadOnly,
    /// The back end is out of memory.
    OutOfMemory,
    /// The key moves to another node, or was changed meanwhile.
    SlotMoves,
    /// There is no room for another key.
    TooManyKeys,
    /// There is no room for another key of the token.
    TooManyTokenKeys,
    /// The back end gave a reply that this program does not know.
    Strange,
}

impl Cause {
    /// All causes, in the order of the metrics.
    pub(crate) const ALL: [Self; 10] = [
        Self::Down,
        Self::NotAuthenticated,
        Self::NotPermitted,
        Self::NoModule,
        Self::ReadOnly,
        Self::OutOfMemory,
        Self::SlotMoves,
        Self::TooManyKeys,
        Self::TooManyTokenKeys,
        Self::Strange,
    ];

    /// The cause of a failure; `None` if the request itself is wrong, or does not fit the key.
    pub(crate) fn of(failure: Failure) -> Option<Self> {
        match failure {
            Failure::Down => Some(Self::Down),
            Failure::NotAuthenticated => Some(Self::NotAuthenticated),
            Failure::NoModule => Some(Self::NoModule),
            Failure::ReadOnly => Some(Self::ReadOnly),
            Failure::Full { .. } => Some(Self::TooManyKeys),
            Failure::TokenFull => Some(Self::TooManyTokenKeys),
            Failure::Strange => Some(Self::Strange),
            Failure::OtherSlots => None,
            Failure::Fault(fault) => Self::of_fault(fault),
        }
    }

    fn of_fault(fault: Fault) -> Option<Self> {
        const OF_THE_SERVER: [(Fault, Cause); 4] = [
            (Fault::NoPermission, Cause::NotPermitted),
            (Fault::OutOfMemory, Cause::OutOfMemory),
            (Fault::SlotMoves, Cause::SlotMoves),
            (Fault::KeyChanged, Cause::SlotMoves),
        ];
        OF_THE_SERVER.into_iter().find(|(known, _)| *known == fault).map(|(_, cause)| cause)
    }

    /// Its name in metrics and in the log.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::NotAuthenticated => "noauth",
            Self::NotPermitted => "noperm",
            Self::NoModule => "no_module",
            Self::ReadOnly => "readonly",
            Self::OutOfMemory => "oom",
            Self::SlotMoves => "slot_moves",
            Self::TooManyKeys => "too_many_keys",
            Self::TooManyTokenKeys => "too_many_token_keys",
            Self::Strange => "strange",
        }
    }

    /// What is wrong, for clients and operators.
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Down => "the back end does not answer",
            Self::NotAuthenticated => "the back end wants another user or password",
            Self::NotPermitted => "the back end refuses the command",
            Self::NoModule => "the back end lacks the module",
            Self::ReadOnly => "the back end is a replica, which cannot count",
            Self::OutOfMemory => "the back end is out of memory",
            Self::SlotMoves => "the key is moving to another node",
            Self::TooManyTokenKeys => "there are as many keys as a token of this prefix may have",
            Self::TooManyKeys => "there are as many keys as this server may hold",
            Self::Strange => "the back end gives no answer that is understood",
        }
    }
}

/// Logs causes, one line for each in some time.
#[derive(Debug, Default)]
pub(crate) struct CauseLog([Entry; Cause::ALL.len()]);

/// What was logged about one cause.
#[derive(Debug, Default)]
struct Entry {
    /// When, on the steady clock and 1 ms later; 0 for never.
    logged: AtomicU64,
    /// How many requests there were since.
    requests: AtomicU64,
}

impl CauseLog {
    /// Notes a request that was not decided, and what it was answered.
    pub(crate) fn note(&self, cause: Cause, answer: &'static str) {
        let Some(at) = Cause::ALL.iter().position(|known| *known == cause) else { return };
        let Some(Entry { logged, requests }) = self.0.get(at) else { return };
        requests.fetch_add(1, Relaxed);
        let (now, last) = (Now::read().steady.ms().saturating_add(1), logged.load(Relaxed));
        let is_due = last == 0 || now.saturating_sub(last) >= PAUSE;
        if is_due && logged.compare_exchange(last, now, Relaxed, Relaxed).is_ok() {
            let requests = requests.swap(0, Relaxed);
            let (cause, text) = (cause.name(), cause.text());
            tracing::error!(cause, requests, answer, "requests could not be decided: {text}");
        }
    }
}
