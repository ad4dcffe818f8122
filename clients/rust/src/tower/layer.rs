//! The layer and its service.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::header::{HeaderName, HeaderValue, RETRY_AFTER};
use http::request::Parts;
use http::{Request, Response, StatusCode};
use tower_layer::Layer;
use tower_service::Service;

use super::fields::{limit_field, policy_field, whole_seconds};
use super::rule::{Asked, Rule};
use crate::decision::QuotaDecision;
use crate::error::Error;
use crate::limiter::Limiter;
use crate::limits::Limit;
use crate::options::Lane;
use crate::quota::Rules;
use crate::window::Window;

/// What is read from a request.
type Of<T> = Arc<dyn Fn(&Parts) -> T + Send + Sync>;

/// Puts a limit in front of a service. See the [module](super).
#[derive(Clone)]
pub struct RateLimit {
    limiter: Limiter,
    rule: Arc<Rule>,
    policy: Option<HeaderValue>,
    wait: Duration,
    key: Of<String>,
    costs: Of<Vec<(String, u64)>>,
    lane: Of<Lane>,
    on_error: Arc<dyn Fn(&Error) + Send + Sync>,
}

impl RateLimit {
    fn new(limiter: &Limiter, rule: Rule, key: impl Fn(&Parts) -> String + Send + Sync + 'static) -> Self {
        Self {
            limiter: limiter.clone(),
            policy: value(&policy_field(&rule.limits())),
            rule: Arc::new(rule),
            wait: Duration::ZERO,
            key: Arc::new(key),
            costs: Arc::new(|_| Vec::new()),
            lane: Arc::new(|_| Lane::Normal),
            on_error: Arc::new(|error| eprintln!("rate limit: {error}")),
        }
    }

    /// Limits the requests of each key by an exact sliding window.
    #[must_use]
    pub fn slide<K>(limiter: &Limiter, limit: u64, window: Duration, key: K) -> Self
    where
        K: Fn(&Parts) -> String + Send + Sync + 'static,
    {
        Self::new(limiter, Rule::Slide(limit, window), key)
    }

    /// Limits the requests of each key by a fixed window.
    #[must_use]
    pub fn window<K>(limiter: &Limiter, limit: u64, window: impl Into<Window>, key: K) -> Self
    where
        K: Fn(&Parts) -> String + Send + Sync + 'static,
    {
        Self::new(limiter, Rule::Window(limit, window.into()), key)
    }

    /// Limits the requests of each key by a token bucket that gains `refill` in each period.
    #[must_use]
    pub fn bucket<K>(
        limiter: &Limiter,
        capacity: u64,
        refill: impl Into<f64>,
        period: Duration,
        key: K,
    ) -> Self
    where
        K: Fn(&Parts) -> String + Send + Sync + 'static,
    {
        Self::new(limiter, Rule::Bucket { capacity, refill: refill.into(), period }, key)
    }

    /// Limits the requests of each key by a policy, or by limits.
    #[must_use]
    pub fn quota<'a, K>(limiter: &Limiter, by: impl Into<Rules<'a>>, key: K) -> Self
    where
        K: Fn(&Parts) -> String + Send + Sync + 'static,
    {
        let rule = match by.into() {
            Rules::Policy(name) => Rule::Policy(name.to_owned()),
            Rules::Limits(limits) => Rule::Limits(limits.iter().map(Limit::clone).collect()),
        };
        Self::new(limiter, rule, key)
    }

    /// Lets a request wait until it is admitted, or until `wait` has passed.
    #[must_use]
    pub fn wait(mut self, wait: Duration) -> Self {
        self.wait = wait;
        self
    }

    /// Says what a request consumes of each unit. Of a single limit, the unit is `requests`.
    #[must_use]
    pub fn costs(mut self, costs: impl Fn(&Parts) -> Vec<(String, u64)> + Send + Sync + 'static) -> Self {
        self.costs = Arc::new(costs);
        self
    }

    /// Chooses the lane in which a request waits.
    #[must_use]
    pub fn priority(mut self, lane: impl Fn(&Parts) -> Lane + Send + Sync + 'static) -> Self {
        self.lane = Arc::new(lane);
        self
    }

    /// Is told of errors that are no denials, for example that there is no such policy. The request gets 500. The default writes them
    /// to the standard error.
    #[must_use]
    pub fn on_error(mut self, tell: impl Fn(&Error) + Send + Sync + 'static) -> Self {
        self.on_error = Arc::new(tell);
        self
    }

    fn asked(&self, request: &Parts) -> Asked {
        let (key, costs, lane) = ((self.key)(request), (self.costs)(request), (self.lane)(request));
        Asked { key, costs, lane, wait: self.wait }
    }

    /// Returns the fields that all answers to a decided request have.
    fn fields(&self, decision: &QuotaDecision) -> Vec<(HeaderName, HeaderValue)> {
        let limits = decision.limits.iter().map(|(name, limit)| (name.as_str(), limit));
        let limit = value(&limit_field(limits)).map(|limit| (HeaderName::from_static("ratelimit"), limit));
        let policy = self.policy.clone().map(|policy| (HeaderName::from_static("ratelimit-policy"), policy));
        limit.into_iter().chain(policy).collect()
    }
}

/// A text as the value of a field; none if it is empty or no such value.
fn value(text: &str) -> Option<HeaderValue> {
    HeaderValue::from_str(text).ok().filter(|value| !value.is_empty())
}

fn refusal<R: From<&'static str>>(
    status: StatusCode,
    text: &'static str,
    after: Option<Duration>,
) -> Response<R> {
    let mut response = Response::new(R::from(text));
    *response.status_mut() = status;
    if let Some(after) = after {
        response.headers_mut().insert(RETRY_AFTER, whole_seconds(after).into());
    }
    response
}

impl<S> Layer<S> for RateLimit {
    type Service = Limited<S>;

    fn layer(&self, inner: S) -> Limited<S> {
        Limited { limit: self.clone(), inner }
    }
}

/// A service with a limit in front of it.
#[derive(Clone, Debug)]
pub struct Limited<S> {
    limit: RateLimit,
    inner: S,
}

impl<S, B, R> Service<Request<B>> for Limited<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    B: Send + 'static,
    R: From<&'static str>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<R>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let limit = self.limit.clone();
        // The service that is ready is the one that is called.
        let ready = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, ready);
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let decision = match limit.rule.ask(&limit.limiter, limit.asked(&parts)).await {
                Ok(decision) => decision,
                Err(Error::Busy(_)) => {
                    let after = Some(Duration::from_secs(1));
                    return Ok(refusal(StatusCode::SERVICE_UNAVAILABLE, "too many requests wait", after));
                }
                Err(error) => {
                    (limit.on_error)(&error);
                    return Ok(refusal(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error", None));
                }
            };
            let mut response = match (decision.allowed, &decision.degraded) {
                (true, _) => inner.call(Request::from_parts(parts, body)).await?,
                (false, None) => {
                    refusal(StatusCode::TOO_MANY_REQUESTS, "Too Many Requests", decision.retry_after)
                }
                (false, Some(_)) => {
                    refusal(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable", decision.retry_after)
                }
            };
            response.headers_mut().extend(limit.fields(&decision));
            Ok(response)
        })
    }
}

impl fmt::Debug for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimit")
            .field("limiter", &self.limiter)
            .field("wait", &self.wait)
            .finish_non_exhaustive()
    }
}
