//! Settings of a transport, and the attempts of a request.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::{Request, RequestBuilder, Response};

use super::call::Call;
use super::error::SendError;
use super::settings::Settings;
use crate::error::Error;
use crate::limiter::Limiter;
use crate::options::Lane;

/// Limits the requests that it sends. A clone is cheap, and knows what the other has seen.
///
/// A request that is denied is not sent: its error is [`Error::Denied`]. Requests without a body, such as for a list of models, are sent
/// as they are.
#[derive(Clone)]
pub struct Transport {
    settings: Settings,
    wait: Duration,
    attempts: u32,
    lane: Lane,
}

impl Transport {
    /// Returns a transport. Requests are limited by this policy, unless [`policy_of`](Self::policy_of) chooses another. The key is the
    /// policy's name.
    #[must_use]
    pub fn new(limiter: &Limiter, policy: impl Into<String>) -> Self {
        let policy = policy.into();
        Self {
            settings: Settings {
                limiter: limiter.clone(),
                policy_of: Arc::new(move |_| policy.clone()),
                key: None,
                profile: None,
                input: Arc::new(|body| u64::try_from(body.len().div_ceil(4)).unwrap_or(u64::MAX)),
                margin: None,
                seen: Arc::default(),
            },
            wait: Duration::from_secs(60),
            attempts: 5,
            lane: Lane::Normal,
        }
    }

    /// Chooses the policy by the request's model.
    #[must_use]
    pub fn policy_of(mut self, choose: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        self.settings.policy_of = Arc::new(choose);
        self
    }

    /// Sets the key of the limit, instead of the name of the policy.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.settings.key = Some(key.into());
        self
    }

    /// Names the provider's profile, such as `anthropic` or `openai`: [`names`](crate::profile::names) has all. The default goes by the host
    /// and the path of each request.
    #[must_use]
    pub fn profile(mut self, name: &'static str) -> Self {
        self.settings.profile = Some(name);
        self
    }

    /// Replaces the estimate of the input tokens of a body, which is a token for four bytes.
    #[must_use]
    pub fn estimate_input(mut self, estimate: impl Fn(&[u8]) -> u64 + Send + Sync + 'static) -> Self {
        self.settings.input = Arc::new(estimate);
        self
    }

    /// How long a request may stand in line, over all its attempts. The default is one minute.
    #[must_use]
    pub fn wait(mut self, wait: Duration) -> Self {
        self.wait = wait;
        self
    }

    /// How often a request is sent at most if the provider refuses it. The default is 5.
    #[must_use]
    pub fn attempts(mut self, n: u32) -> Self {
        self.attempts = n;
        self
    }

    /// The share of each limit that is left to the provider, as what its headers say comes late. The default is 0.03, and 0.05 of a bucket.
    #[must_use]
    pub fn margin(mut self, share: f64) -> Self {
        self.settings.margin = Some(share.max(0.0));
        self
    }

    /// The lane in which requests stand. The default is [`Lane::Normal`].
    #[must_use]
    pub fn priority(mut self, lane: Lane) -> Self {
        self.lane = lane;
        self
    }

    /// Sends a request by its client when its turn has come.
    ///
    /// # Errors
    ///
    /// See [`SendError`].
    pub async fn send(&self, request: RequestBuilder) -> Result<Response, SendError> {
        let (client, request) = request.build_split();
        self.send_by(request.map_err(SendError::Send)?, |request| client.execute(request)).await
    }

    /// Sends a request by `send` when its turn has come.
    ///
    /// # Errors
    ///
    /// See [`SendError`].
    pub async fn send_by<S, F, E>(&self, request: Request, mut send: S) -> Result<Response, SendError<E>>
    where
        S: FnMut(Request) -> F,
        F: Future<Output = Result<Response, E>>,
    {
        let Some(call) = Call::new(&self.settings, &request).await.map_err(SendError::before)? else {
            return send(request).await.map_err(SendError::Send);
        };
        let begin = Instant::now();
        let left = || self.wait.saturating_sub(begin.elapsed());
        let mut refused: Option<Response> = None;
        for attempt in 1.. {
            let asks = self.settings.limiter.reserve(&call.key, &call.policy).costs(call.estimate());
            let reservation = match (asks.wait(left()).priority(self.lane).await, refused.take()) {
                (Ok(reservation), _) => reservation,
                (Err(Error::Denied(_)), Some(refusal)) => return Ok(refusal), // it says more than the denial
                (Err(error), _) => return Err(SendError::Limit(error)),
            };
            let again = request.try_clone().ok_or(SendError::Stream)?;
            let sent = Instant::now();
            // If there is no answer, it is not known what the provider counted: the estimate stays.
            let response = send(again).await.map_err(SendError::Send)?;
            let told = call.told(&response);
            let synced = call.sync(&reservation, sent, &told);
            if !call.is_refusal(response.status(), &told) {
                return Ok(call.meter(response, reservation, synced));
            }
            let (refusal, hold) =
                call.refused(response, reservation, synced, &told).await.map_err(SendError::before)?;
            if attempt >= self.attempts || left() <= hold {
                return Ok(refusal);
            }
            refused = Some(refusal);
        }
        Err(SendError::Stream) // no attempt is the last of all numbers
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport")
            .field("limiter", &self.settings.limiter)
            .field("wait", &self.wait)
            .finish_non_exhaustive()
    }
}
