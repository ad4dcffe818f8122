//! A request with all that its attempts have in common.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use reqwest::{Request, Response, StatusCode};
use tokio::task::JoinHandle;

use super::ask::{self, Asked};
use super::body::{Metered, Seen, with_body};
use super::error::SendError;
use super::facts::{Charging, Facts, facts};
use super::meter::Meter;
use super::policy::Known;
use super::settings::Settings;
use super::usage::Used;
use crate::error::Error;
use crate::hold::Left;
use crate::limits::{Algorithm, Limit};
use crate::profile::{Profile, Told, read};
use crate::reserve::Reservation;

/// The most bytes of a refusal that are read.
const REFUSAL_MAX: usize = 1 << 20;

/// How long a key is held after a refusal that does not say for how long.
const OVERLOAD_HOLD: Duration = Duration::from_secs(1);

/// Between two answers others may use the provider's limit, and requests are on their way. So a share of each limit is left to the provider,
/// in percent, unless the caller sets another.
const MARGIN: f64 = 0.03;
const BUCKET_MARGIN: f64 = 0.05;

pub(super) struct Call {
    settings: Settings,
    asked: Asked,
    facts: &'static Facts,
    profile: &'static Profile,
    pub(super) key: String,
    pub(super) policy: String,
    known: Arc<Known>,
    input: u64,
}

/// Counts of which an attempt used nothing but the request itself.
fn nothing() -> Used {
    ["input-tokens", "output-tokens", "tokens"].into_iter().map(|limit| (limit.to_owned(), 0)).collect()
}

impl Call {
    /// Reads a request; `None` if it has no body, such as one for a list of models.
    pub(super) async fn new(settings: &Settings, request: &Request) -> Result<Option<Self>, SendError> {
        let Some(body) = request.body() else { return Ok(None) };
        let body = body.as_bytes().ok_or(SendError::Stream)?;
        let name = settings.profile.unwrap_or_else(|| ask::profile_of(request.url()));
        let Some((facts, profile)) = facts(name) else {
            return Err(SendError::Limit(Error::Invalid(format!("there is no profile {name}"))));
        };
        let asked = ask::read(request.url(), body);
        let policy = (settings.policy_of)(&asked.model);
        let key = settings.key.clone().unwrap_or_else(|| policy.clone());
        let known = settings.seen.policies.of(&settings.limiter, &policy).await;
        let input = (settings.input)(body);
        Ok(Some(Self { settings: settings.clone(), asked, facts, profile, key, policy, known, input }))
    }

    /// Returns the costs to reserve, as the provider will count them.
    pub(super) fn estimate(&self) -> Vec<(&'static str, u64)> {
        let charging = self.facts.charging();
        let output = match (charging, self.asked.most) {
            (Charging::Produced, most) | (_, most @ None) => {
                self.settings.seen.outputs.estimate(&self.key, most)
            }
            (Charging::ReservedThenSettled | Charging::Reserved | Charging::ReservedOrInput, Some(most)) => {
                most
            }
        };
        let tokens = match charging {
            Charging::ReservedOrInput => self.input.max(output),
            Charging::Produced | Charging::ReservedThenSettled | Charging::Reserved => {
                self.input.saturating_add(output)
            }
        };
        let used = [("input-tokens", self.input), ("output-tokens", output), ("tokens", tokens)];
        self.costs(&used.into_iter().map(|(limit, n)| (limit.to_owned(), n)).collect())
    }

    /// Names what is used by the units of the policy.
    fn costs(&self, used: &Used) -> Vec<(&'static str, u64)> {
        used.iter().filter_map(|(limit, n)| Some((self.known.unit(limit)?, *n))).collect()
    }

    /// Reads what the headers of an answer say.
    pub(super) fn told(&self, response: &Response) -> Told {
        let headers: Vec<_> = response
            .headers()
            .iter()
            .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
            .collect();
        read(self.profile, &headers, now_ms())
    }

    /// Whether the provider refused the request. 403 is a refusal only if the headers say when to ask again.
    pub(super) fn is_refusal(&self, status: StatusCode, told: &Told) -> bool {
        match status.as_u16() {
            429 => true,
            status if !self.facts.is_refusal(status) => false,
            403 => told.hold_ms.is_some() || told.limits.iter().any(|left| left.remaining == 0),
            _ => true,
        }
    }

    /// Passes on what the headers of an answer say, less the margin, beside the answer, which does not wait for it.
    pub(super) fn sync(&self, reservation: &Reservation, sent: Instant, told: &Told) -> JoinHandle<()> {
        let mut left: Vec<(String, Left)> = Vec::new();
        for one in &told.limits {
            let names = one.names.iter().filter(|name| !left.iter().any(|(known, _)| known == *name));
            let found = names.into_iter().find_map(|name| Some((name, self.left(reservation, name, one)?)));
            left.extend(found.map(|(name, left)| (name.clone(), left)));
        }
        let is_decided = reservation.decision().degraded.is_none();
        let (limiter, key) = (self.settings.limiter.clone(), self.key.clone());
        tokio::spawn(async move {
            if is_decided && !left.is_empty() {
                // A failure is counted nowhere: the next answer says the same again.
                _ = limiter.sync_quota(&key, &left).age(sent.elapsed()).await;
            }
        })
    }

