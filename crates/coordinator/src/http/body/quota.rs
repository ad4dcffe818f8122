//! The bodies of commands about a quota and its reservations.

use rl_core::fault::Fault;
use schemars::JsonSchema;
use serde::Deserialize;

use super::fields::{Costs, Duration, Flow, Id, Key, Lane, Name, OnErrorField, UpTo, Weight};
use super::json::{Raw, bytes};
use super::quota_limit::LimitBody;
use super::words::{Waiting, Words};
use crate::http::problem::Problem;

const COSTS: &str = "cost must be an object of units with their cost, or that of requests as an integer";

/// The unit of a cost that is a number.
pub(super) const REQUESTS: Option<&str> = Some("requests");

/// `RL.QUOTA`: by a policy, or by limits that the request spells out.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, bound(deserialize = "'de: 'a"))]
#[schemars(
    rename = "Quota",
    extend(
        "dependentRequired" = { "priority": ["wait"], "flow": ["wait"], "weight": ["flow"], "up_to": ["lease"] },
        "not" = { "anyOf": [{ "required": ["reserve", "lease"] }, { "required": ["up_to", "flow"] }] },
        "anyOf" = [{ "required": ["reserve"] }, { "required": ["lease"] }, { "not": { "required": ["id"] } }],
        "oneOf" = [{ "required": ["policy"] }, { "required": ["limits"] }],
    )
)]
pub(crate) struct QuotaBody<'a> {
    key: Key<'a>,
    /// The name of a policy that the server keeps.
    policy: Option<Name<'a>>,
    /// Each has a name of its own.
    #[schemars(with = "Option<Vec<LimitBody<'a>>>", length(min = 1, max = 16))]
    limits: Option<Raw<'a>>,
    cost: Option<Costs<'a>>,
    /// How long the cost is reserved as an estimate, until it is settled. Needed if a limit counts reservations.
    reserve: Option<Duration<'a>>,
    /// How long the cost is lent. It is charged when the lease ends: all of it, unless it is settled.
    lease: Option<Duration<'a>>,
    /// With a lease: whether the largest share of all costs is lent that fits.
    up_to: Option<UpTo<'a>>,
    /// Of the reservation or the lease.
    id: Option<Id<'a>>,
    /// How long the request may wait until it is admitted.
    wait: Option<Duration<'a>>,
    priority: Option<Lane<'a>>,
    flow: Option<Flow<'a>>,
    weight: Option<Weight<'a>>,
    on_error: Option<OnErrorField<'a>>,
}

/// `RL.SETTLE`
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, bound(deserialize = "'de: 'a"))]
#[schemars(rename = "Settle")]
pub(crate) struct SettleBody<'a> {
    key: Key<'a>,
    id: Id<'a>,
    cost: Option<Costs<'a>>,
}

/// `RL.CANCEL`
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, bound(deserialize = "'de: 'a"))]
#[schemars(rename = "Cancel")]
pub(crate) struct CancelBody<'a> {
    key: Key<'a>,
    id: Id<'a>,
}

/// `RL.RENEW`
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, bound(deserialize = "'de: 'a"))]
#[schemars(rename = "Renew")]
pub(crate) struct RenewBody<'a> {
    key: Key<'a>,
    id: Id<'a>,
    ttl: Duration<'a>,
}

impl<'a> QuotaBody<'a> {
    pub(super) fn words(self) -> Result<Words, Problem> {
        let Self { key, policy, limits, cost, reserve, lease, up_to, id, .. } = self;
        let Self { wait, priority, flow, weight, on_error, .. } = self;
        let mut words = Words::new(key)?;
        match (policy, limits) {
            (Some(policy), None) => {
                words.keyword("POLICY");
                words.push(policy.0.name(Fault::PolicyName)?);
            }
            (None, Some(limits)) => push_limits(&mut words, limits)?,
            (Some(_), Some(_)) | (None, None) => {
                return Err(Problem::request("the body must have one of the fields policy and limits"));
            }
        }
        push_costs(&mut words, cost, REQUESTS)?;
        if let Some(up_to) = up_to {
            up_to.read()?;
            words.keyword("UPTO");
        }
        push_reserve(&mut words, reserve, lease, id)?;
        words.waiting(&Waiting { wait, priority, flow, weight, on_error })
    }
}

impl<'a> SettleBody<'a> {
    pub(super) fn words(self) -> Result<Words, Problem> {
        let mut words = Words::new(self.key)?;
        words.push(self.id.word()?);
        push_costs(&mut words, self.cost, REQUESTS)?;
        Ok(words)
    }
}

impl<'a> CancelBody<'a> {
    pub(super) fn words(self) -> Result<Words, Problem> {
        let mut words = Words::new(self.key)?;
        words.push(self.id.word()?);
        Ok(words)
    }
}

impl<'a> RenewBody<'a> {
    pub(super) fn words(self) -> Result<Words, Problem> {
        let mut words = Words::new(self.key)?;
        words.push(self.id.word()?);
        words.push(self.ttl.0.duration(Fault::Ttl)?);
        Ok(words)
    }
}

/// Adds the reservation or the lease.
pub(super) fn push_reserve<'a>(
    words: &mut Words,
    reserve: Option<Duration<'a>>,
    lease: Option<Duration<'a>>,
    id: Option<Id<'a>>,
) -> Result<(), Problem> {
    let ttl = match (reserve, lease) {
        (Some(_), Some(_)) => {
            return Err(Problem::request("the body may have one of reserve and lease only"));
        }
        (Some(ttl), None) => Some(("RESERVE", ttl)),
        (None, Some(ttl)) => Some(("LEASE", ttl)),
        (None, None) => None,
    };
    if let Some((keyword, ttl)) = ttl {
        words.keyword(keyword);
        words.push(ttl.0.duration(Fault::Ttl)?);
    }
    if let Some(id) = id {
        if ttl.is_none() {
            return Err(Problem::request("id may stand with reserve or lease only"));
        }
        words.keyword("ID");
        words.push(id.word()?);
    }
    Ok(())
}

/// Adds limits.
pub(super) fn push_limits<'a>(words: &mut Words, limits: Raw<'a>) -> Result<(), Problem> {
    let limits: Vec<LimitBody<'a>> = limits.objects("limits must be a list of objects", "a limit")?;
    if limits.is_empty() {
        return Err(Fault::QuotaLimits.into());
    }
    limits.into_iter().try_for_each(|limit| limit.push(words))
}

/// Adds costs. A cost that is a number is that of `unit`, or of no unit.
pub(super) fn push_costs<'a>(
    words: &mut Words,
    costs: Option<Costs<'a>>,
    unit: Option<&'static str>,
) -> Result<(), Problem> {
    let Some(Costs(costs)) = costs else { return Ok(()) };
    if costs.is_object() {
        for (unit, cost) in costs.pairs(COSTS)?.0 {
            words.keyword("COST");
            words.push(bytes(unit));
            words.push(cost.number(Fault::Cost)?);
        }
        return Ok(());
    }
    let cost = costs.number(Fault::Cost).map_err(|_| Problem::request(COSTS))?;
    words.keyword("COST");
    if let Some(unit) = unit {
        words.keyword(unit);
    }
    words.push(cost);
    Ok(())
}
