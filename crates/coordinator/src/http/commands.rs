//! The bodies of `POST /v1/…`: each mirrors a command, field by word.
//!
//! ```text
//! slide   {key, limit, window,             cost?, wait?, priority?, on_error?}
//! window  {key, limit, window, offset?,    cost?, wait?, priority?, on_error?}
//! bucket  {key, capacity, refill, period?, cost?, wait?, priority?, on_error?}
//! quota   {key, policy | limits, cost?, reserve?, id?, wait?, priority?, on_error?}
//! peek    {key, cost?}         refund {key, cost}      renew {key, id, ttl}
//! settle  {key, id, cost?}     cancel {key, id}
//! limits  [{name, limit, window, unit?, algorithm?, offset?, capacity?} | {name, inflight}, …]
//! ```
//! A limit is spelled as in the file of policies. In a quota, `cost` is an object, units with their cost; a number is that of
//! `requests`.

use rl_core::fault::Fault;

use super::body::{Fields, Word};
use super::problem::Problem;
use crate::command::{Command, Verb};
use crate::on_error::OnError;

type Result<T> = std::result::Result<T, Problem>;

/// Reads a body.
///
/// # Errors
/// The first thing that is wrong.
pub(crate) fn read(verb: Verb, body: &[u8]) -> Result<(Command, Option<OnError>)> {
    let fields = Fields::of_body(body, expected(verb))?;
    let mut words = vec![fields.key()?];
    match verb {
        Verb::Slide | Verb::Window => {
            words.push(fields.need("limit")?.number(Fault::Limit)?);
            let is_fixed = verb == Verb::Window;
            let fault = if is_fixed { Fault::WindowOrMonth } else { Fault::Window };
            words.push(fields.need("window")?.duration(fault)?);
            if is_fixed && let Some(offset) = fields.get("offset") {
                words.extend([word("OFFSET"), offset.duration(Fault::Offset)?]);
            }
        }
        Verb::Bucket => {
            words.push(fields.need("capacity")?.number(Fault::Capacity)?);
            words.push(fields.need("refill")?.number(Fault::Refill)?);
            if let Some(period) = fields.get("period") {
                words.push(period.duration(Fault::Period)?);
            }
        }
        Verb::Quota => limits(&fields, &mut words)?,
        Verb::Refund => words.push(fields.need("cost")?.number(Fault::Refund)?),
        Verb::Settle | Verb::Cancel => words.push(fields.need("id")?.id()?),
        Verb::Renew => {
            words.push(fields.need("id")?.id()?);
            words.push(fields.need("ttl")?.duration(Fault::Ttl)?);
        }
        Verb::Peek => {}
    }
    match verb {
        Verb::Slide | Verb::Window | Verb::Bucket => {
            if let Some(cost) = fields.get("cost") {
                words.extend([word("COST"), cost.number(Fault::Cost)?]);
            }
        }
        Verb::Quota | Verb::Settle | Verb::Peek => costs(verb, &fields, &mut words)?,
        Verb::Refund | Verb::Cancel | Verb::Renew => {}
    }
    if verb == Verb::Quota {
        reserve(&fields, &mut words)?;
    }
    if !verb.decides() {
        return Ok((Command::new(verb, words, [])?, None));
    }
    let (wait, on_error) = (wait(&fields)?, fields.on_error()?);
    Ok((Command::new(verb, words, wait)?, on_error))
}

/// The fields that a body may have.
pub(super) const fn expected(verb: Verb) -> &'static [&'static str] {
    match verb {
        Verb::Slide => &["key", "limit", "window", "cost", "wait", "priority", "on_error"],
        Verb::Window => &["key", "limit", "window", "offset", "cost", "wait", "priority", "on_error"],
        Verb::Bucket => &["key", "capacity", "refill", "period", "cost", "wait", "priority", "on_error"],
        Verb::Quota => &["key", "policy", "limits", "cost", "reserve", "id", "wait", "priority", "on_error"],
        Verb::Peek | Verb::Refund => &["key", "cost"],
        Verb::Settle => &["key", "id", "cost"],
        Verb::Cancel => &["key", "id"],
        Verb::Renew => &["key", "id", "ttl"],
    }
}

const LIMIT: &[&str] = &["name", "limit", "window", "unit", "algorithm", "offset", "capacity", "inflight"];

fn word(keyword: &str) -> Word {
    keyword.as_bytes().into()
}

