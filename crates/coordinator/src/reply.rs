//! The reply to a command. Both back ends give the same.

use rl_core::engine::run::{self, QuotaReply};
use rl_core::fault::Fault;
use rl_core::limit::decision::{Decision, Retry};
use rl_core::memory;
use rl_core::quota::decide::QuotaDecision;
use rl_core::quota::limit::Limit;
use rl_core::quota::name::Name;
use rl_core::quota::shape::Shape;

use crate::command::Verb;

/// The reply to a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    /// The answer of one limit.
    Limit(Row),
    /// The answer of a quota.
    Quota(Quota),
    /// Whether the reservation was open.
    Done(bool),
    /// What remains after a refund.
    Remaining(u64),
    /// How many ms a hold lasts.
    Held(u64),
    /// How much of each limit is used elsewhere, by its name. The one limit of a key has an empty name.
    Elsewhere(Vec<(String, u64)>),
    /// There is no such key.
    None,
}

/// The answer of one limit: five integers in the module's reply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Row {
    /// Whether it admits the request.
    pub(crate) allowed: bool,
    /// The limit in force.
    pub(crate) limit: u64,
    /// The cost that could still be admitted.
    pub(crate) remaining: u64,
    /// 0, the ms until the request is admitted, or -1 if it never is.
    pub(crate) retry_after_ms: i64,
    /// The ms until the whole limit is available again.
    pub(crate) reset_after_ms: u64,
    /// How much is granted, if the request takes as much as there is.
    pub(crate) granted: Option<u64>,
}

/// The answer of a quota.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Quota {
    /// Whether all of them admit the request.
    pub(crate) allowed: bool,
    /// As in [`Row`]: the longest time of the limits that block.
    pub(crate) retry_after_ms: i64,
    /// The names of the limits that block.
    pub(crate) blocking: Vec<String>,
    /// The answer of each limit, with its name.
    pub(crate) limits: Vec<(String, Row)>,
    /// Set if a reservation was asked for: its id, or `None` if the request was denied.
    pub(crate) reservation: Option<Option<String>>,
    /// Set if the first of several keys was asked for: its index, or -1 if none admits.
    pub(crate) index: Option<i64>,
    /// Set if the request takes as much as there is: how much is granted of each unit.
    pub(crate) granted: Option<Vec<(String, u64)>>,
    /// Whether this process has decided it by itself, out of a lease.
    pub(crate) is_leased: bool,
}

/// Why a command has no reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The command is wrong, or does not fit the key.
    Fault(Fault),
    /// There are too many keys.
    Full {
        /// The ms until a key may expire, if that is known.
        retry_after_ms: Option<u64>,
    },
    /// There are too many keys of one token.
    TokenFull,
    /// The back end cannot be reached, or did not answer in time.
    Down,
    /// The back end wants another user or password.
    NotAuthenticated,
    /// The back end lacks the module.
    NoModule,
    /// The back end is a replica.
    ReadOnly,
    /// The keys of the command are in several slots of a cluster.
    OtherSlots,
    /// The back end gave a reply that this program does not know.
    Strange,
}

/// The result of asking a back end.
pub(crate) type Result = core::result::Result<Reply, Failure>;

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<memory::Error> for Failure {
    fn from(error: memory::Error) -> Self {
        match error {
            memory::Error::Fault(fault) => Self::Fault(fault),
            memory::Error::Full => Self::Full { retry_after_ms: None },
            memory::Error::NoId => Self::Strange,
        }
    }
}

impl From<&Decision> for Row {
    fn from(decision: &Decision) -> Self {
        let Decision { allowed, limit, remaining, retry, reset_after_ms, .. } = *decision;
        Self { allowed, limit, remaining, retry_after_ms: retry.reply(), reset_after_ms, granted: None }
    }
}

/// What a limit is called in the answer of a quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Names {
    /// By its name.
    Plain,
    /// `policy/name`, to tell those of several keys apart.
    WithPolicy,
}