    /// Returns what is left of a limit of the key, if it has one of this name. If less than the margin is left, the difference is a debt.
    fn left(&self, reservation: &Reservation, name: &str, told: &crate::profile::Left) -> Option<Left> {
        let decision = reservation.decision().limit(name)?;
        let limit = self.known.limit(name);
        let algorithm = limit.map(|limit| &limit.algorithm);
        if algorithm == Some(&Algorithm::InFlight) {
            return None;
        }
        let whole = told.limit.or_else(|| limit.map(|Limit { limit, .. }| *limit)).unwrap_or(decision.limit);
        let margin = |usual| self.settings.margin.unwrap_or(usual) * whole as f64;
        let reserve = match algorithm {
            // At most a quarter of what a bucket holds, so that a provider whose bucket is as small always has room for it.
            Some(Algorithm::Bucket { capacity, .. }) => margin(BUCKET_MARGIN).min(*capacity as f64 / 4.0),
            Some(Algorithm::Slide(_) | Algorithm::Window(..) | Algorithm::InFlight) | None => margin(MARGIN),
        };
        let mut left = Left::of((told.remaining as f64 - reserve).floor() as i64);
        if let Some(limit) = told.limit {
            left = left.limit(limit);
        }
        Some(if let Some(ms) = told.reset_ms { left.reset(Duration::from_millis(ms)) } else { left })
    }

    /// Returns the answer with a body that settles the reservation when it has been read or dropped.
    pub(super) fn meter(
        self,
        response: Response,
        reservation: Reservation,
        synced: JoinHandle<()>,
    ) -> Response {
        let meter = Meter::new(self.facts, response.headers());
        let (status, by_headers) = (response.status(), self.facts.usage.read_headers(response.headers()));
        let settle = move |seen| {
            let used = self.used(status, by_headers, seen);
            let costs = self.costs(&used);
            if tokio::runtime::Handle::try_current().is_ok() {
                tokio::spawn(async move {
                    _ = synced.await; // it never fails
                    _ = reservation.settle(costs).await; // if the server is gone, the estimate stays charged
                });
            }
        };
        with_body(response, |body| reqwest::Body::wrap(Metered::new(body, meter, Box::new(settle))))
    }

    /// Returns what a call used, as the provider counts it.
    fn used(&self, status: StatusCode, by_headers: Used, seen: Seen) -> Used {
        if status.is_server_error() {
            return Used::new(); // it is not known what the provider counted
        }
        if status.is_client_error() {
            return nothing();
        }
        let mut used = seen.used;
        used.extend(by_headers);
        match (used.get("output-tokens"), seen.passed) {
            (Some(output), _) => self.settings.seen.outputs.add(&self.key, *output),
            (None, Some(passed)) if !seen.is_whole => {
                let input = used.get("input-tokens").copied().unwrap_or(self.input);
                used.insert("output-tokens".to_owned(), passed);
                used.insert("tokens".to_owned(), input.saturating_add(passed));
            }
            (None, _) => {}
        }
        match self.facts.charging() {
            // The tokens stay as they were when the request came.
            Charging::Reserved | Charging::ReservedOrInput => _ = used.remove("tokens"),
            Charging::Produced | Charging::ReservedThenSettled => {}
        }
        used
    }

    /// Holds the key, and charges the attempt as the provider counts it. Returns the answer, whose body can still be read, and how long the
    /// key is held.
    pub(super) async fn refused(
        &self,
        mut response: Response,
        reservation: Reservation,
        synced: JoinHandle<()>,
        told: &Told,
    ) -> Result<(Response, Duration), SendError> {
        let mut body = Vec::new();
        while body.len() < REFUSAL_MAX {
            match response.chunk().await {
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) | Err(_) => break,
            }
        }
        let hold_ms = told.hold_ms.or_else(|| self.facts.hold_ms(&body, now_ms()));
        let hold = hold_ms.map_or(OVERLOAD_HOLD, Duration::from_millis);
        _ = synced.await; // it never fails
        // Before the room is given back, so that nobody takes it to the provider now. If the server is gone, there is nobody to hold.
        _ = reservation.hold(hold).await;
        _ = if self.facts.refused_counts() {
            reservation.settle(self.costs(&nothing())).await
        } else {
            reservation.cancel().await
        };
        Ok((with_body(response, |_| reqwest::Body::from(Bytes::from(body))), hold))
    }
}

fn now_ms() -> u64 {
    let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(0)
}
