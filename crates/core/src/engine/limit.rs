//! A request to one limit.

use smallvec::smallvec;

use super::forecast::{self, Stands};
use super::host::{self, Host};
use super::host::{Line, must_queue};
use super::turn::{Standing, Turn};
use crate::effect::Effect;
use crate::fault::Fault;
use crate::grammar::cl_throttle;
use crate::grammar::limit::Request;
use crate::limit::decision::{Decision, Retry};
use crate::limit::effect::LimitEffect;
use crate::limit::state::State;
use crate::queue::{Claim, Lane};
use crate::time::Span;
use crate::value::Value;

/// Decides on a request, and charges it if it is admitted. It may have to wait.
///
/// # Errors
/// [`Fault::MaxWindow`], [`Fault::WrongType`], and the host's own. Nothing has changed then.
#[inline(always)] // a decision is large: what returns it copies it
pub fn turn<H: Host>(
    host: &mut H,
    name: H::Name,
    request: &Request,
    standing: Standing,
) -> Result<Turn<Decision>, H::Error> {
    let decision = decide(host, name, request, standing)?;
    if let Retry::After(ms) = decision.retry
        && standing.waits(request.wait.is_some(), || host.may_wait())
    {
        let claims = smallvec![(0, Claim::Limit(*request))];
        return Ok(Turn::Wait { after: Span::from_ms(ms), claims });
    }
    Ok(Turn::answer(decision.allowed, decision))
}

/// Decides on a request that does not wait, and charges it if it is admitted.
///
/// # Errors
/// As [`turn`].
#[inline(always)] // as `turn`
pub fn decide<H: Host>(
    host: &mut H,
    name: H::Name,
    request: &Request,
    standing: Standing,
) -> Result<Decision, H::Error> {
    let Request { rule, cost, .. } = request;
    if rule.longest() > host.max_window() {
        return Err(Fault::MaxWindow.into());
    }
    let clock = host.clock();
    let mut key = host.open(name);
    let held = host::limit(host.value(&key)?, rule.kind(), clock)?;
    let decision = match held {
        Some(state) => state.decide(rule, *cost, clock)?,
        None => State::decide_new(rule, *cost, clock),
    };
    if (host.has_waiters() || matches!(standing, Standing::Leaving(_)))
        && let Some(queued) = queue(host, name, held, request, standing, &decision)
    {
        return Ok(queued);
    }
    if decision.allowed && *cost > 0 {
        let effect = LimitEffect::Admit { rule: *rule, at: decision.at, cost: *cost };
        host.commit(name, &mut key, &Effect::Limit(effect))?;
    }
    Ok(decision)
}

/// The decision for a request that others are served before or that leaves the line; `None` for any other.
#[cold]
fn queue<H: Host>(
    host: &H,
    name: H::Name,
    held: Option<&State>,
    request: &Request,
    standing: Standing,
    decided: &Decision,
) -> Option<Decision> {
    let clock = host.clock();
    let tell =
        |line: Line<'_, '_>, stands: &Stands<Decision>| forecast::limit(held, line, request, stands, clock);
    match standing {
        Standing::Newcomer(_) if request.cost == 0 => None,
        Standing::Newcomer(lane)
            if decided.retry != Retry::Never
                && standing.waits(request.wait.is_some(), || host.may_wait()) =>
        {
            let joins = host.line(name, lane, must_queue)?;
            joins.then_some(Decision { allowed: false, retry: Retry::After(1), ..*decided }) // it is told nothing yet
        }
        Standing::Newcomer(lane) => {
            let told = host.line(name, lane, |line| tell(line, &Stands::Decided(*decided)));
            told.filter(|told| !told.allowed) // one that is admitted has yet to be charged
        }
        Standing::Leaving(lane) => {
            let told = host.line(name, lane, |line| tell(line, &Stands::Leaves));
            told.or_else(|| Some(tell(&mut std::iter::empty(), &Stands::Leaves)))
        }
        Standing::First | Standing::FirstAt(_) => None,
    }
}

/// What a request is granted that takes as much of its cost as there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Granted {
    /// The decision. If nothing is granted, it says when 1 would be.
    pub decision: Decision,
    /// How much is granted.
    pub cost: u64,
}

/// Does what [`turn`] does for a request that takes as much of its cost as there is.
///
/// It stands in line as a request of cost 1 does.
///
/// # Errors
/// As [`turn`].
#[cold]
pub fn up_to<H: Host>(
    host: &mut H,
    name: H::Name,
    request: &Request,
    standing: Standing,
) -> Result<Turn<Granted>, H::Error> {
    let least = Request { cost: request.cost.min(1), ..*request };
    let free = host.read(name, |host, value| free(host, name, value, &least, standing))??;
    let most = Request { cost: request.cost.min(free).max(least.cost), ..*request };
    Ok(turn(host, name, &most, standing)?
        .map(|decision| Granted { decision, cost: if decision.allowed { most.cost } else { 0 } }))
}

/// How much a request may take that comes now; 0 if it would not be admitted.
fn free<H: Host>(
    host: &H,
    name: H::Name,
    value: Option<&Value>,
    request: &Request,
    standing: Standing,
) -> Result<u64, Fault> {
    let clock = host.clock();
    let held = host::limit(value, request.rule.kind(), clock)?;
    let decide = |cost| match held {
        Some(state) => state.decide(&request.rule, cost, clock),
        None => Ok(State::decide_new(&request.rule, cost, clock)),
    };
    let decided = decide(request.cost)?;
    let queued = if host.has_waiters() || matches!(standing, Standing::Leaving(_)) {
        queue(host, name, held, request, standing, &decided)
    } else {
        None
    };
    let is_admitted = queued.map_or(decided.allowed, |queued| queued.allowed);
    Ok(if is_admitted { decide(0)?.remaining } else { 0 })
}

/// Decides on a request of `CL.THROTTLE`. A quantity of 0 takes nothing and opens no key for writing.
///
/// # Errors
/// As [`turn`].
pub fn throttle<H: Host>(host: &mut H, name: H::Name, request: &Request) -> Result<Decision, H::Error> {
    if request.cost > 0 {
        return decide(host, name, request, Standing::Newcomer(Lane::default()));
    }
    if request.rule.longest() > host.max_window() {
        return Err(Fault::MaxWindow.into());
    }
    let probe = |host: &H, value: Option<&_>| {
        let clock = host.clock();
        cl_throttle::probe(host::limit(value, request.rule.kind(), clock)?, &request.rule, clock)
    };
    Ok(host.read(name, probe)??)
}
