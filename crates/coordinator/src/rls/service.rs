//! `ShouldRateLimit`: all of a request is read before anything of it is counted; then its descriptors are asked about
//! at the same time.

use std::sync::Arc;

use futures_util::future::try_join_all;
use tonic::{Request, Response, Status};

use super::limit::{Asked, Limit, brought};
use super::proto::envoy::config::core::v3::HeaderValue;
use super::proto::envoy::extensions::common::ratelimit::v3::RateLimitDescriptor;
use super::proto::envoy::service::ratelimit::v3::rate_limit_response::{Code, DescriptorStatus};
use super::proto::envoy::service::ratelimit::v3::rate_limit_service_server::RateLimitService;
use super::proto::envoy::service::ratelimit::v3::{RateLimitRequest, RateLimitResponse};
use super::rules::{ENTRIES_MAX, Rule};
use super::settings::Envoy;
use super::status::{Verdict, failed, fault_status};
use crate::api::{DEGRADED, seconds};
use crate::app::{Answer, App, OnError};
use crate::auth::Access;
use crate::command::Command;
use crate::metrics::Descriptor;
use crate::reply::{Failure, Reply};

/// A request has so many descriptors at most.
const DESCRIPTORS_MAX: usize = 64;
/// What a limit is called that a descriptor brings.
const BROUGHT: &str = "override";
/// What the limit of a descriptor for which there is no rule is called.
const NO_RULE: &str = "none";

/// See the head of this file.
pub(super) struct Service {
    app: Arc<App>,
    envoy: Arc<Envoy>,
}

/// One descriptor, read.
struct Plan<'a> {
    rule: &'a str,
    shadow_mode: bool,
    act: Act,
}

enum Act {
    /// The back end need not be asked.
    Say(Verdict),
    /// It must be, for so many hits.
    Ask(Arc<Command>, Asked, u64),
}

/// What became of one descriptor.
enum Told {
    Verdict(Verdict),
    Degraded,
}

impl Service {
    /// Answers by these rules.
    pub(super) const fn new(app: Arc<App>, envoy: Arc<Envoy>) -> Self {
        Self { app, envoy }
    }

    async fn decide(&self, access: &Access, request: &RateLimitRequest) -> Result<RateLimitResponse, Status> {
        let plans = self.read(access, request)?;
        let told = try_join_all(plans.iter().map(|plan| self.ask(plan))).await?;
        let mut response = RateLimitResponse { overall_code: Code::Ok.into(), ..Default::default() };
        let mut verdicts = Vec::with_capacity(told.len());
        for (plan, told) in plans.iter().zip(told) {
            let (status, outcome) = match told {
                Told::Verdict(mut verdict) => {
                    let outcome = match (verdict.is_over, plan.shadow_mode) {
                        (false, _) => Descriptor::Ok,
                        (true, true) => Descriptor::Shadow,
                        (true, false) => Descriptor::OverLimit,
                    };
                    if outcome == Descriptor::Shadow {
                        verdict.let_pass();
                    }
                    verdicts.push(verdict.clone());
                    (verdict.status, outcome)
                }
                Told::Degraded => self.degraded(&mut response),
            };
            self.app.metrics.descriptor(plan.rule, outcome);
            if status.code() == Code::OverLimit {
                response.overall_code = Code::OverLimit.into();
            }
            response.statuses.push(status);
        }
        self.add_headers(&mut response, &verdicts);
        Ok(response)
    }

