//! `ShouldRateLimit`. A whole call is read before any of it is counted; then its descriptors are asked about
//! concurrently.

use std::sync::Arc;

use futures_util::future::try_join_all;
use tonic::{Request, Response, Status};

use super::configure::Answering;
use super::decision::{DescriptorDecision, failure_status, fault_status};
use super::fields::{add_fields, field};
use super::proto::envoy::extensions::common::ratelimit::v3::RateLimitDescriptor;
use super::proto::envoy::service::ratelimit::v3::rate_limit_response::rate_limit::Unit;
use super::proto::envoy::service::ratelimit::v3::rate_limit_response::{Code, DescriptorStatus};
use super::proto::envoy::service::ratelimit::v3::rate_limit_service_server::RateLimitService;
use super::proto::envoy::service::ratelimit::v3::{RateLimitRequest, RateLimitResponse};
use super::rule_limit::{CommandTemplate, RuleLimit, of_override};
use super::rules::{ENTRIES_MAX, Rule};
use crate::app::{Answer, App};
use crate::auth::Access;
use crate::command::Command;
use crate::live::Settings;
use crate::metrics::DescriptorOutcome;
use crate::on_error::{DEGRADED, OnError};
use crate::reply::{Failure, Reply};
use crate::undecided::Cause;

/// The most descriptors of a call.
const DESCRIPTORS_MAX: usize = 64;
/// The name of a limit that a descriptor brings.
const OVERRIDE: &str = "override";
/// The name of the missing limit of a descriptor without a rule.
const NO_RULE: &str = "none";

/// The rate limit service.
pub(super) struct Service {
    app: Arc<App>,
}

/// What a call is answered by: the settings of the moment it came.
struct Call<'a> {
    app: &'a App,
    settings: &'a Settings,
    answering: &'a Answering,
}

/// A descriptor that has been read.
struct Plan<'a> {
    /// The name of its rule.
    rule: &'a str,
    shadow_mode: bool,
    step: Step,
}

/// What is left to do about a descriptor.
enum Step {
    /// Nothing: the back end need not be asked.
    Decided(DescriptorDecision),
    /// Ask the back end for this many hits.
    Ask(Arc<Command>, CommandTemplate, u64),
    /// Give hits back with the first command. The second one asks what remains.
    Refund(Arc<Command>, Arc<Command>, Unit),
}

/// The result for one descriptor.
enum Told {
    Decided(DescriptorDecision),
    /// The back end could not decide, and `on_error` does.
    Degraded,
}

impl Service {
    /// The service of this program.
    pub(super) const fn new(app: Arc<App>) -> Self {
        Self { app }
    }
}