impl Names {
    /// The name of a limit of these limits.
    pub(crate) fn of(self, shape: &Shape, limit: &Limit) -> String {
        let name = String::from_utf8_lossy(limit.name.as_bytes());
        match (self, shape.policy()) {
            (Self::WithPolicy, Some(policy)) => {
                format!("{}/{name}", String::from_utf8_lossy(policy.as_bytes()))
            }
            (Self::WithPolicy, None) | (Self::Plain, _) => name.into_owned(),
        }
    }
}

impl Reply {
    /// What the engine has answered to this command.
    pub(crate) fn of(verb: Verb, reply: run::Reply) -> Self {
        match reply {
            run::Reply::Limit(decision) => Self::Limit(Row::from(&decision)),
            run::Reply::Granted(decision, cost) => {
                Self::Limit(Row { granted: Some(cost), ..Row::from(&decision) })
            }
            run::Reply::Quota(quota) => {
                let names = if verb == Verb::ManyQuotas { Names::WithPolicy } else { Names::Plain };
                Self::of_quotas(&quota, names, None)
            }
            run::Reply::First(quota, at) => {
                let index = at.and_then(|at| i64::try_from(at).ok()).unwrap_or(-1);
                Self::of_quotas(&quota, Names::Plain, Some(index))
            }
            run::Reply::Remaining(remaining) => Self::Remaining(remaining),
            run::Reply::Done(done) => Self::Done(done),
            run::Reply::Held(ms) => Self::Held(ms),
            run::Reply::Elsewhere(used) => {
                let name =
                    |(name, used): (Box<[u8]>, u64)| (String::from_utf8_lossy(&name).into_owned(), used);
                Self::Elsewhere(used.into_iter().map(name).collect())
            }
            run::Reply::Nothing => Self::None,
        }
    }

    fn of_quotas(quota: &QuotaReply, names: Names, index: Option<i64>) -> Self {
        let keys = quota.keys.iter().map(|(shape, decision)| (&**shape, decision));
        let name = |id: &[u8]| String::from_utf8_lossy(id).into_owned();
        let reservation = quota.reservation.as_ref().map(|id| id.as_deref().map(name));
        let granted = |(unit, n): &(Name, u64)| (name(unit.as_bytes()), *n);
        let granted = quota.granted.as_ref().map(|all| all.iter().map(granted).collect());
        match Self::quota(keys, names, reservation, index) {
            Self::Quota(quota) => Self::Quota(Quota { granted, ..quota }),
            other => other,
        }
    }

    /// The answer of the limits of one or more quotas.
    pub(crate) fn quota<'a>(
        keys: impl IntoIterator<Item = (&'a Shape, &'a QuotaDecision)>,
        names: Names,
        reservation: Option<Option<String>>,
        index: Option<i64>,
    ) -> Self {
        let (mut blocking, mut limits, mut retry) = (Vec::new(), Vec::new(), Retry::Now);
        for (shape, decision) in keys {
            for (limit, row) in shape.limits().iter().zip(&decision.rows) {
                let name = names.of(shape, limit);
                if !row.allowed {
                    blocking.push(name.clone());
                }
                limits.push((name, Row::from(row)));
            }
            retry = retry.max(decision.retry());
        }
        let allowed = blocking.is_empty();
        let retry_after_ms = if allowed { 0 } else { retry.reply() };
        Self::Quota(Quota {
            allowed,
            retry_after_ms,
            blocking,
            limits,
            reservation,
            index,
            granted: None,
            is_leased: false,
        })
    }

    /// Whether a request was admitted; `None` if it did not ask for an admission.
    pub(crate) const fn allowed(&self) -> Option<bool> {
        match self {
            Self::Limit(row) => Some(row.allowed),
            Self::Quota(quota) => Some(quota.allowed),
            Self::Done(_) | Self::Remaining(_) | Self::Held(_) | Self::Elsewhere(_) | Self::None => None,
        }
    }

    /// The ms until a denied request is admitted, as in [`Row`].
    pub(crate) const fn retry_after_ms(&self) -> i64 {
        match self {
            Self::Limit(row) => row.retry_after_ms,
            Self::Quota(quota) => quota.retry_after_ms,
            Self::Done(_) | Self::Remaining(_) | Self::Held(_) | Self::Elsewhere(_) | Self::None => 0,
        }
    }
}