    /// What each descriptor asks for.
    fn read<'a>(&'a self, access: &Access, request: &RateLimitRequest) -> Result<Vec<Plan<'a>>, Status> {
        let RateLimitRequest { domain, descriptors, hits_addend } = request;
        if domain.is_empty() {
            return Err(Status::invalid_argument("domain must not be empty"));
        }
        if !(1..=DESCRIPTORS_MAX).contains(&descriptors.len()) {
            let wanted = format!("a request must have 1 to {DESCRIPTORS_MAX} descriptors");
            return Err(Status::invalid_argument(wanted));
        }
        let hits = u64::from((*hits_addend).max(1));
        descriptors.iter().map(|descriptor| self.plan(access, domain, descriptor, hits)).collect()
    }

    fn plan(
        &self,
        access: &Access,
        domain: &str,
        descriptor: &RateLimitDescriptor,
        hits: u64,
    ) -> Result<Plan<'_>, Status> {
        let RateLimitDescriptor { entries, limit, hits_addend } = descriptor;
        if !(1..=ENTRIES_MAX).contains(&entries.len()) {
            let wanted = format!("a descriptor must have 1 to {ENTRIES_MAX} entries");
            return Err(Status::invalid_argument(wanted));
        }
        if entries.iter().any(|entry| entry.key.is_empty()) {
            return Err(Status::invalid_argument("the key of an entry must not be empty"));
        }
        let own;
        let (rule, limit, shadow_mode) = match (limit, self.envoy.rules.find(domain, entries)) {
            (Some(limit), _) if self.envoy.rules.knows(domain) => {
                let no_unit = |_| Status::invalid_argument("a limit must have a unit");
                own = brought(*limit).map_err(no_unit)?;
                (BROUGHT, &own, false)
            }
            (_, Some(Rule { name, limit, shadow_mode })) => (name.as_str(), limit, *shadow_mode),
            (_, None) => {
                let act = Act::Say(Verdict::without_limit());
                return Ok(Plan { rule: NO_RULE, shadow_mode: false, act });
            }
        };
        let act = match limit {
            Limit::Unlimited => Act::Say(Verdict::free()),
            Limit::Nothing(unit) => Act::Say(Verdict::nothing(rule, *unit)),
            Limit::Asked(asked) => {
                let hits = hits_addend.unwrap_or(hits);
                let command = asked.command(domain, entries, hits).map_err(fault_status)?;
                if !access.sees(command.key()) {
                    return Err(Status::permission_denied("this token is for keys that begin otherwise"));
                }
                if asked.overdraw {
                    Asked::settle(&command, "id", hits).map_err(fault_status)?; // what comes later is right, too
                }
                Act::Ask(Arc::new(command), asked.clone(), hits)
            }
        };
        Ok(Plan { rule, shadow_mode, act })
    }

    async fn ask(&self, plan: &Plan<'_>) -> Result<Told, Status> {
        let (command, asked, hits) = match &plan.act {
            Act::Say(verdict) => return Ok(Told::Verdict(verdict.clone())),
            Act::Ask(command, asked, hits) => (command, asked, *hits),
        };
        let reply = match self.asked(command).await? {
            Some(reply) => reply,
            None => return Ok(Told::Degraded),
        };
        if asked.overdraw && hits > 0 {
            let Reply::Quota(quota) = &reply else { return Err(failed(Failure::Strange)) };
            // Where the limit is over by so much that not even nothing is admitted, it need not be more over.
            if let Some(Some(id)) = &quota.reservation {
                let settle = Asked::settle(command, id, hits).map_err(fault_status)?;
                match self.asked(&Arc::new(settle)).await? {
                    Some(Reply::Done(true)) => {}
                    Some(_) => return Err(failed(Failure::Strange)), // it was made a moment ago
                    None => return Ok(Told::Degraded),
                }
            }
        }
        let verdict = Verdict::of(&reply, plan.rule, asked.unit, hits, asked.overdraw);
        let mut verdict = verdict.ok_or_else(|| failed(Failure::Strange))?;
        if verdict.is_over && (hits == 0 || asked.overdraw) {
            // The back end was asked for nothing, which it has admitted, so it has not said when there is something.
            let peek = Asked::peek(command, hits.max(1)).map_err(fault_status)?;
            if let Some(reply) = self.asked(&Arc::new(peek)).await? {
                verdict.later(&reply);
            }
        }
        Ok(Told::Verdict(verdict))
    }

    /// Asks the back end; `None` if it is down, and Envoy is to be told something all the same.
    async fn asked(&self, command: &Arc<Command>) -> Result<Option<Reply>, Status> {
        let on_error = self.envoy.on_error.unwrap_or(OnError::Deny); // as Envoy is told, so it is counted
        match self.app.ask(command, Some(on_error)).await {
            Answer::Reply(reply) => Ok(Some(reply)),
            Answer::Degraded(_) | Answer::Failure(Failure::Down) => match self.envoy.on_error {
                None => Err(failed(Failure::Down)),
                Some(_) => Ok(None),
            },
            Answer::Failure(failure) => Err(failed(failure)),
        }
    }

    /// What is told while the back end is down, where it is told anything.
    fn degraded(&self, response: &mut RateLimitResponse) -> (DescriptorStatus, Descriptor) {
        let (code, word, outcome) = match self.envoy.on_error {
            Some(OnError::Allow) => (Code::Ok, "allow", Descriptor::DegradedAllow),
            Some(OnError::Deny) | None => (Code::OverLimit, "deny", Descriptor::DegradedDeny),
        };
        let is_there = response.response_headers_to_add.iter().any(|field| field.key == DEGRADED.as_str());
        if !is_there {
            response.response_headers_to_add.push(field(DEGRADED.as_str(), word));
        }
        (DescriptorStatus { code: code.into(), ..Default::default() }, outcome)
    }

    /// What whoever asked Envoy is told.
    fn add_headers(&self, response: &mut RateLimitResponse, verdicts: &[Verdict]) {
        let fields = &mut response.response_headers_to_add;
        if let Some(ms) = verdicts.iter().filter_map(|verdict| verdict.retry_after_ms).max() {
            fields.push(field("retry-after", &seconds(ms).to_string()));
        }
        if !self.envoy.response_headers {
            return;
        }
        let limited = verdicts.iter().filter_map(|verdict| verdict.distance().zip(Some(&verdict.status)));
        let Some((_, status)) = limited.min_by_key(|(distance, _)| *distance) else { return };
        let limit = status.current_limit.as_ref().map_or(0, |limit| limit.requests_per_unit);
        let reset = status.duration_until_reset.as_ref().map_or(0, |time| {
            time.seconds.saturating_add(i64::from(time.nanos > 0)) // rounded up
        });
        fields.push(field("ratelimit-limit", &limit.to_string()));
        fields.push(field("ratelimit-remaining", &status.limit_remaining.to_string()));
        fields.push(field("ratelimit-reset", &reset.to_string()));
    }
}

fn field(key: &str, value: &str) -> HeaderValue {
    HeaderValue { key: key.to_owned(), value: value.to_owned() }
}

#[tonic::async_trait]
impl RateLimitService for Service {
    async fn should_rate_limit(
        &self,
        request: Request<RateLimitRequest>,
    ) -> Result<Response<RateLimitResponse>, Status> {
        let access = request.extensions().get::<Access>().cloned();
        let access = access.ok_or_else(|| Status::unauthenticated("a token is needed"))?;
        let response = self.decide(&access, request.get_ref()).await?;
        let is_over = response.overall_code() == Code::OverLimit;
        self.app.metrics.call(if is_over { "over_limit" } else { "ok" });
        Ok(Response::new(response))
    }
}