fn limits(fields: &Fields<'_>, words: &mut Vec<Word>) -> Result<()> {
    match (fields.get("policy"), fields.get("limits")) {
        (Some(policy), None) => {
            words.extend([word("POLICY"), policy.name(Fault::PolicyName)?]);
            Ok(())
        }
        (None, Some(limits)) => {
            let limits = limits.objects("limits must be a list of objects", "a limit", LIMIT)?;
            if limits.is_empty() {
                return Err(Fault::QuotaLimits.into());
            }
            limits.iter().try_for_each(|of| limit(of, words))
        }
        _ => Err(Problem::request("the body must have one of the fields policy and limits")),
    }
}

/// `LIMIT name limit window …`
fn limit(of: &Fields<'_>, words: &mut Vec<Word>) -> Result<()> {
    words.extend([word("LIMIT"), of.need("name")?.name(Fault::LimitName)?]);
    if let Some(inflight) = of.get("inflight") {
        if LIMIT.iter().any(|name| !matches!(*name, "name" | "inflight") && of.get(name).is_some()) {
            return Err(Problem::request("beside inflight nothing but name may stand"));
        }
        words.extend([inflight.number(Fault::Limit)?, word("INFLIGHT")]);
        return Ok(());
    }
    words.push(of.need("limit")?.number(Fault::Limit)?);
    let algorithm = of.get("algorithm").map(|algorithm| algorithm.text().unwrap_or_default());
    let algorithm = algorithm.as_deref().unwrap_or("slide");
    let fault = if algorithm == "window" { Fault::WindowOrMonth } else { Fault::Window };
    words.push(of.need("window")?.duration(fault)?);
    if let Some(unit) = of.get("unit") {
        words.extend([word("UNIT"), unit.name(Fault::UnitName)?]);
    }
    if of.get("offset").is_some() && algorithm != "window" {
        return Err(Problem::request("offset may stand with algorithm \"window\" only"));
    }
    if of.get("capacity").is_some() && algorithm != "bucket" {
        return Err(Problem::request("capacity may stand with algorithm \"bucket\" only"));
    }
    match algorithm {
        "slide" => {}
        "window" => {
            words.push(word("WINDOW"));
            if let Some(offset) = of.get("offset") {
                words.extend([word("OFFSET"), offset.duration(Fault::Offset)?]);
            }
        }
        "bucket" => words.extend([word("BUCKET"), of.need("capacity")?.number(Fault::Capacity)?]),
        _ => {
            return Err(Problem::request("algorithm must be \"slide\", \"window\" or \"bucket\""));
        }
    }
    Ok(())
}

const COSTS: &str = "cost must be an object of units with their cost, or that of requests as an integer";

fn costs(verb: Verb, fields: &Fields<'_>, words: &mut Vec<Word>) -> Result<()> {
    let Some(cost) = fields.get("cost") else { return Ok(()) };
    if cost.is_object() {
        for (unit, cost) in cost.pairs(COSTS)? {
            words.extend([word("COST"), unit, cost.number(Fault::Cost)?]);
        }
    } else {
        let number = cost.number(Fault::Cost).map_err(|_| Problem::request(COSTS))?;
        words.push(word("COST"));
        if verb != Verb::Peek {
            words.push(word("requests"));
        }
        words.push(number);
    }
    Ok(())
}

fn reserve(fields: &Fields<'_>, words: &mut Vec<Word>) -> Result<()> {
    match (fields.get("reserve"), fields.get("id")) {
        (Some(ttl), id) => {
            words.extend([word("RESERVE"), ttl.duration(Fault::Ttl)?]);
            if let Some(id) = id {
                words.extend([word("ID"), id.id()?]);
            }
            Ok(())
        }
        (None, Some(_)) => Err(Problem::request("id may stand with reserve only")),
        (None, None) => Ok(()),
    }
}

fn wait(fields: &Fields<'_>) -> Result<Vec<Word>> {
    match (fields.get("wait"), fields.get("priority")) {
        (Some(time), None) => Ok(vec![word("WAIT"), time.duration(Fault::Wait)?]),
        (Some(time), Some(lane)) => {
            Ok(vec![word("WAIT"), time.duration(Fault::Wait)?, word("PRIORITY"), lane.lane()?])
        }
        (None, Some(_)) => Err(Problem::request("priority may stand with wait only")),
        (None, None) => Ok(Vec::new()),
    }
}