impl Call<'_> {
    async fn decide(&self, access: &Access, request: &RateLimitRequest) -> Result<RateLimitResponse, Status> {
        let plans = self.read(access, request)?;
        let told = try_join_all(plans.iter().map(|plan| self.ask(plan))).await?;
        let mut response = RateLimitResponse { overall_code: Code::Ok.into(), ..Default::default() };
        let mut decisions = Vec::with_capacity(told.len());
        for (plan, told) in plans.iter().zip(told) {
            let (status, outcome) = match told {
                Told::Decided(mut decision) => {
                    let outcome = match (decision.is_over, plan.shadow_mode) {
                        (false, _) => DescriptorOutcome::Ok,
                        (true, true) => DescriptorOutcome::Shadow,
                        (true, false) => DescriptorOutcome::OverLimit,
                    };
                    if outcome == DescriptorOutcome::Shadow {
                        decision.admit();
                    }
                    decisions.push(decision.clone());
                    (decision.status, outcome)
                }
                Told::Degraded => self.degraded(&mut response),
            };
            self.app.metrics.descriptor(plan.rule, outcome);
            if status.code() == Code::OverLimit {
                response.overall_code = Code::OverLimit.into();
            }
            response.statuses.push(status);
        }
        add_fields(&mut response.response_headers_to_add, &decisions, self.answering.response_headers);
        Ok(response)
    }

    /// Reads all descriptors.
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
        let RateLimitDescriptor { entries, limit, hits_addend, is_negative_hits } = descriptor;
        if !(1..=ENTRIES_MAX).contains(&entries.len()) {
            let wanted = format!("a descriptor must have 1 to {ENTRIES_MAX} entries");
            return Err(Status::invalid_argument(wanted));
        }
        if entries.iter().any(|entry| entry.key.is_empty()) {
            return Err(Status::invalid_argument("the key of an entry must not be empty"));
        }
        let rules = &self.answering.rules;
        let own;
        let (rule, limit, shadow_mode) = match (limit, rules.find(domain, entries)) {
            (Some(limit), _) if rules.knows(domain) => {
                let no_unit = |_| Status::invalid_argument("a limit must have a unit");
                own = of_override(*limit).map_err(no_unit)?;
                (OVERRIDE, &own, false)
            }
            (_, Some(Rule { name, limit, shadow_mode })) => (name.as_str(), limit, *shadow_mode),
            (_, None) => {
                let step = Step::Decided(DescriptorDecision::without_limit());
                return Ok(Plan { rule: NO_RULE, shadow_mode: false, step });
            }
        };
        let step = match limit {
            RuleLimit::Unlimited => Step::Decided(DescriptorDecision::free()),
            RuleLimit::Nothing(_) if *is_negative_hits => Step::Decided(DescriptorDecision::free()),
            RuleLimit::Nothing(unit) => Step::Decided(DescriptorDecision::nothing(rule, *unit)),
            RuleLimit::Asked(template) => {
                let hits = hits_addend.unwrap_or(hits);
                let asked = if *is_negative_hits { 0 } else { hits };
                let command = template.command(domain, entries, asked).map_err(fault_status)?;
                if !access.sees(command.key()) {
                    return Err(Status::permission_denied("this token is for keys that begin otherwise"));
                }
                if *is_negative_hits {
                    let refund = template.refund(&command, hits).map_err(fault_status)?;
                    let none = "a limit with policy or overdraw takes no hits back";
                    let refund = refund.ok_or_else(|| Status::failed_precondition(none))?;
                    let step = Step::Refund(Arc::new(refund), Arc::new(command), template.unit);
                    return Ok(Plan { rule, shadow_mode, step });
                }
                if template.overdraw {
                    // Checks the second command before the first one counts anything.
                    CommandTemplate::settle(&command, "id", hits).map_err(fault_status)?;
                }
                Step::Ask(Arc::new(command), template.clone(), hits)
            }
        };
        Ok(Plan { rule, shadow_mode, step })
    }

    async fn ask(&self, plan: &Plan<'_>) -> Result<Told, Status> {
        let (command, template, hits) = match &plan.step {
            Step::Decided(decision) => return Ok(Told::Decided(decision.clone())),
            Step::Ask(command, template, hits) => (command, template, *hits),
            Step::Refund(refund, command, unit) => return self.refund(plan, refund, command, *unit).await,
        };
        let Some(reply) = self.run(command).await? else { return Ok(Told::Degraded) };
        if template.overdraw && hits > 0 {
            let Reply::Quota(quota) = &reply else { return Err(failure_status(Failure::Strange)) };
            // Without a reservation the limit is overdrawn already, and nothing more is counted.
            if let Some(Some(id)) = &quota.reservation {
                let settle = CommandTemplate::settle(command, id, hits).map_err(fault_status)?;
                match self.run(&Arc::new(settle)).await? {
                    Some(Reply::Done(true)) => {}
                    Some(_) => return Err(failure_status(Failure::Strange)), // the reservation is new
                    None => return Ok(Told::Degraded),
                }
            }
        }
        let decision = DescriptorDecision::new(&reply, plan.rule, template.unit, hits, template.overdraw);
        let mut decision = decision.ok_or_else(|| failure_status(Failure::Strange))?;
        if decision.is_over && (hits == 0 || template.overdraw) {
            // The command above asked for a cost of 0, so its reply does not say when these hits fit.
            let peek = CommandTemplate::peek(command, hits.max(1)).map_err(fault_status)?;
            if let Some(reply) = self.run(&Arc::new(peek)).await? {
                decision.set_retry(&reply);
            }
        }
        Ok(Told::Decided(decision))
    }

    /// Gives hits back. The descriptor is within its limit, whatever remains.
    async fn refund(
        &self,
        plan: &Plan<'_>,
        refund: &Arc<Command>,
        command: &Arc<Command>,
        unit: Unit,
    ) -> Result<Told, Status> {
        if self.run(refund).await?.is_none() {
            return Ok(Told::Degraded);
        }
        let Some(reply) = self.run(command).await? else { return Ok(Told::Degraded) };
        let decision = DescriptorDecision::new(&reply, plan.rule, unit, 0, false);
        let mut decision = decision.ok_or_else(|| failure_status(Failure::Strange))?;
        decision.admit();
        Ok(Told::Decided(decision))
    }

    /// Asks the back end; `None` if it could not decide, and `on_error` does.
    async fn run(&self, command: &Arc<Command>) -> Result<Option<Reply>, Status> {
        let on_error = self.answering.on_error.unwrap_or(OnError::Deny); // only the metrics see it
        match self.app.ask(self.settings, command, Some(on_error)).await {
            Answer::Reply(reply) => Ok(Some(reply)),
            Answer::Degraded(_, failure) | Answer::Failure(failure) => {
                let is_decided = self.answering.on_error.is_some() && Cause::of(failure).is_some();
                if is_decided { Ok(None) } else { Err(failure_status(failure)) }
            }
        }
    }

    /// The decision of `on_error` about a descriptor; marks the response as degraded.
    fn degraded(&self, response: &mut RateLimitResponse) -> (DescriptorStatus, DescriptorOutcome) {
        let on_error = self.answering.on_error.unwrap_or(OnError::Deny);
        let (code, outcome) = match on_error {
            OnError::Allow => (Code::Ok, DescriptorOutcome::DegradedAllow),
            OnError::Deny => (Code::OverLimit, DescriptorOutcome::DegradedDeny),
        };
        let is_marked = response.response_headers_to_add.iter().any(|field| field.key == DEGRADED);
        if !is_marked {
            response.response_headers_to_add.push(field(DEGRADED, on_error.name()));
        }
        (DescriptorStatus { code: code.into(), ..Default::default() }, outcome)
    }
}

#[tonic::async_trait]
impl RateLimitService for Service {
    async fn should_rate_limit(
        &self,
        request: Request<RateLimitRequest>,
    ) -> Result<Response<RateLimitResponse>, Status> {
        let access = request.extensions().get::<Access>().cloned();
        let access = access.ok_or_else(|| Status::unauthenticated("a token is needed"))?;
        let settings = request.extensions().get::<Arc<Settings>>().cloned();
        let settings = settings.unwrap_or_else(|| self.app.settings());
        let no_rules = || Status::unavailable("Envoy is not answered");
        let answering = settings.envoy.as_ref().ok_or_else(no_rules)?;
        let call = Call { app: &self.app, settings: &settings, answering };
        let response = call.decide(&access, request.get_ref()).await?;
        let is_over = response.overall_code() == Code::OverLimit;
        self.app.metrics.call(if is_over { "over_limit" } else { "ok" });
        Ok(Response::new(response))
    }
}
