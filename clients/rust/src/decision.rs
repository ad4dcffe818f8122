//! What a request for admission is answered.

use std::time::Duration;

use crate::unavailable::Unavailable;

/// What one limit answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Decision {
    /// Whether the request is admitted, and counted.
    pub allowed: bool,
    /// The limit or the capacity in force.
    pub limit: u64,
    /// The cost that could still be admitted now, after this decision.
    pub remaining: u64,
    /// The time until this same cost would be admitted if no other request came: 0 if it is admitted, and `None` if it never can
    /// be, because it is above the limit.
    pub retry_after: Option<Duration>,
    /// The time until the full limit is available again.
    pub reset_after: Duration,
    /// Why the request could not be decided. Then the [fail mode](crate::Fail) has answered it, and the numbers are 0.
    pub degraded: Option<Unavailable>,
}

/// What the limits of a quota answer together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct QuotaDecision {
    /// Whether the request is admitted, and counted by all limits.
    pub allowed: bool,
    /// The time until all blocking limits admit the request: 0 if it is admitted, and `None` if one never can.
    pub retry_after: Option<Duration>,
    /// The names of all limits that block.
    pub blocking: Vec<String>,
    /// What each limit answers, with its name, in the order of the quota. For [`Limiter::mquota`](crate::Limiter::mquota), names
    /// are `policy/name`.
    pub limits: Vec<(String, Decision)>,
    /// Which key of [`Limiter::first`](crate::Limiter::first) admits, in the order given. `None` if none does, and for other calls.
    /// If the fail mode has admitted the request, it is 0, the preferred key.
    pub index: Option<usize>,
    /// The id of the reservation. `None` if the request is denied or reserves nothing.
    pub id: Option<String>,
    /// Why the request could not be decided, as in [`Decision`].
    pub degraded: Option<Unavailable>,
}

impl QuotaDecision {
    /// Returns what the limit of this name answers.
    ///
    /// ```
    /// # use redis_rl::QuotaDecision;
    /// fn tokens_left(decision: &QuotaDecision) -> u64 {
    ///     decision.limit("tpm").map_or(0, |limit| limit.remaining)
    /// }
    /// # assert_eq!(tokens_left(&QuotaDecision::default()), 0);
    /// ```
    #[must_use]
    pub fn limit(&self, name: &str) -> Option<&Decision> {
        self.limits.iter().find(|(known, _)| known == name).map(|(_, limit)| limit)
    }
}

/// The time after which a request that the fail mode denied should be tried again.
const RETRY_DEGRADED: Duration = Duration::from_secs(1);

/// An answer of the fail mode.
pub(crate) trait Degraded {
    /// Returns the answer to a request that could not be decided.
    fn degraded(allowed: bool, why: Unavailable) -> Self;
}

fn retry_degraded(allowed: bool) -> Option<Duration> {
    Some(if allowed { Duration::ZERO } else { RETRY_DEGRADED })
}

impl Degraded for Decision {
    fn degraded(allowed: bool, why: Unavailable) -> Self {
        Self { allowed, retry_after: retry_degraded(allowed), degraded: Some(why), ..Self::default() }
    }
}

impl Degraded for QuotaDecision {
    fn degraded(allowed: bool, why: Unavailable) -> Self {
        Self { allowed, retry_after: retry_degraded(allowed), degraded: Some(why), ..Self::default() }
    }
}
