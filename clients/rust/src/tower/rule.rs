//! By which limit a layer asks.

use std::time::Duration;

use crate::decision::{Decision, QuotaDecision};
use crate::error::Error;
use crate::limiter::Limiter;
use crate::limits::Limit;
use crate::options::Lane;
use crate::single::Single;
use crate::window::Window;

/// The name of a limit that has none.
const DEFAULT: &str = "default";

pub(super) enum Rule {
    Slide(u64, Duration),
    Window(u64, Window),
    Bucket { capacity: u64, refill: f64, period: Duration },
    Policy(String),
    Limits(Vec<Limit>),
}

/// What a request adds to the rule.
pub(super) struct Asked {
    pub(super) key: String,
    pub(super) costs: Vec<(String, u64)>,
    pub(super) wait: Duration,
    pub(super) lane: Lane,
}

impl Rule {
    /// Returns the limits as far as they are known here.
    pub(super) fn limits(&self) -> Vec<Limit> {
        match self {
            Self::Slide(limit, window) => vec![Limit::slide(DEFAULT, *limit, *window)],
            Self::Window(limit, window) => vec![Limit::window(DEFAULT, *limit, *window)],
            Self::Bucket { capacity, refill, period } => {
                // A field holds integers.
                let whole = refill.trunc().to_string().parse().ok().filter(|refill| *refill > 0);
                whole.map(|refill| Limit::bucket(DEFAULT, refill, *period, *capacity)).into_iter().collect()
            }
            Self::Policy(_) => Vec::new(),
            Self::Limits(limits) => limits.clone(),
        }
    }

    pub(super) async fn ask(&self, limiter: &Limiter, asked: Asked) -> Result<QuotaDecision, Error> {
        let key = asked.key.as_str();
        match self {
            Self::Slide(limit, window) => one(limiter.slide(key, *limit, *window), &asked).await,
            Self::Window(limit, window) => one(limiter.window(key, *limit, *window), &asked).await,
            Self::Bucket { capacity, refill, period } => {
                one(limiter.bucket(key, *capacity, *refill).per(*period), &asked).await
            }
            Self::Policy(name) => {
                limiter.quota(key, name).costs(asked.costs).wait(asked.wait).priority(asked.lane).await
            }
            Self::Limits(limits) => {
                let asks =
                    limiter.quota(key, limits).costs(asked.costs).wait(asked.wait).priority(asked.lane);
                let mut decision = asks.await?;
                let is_shadow = |name: &str| limits.iter().any(|limit| limit.shadow && limit.name == name);
                decision.limits.retain(|(name, _)| !is_shadow(name));
                Ok(decision)
            }
        }
    }
}

async fn one<A>(request: Single<'_, A>, asked: &Asked) -> Result<QuotaDecision, Error> {
    let mut request = request.wait(asked.wait).priority(asked.lane);
    if let Some((_, cost)) = asked.costs.iter().find(|(unit, _)| unit == "requests") {
        request = request.cost(*cost);
    }
    let decision: Decision = request.await?;
    Ok(QuotaDecision {
        allowed: decision.allowed,
        retry_after: decision.retry_after,
        degraded: decision.degraded.clone(),
        limits: if decision.degraded.is_none() { vec![(DEFAULT.to_owned(), decision)] } else { Vec::new() },
        ..QuotaDecision::default()
    })
}
