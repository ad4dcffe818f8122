//! A request to the limits of one quota or of several.
//!
//! All keys are asked first. Only if every limit of every key admits its cost is anything changed, so that
//! there is nothing to take back.

use std::sync::Arc;

pub use super::asked::Asked;
use super::asked::{ask, demand, open};
use super::forecast::{self, Stands};
use super::host::{self, Host, Line, MadeId};
use super::turn::{Standing, Turn};
use crate::effect::Effect;
use crate::fault::Fault;
use crate::grammar::ask::{Ask, Limits};
use crate::grammar::quota::KEYS_MAX;
use crate::grammar::terms::Reserve;
use crate::limit::decision::Retry;
use crate::queue::{Claim, Claims};
use crate::quota::decide::{self, QuotaDecision};
use crate::quota::effect::{Admission, QuotaEffect, Reserved};
use crate::quota::leasing::lease_end;
use crate::quota::limit::PerLimit;
use crate::time::Span;

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is admitted, and has this id if one was made for its reservation.
    Admitted(Option<MadeId>),
    /// It is denied.
    Denied(Retry),
    /// It was admitted before, under the same id.
    Repeated,
}

impl Outcome {
    /// The id of its reservation, if it has one now.
    pub fn id<'a>(&'a self, reserve: Reserve<'a>) -> Option<&'a [u8]> {
        match self {
            Self::Admitted(Some(made)) => Some(made),
            Self::Admitted(None) | Self::Repeated => reserve.id,
            Self::Denied(_) => None,
        }
    }

    /// When the request will be admitted, if it is denied.
    #[must_use]
    pub const fn denied(&self) -> Option<Retry> {
        match self {
            Self::Denied(retry) => Some(*retry),
            Self::Admitted(_) | Self::Repeated => None,
        }
    }
}

/// Decides on a request to one quota, and hands the answer to `finish`. It may have to wait.
///
/// # Errors
/// The fault of the request, and the host's own. Nothing has changed then.
#[inline(always)] // what it is given is large
pub fn one<H: Host, R>(
    host: &mut H,
    name: H::Name,
    ask: Ask<'_>,
    standing: Standing,
    finish: impl FnOnce(&mut H, &[Asked<H>], &Outcome) -> R,
) -> Result<Turn<R>, H::Error> {
    let Ask { limits, reserve, wait, is_short: _ } = ask;
    let (key, shape, costs, repeated) = open(host, name, limits, reserve)?;
    let is_open = repeated.is_some();
    let (decision, granted) = (QuotaDecision::default(), PerLimit::new());
    let mut asked = Asked { name, key, shape, costs, decision, granted };
    if let Some(repeated) = repeated {
        (asked.decision, asked.granted) = *repeated;
    }
    let asked = core::slice::from_mut(&mut asked);
    turn(host, asked, usize::from(is_open), reserve, wait.is_some(), standing, finish)
}

/// Decides on a request to several quotas, and hands the answer to `finish`. It may have to wait.
///
/// # Errors
/// The fault of the request, and the host's own. Nothing has changed then.
pub fn many<'r, H: Host, R>(
    host: &mut H,
    asks: impl Iterator<Item = (H::Name, Limits<'r>)>,
    reserve: Option<Reserve<'_>>,
    wants_to_wait: bool,
    standing: Standing,
    finish: impl FnOnce(&mut H, &[Asked<H>], &Outcome) -> R,
) -> Result<Turn<R>, H::Error> {
    let (mut asked, mut opened) =
        (Vec::with_capacity(asks.size_hint().1.unwrap_or(0).min(KEYS_MAX)), 0_usize);
    for (name, limits) in asks {
        let (one, is_open) = ask(host, name, limits, reserve)?;
        opened = opened.saturating_add(usize::from(is_open));
        asked.push(one);
    }
    for asked in &mut asked {
        host.refresh(&mut asked.key);
    }
    turn(host, &mut asked, opened, reserve, wants_to_wait, standing, finish)
}

#[inline(always)] // what it is given and gives is large
fn turn<H: Host, R>(
    host: &mut H,
    asked: &mut [Asked<H>],
    open: usize,
    reserve: Option<Reserve<'_>>,
    wants_to_wait: bool,
    standing: Standing,
    finish: impl FnOnce(&mut H, &[Asked<H>], &Outcome) -> R,
) -> Result<Turn<R>, H::Error> {
    let outcome = if open > 0 {
        all_open(host, asked, open)?
    } else {
        decide(host, asked, reserve, wants_to_wait, standing)?
    };
    if let Outcome::Denied(Retry::After(ms)) = outcome
        && standing.waits(wants_to_wait, || host.may_wait())
    {
        let claims = claims(asked, reserve);
        return Ok(Turn::Wait { after: Span::from_ms(ms), claims });
    }
    let reply = finish(host, asked, &outcome);
    Ok(Turn::answer(!matches!(outcome, Outcome::Denied(_)), reply))
}

/// A reservation is open on all keys of its request, or the id is that of another request.
#[cold]
fn all_open<H: Host>(host: &H, asked: &[Asked<H>], open: usize) -> Result<Outcome, H::Error> {
    for Asked { key, .. } in asked {
        host::quota(host.value(key)?, host.clock())?;
    }
    if open < asked.len() { Err(Fault::IdElsewhere.into()) } else { Ok(Outcome::Repeated) }
}

/// Asks all keys, and charges all or none.
#[inline(always)] // as `turn`
pub(super) fn decide<H: Host>(
    host: &mut H,
    asked: &mut [Asked<H>],
    reserve: Option<Reserve<'_>>,
    wants_to_wait: bool,
    standing: Standing,
) -> Result<Outcome, H::Error> {
    let clock = host.clock();
    let wanted = reserve.filter(Reserve::is_up_to).map(|_| least(asked));
    let mut allowed = true;
    for Asked { key, shape, costs, decision, .. } in asked.iter_mut() {
        let held = host::quota(host.value(key)?, clock)?;
        let demand = demand(costs, reserve);
        decide::allow(held, shape, &demand, clock)?;
        decide::decide_into(decision, held, shape, &demand, clock);
        allowed &= decision.allowed();
    }
    if host.has_waiters() || matches!(standing, Standing::Leaving(_)) {
        match joins(host, asked, reserve, wants_to_wait, standing) {
            Some(true) => return Ok(Outcome::Denied(Retry::After(1))), // it waits, and is told nothing yet
            Some(false) => {}
            None => allowed = queue(host, asked, reserve, standing)?,
        }
    }
    if !allowed {
        if let [asked] = asked {
            return Ok(Outcome::Denied(asked.decision.retry()));
        }
        let mut retry = Retry::Now;
        for Asked { key, shape, decision, .. } in asked.iter_mut() {
            decide::deny(decision, host::quota(host.value(key)?, clock)?, shape, clock);
            retry = retry.max(decision.retry());
        }
        return Ok(Outcome::Denied(retry));
    }
    if let Some(wanted) = wanted {
        grant(host, asked, &wanted, reserve)?;
    }
    let given = reserve.and_then(|reserve| reserve.id);
    let made = if given.is_none() && reserve.is_some() { Some(host.make_id()?) } else { None };
    let id = given.or(made.as_ref().map(<[u8; 32]>::as_slice));
    if asked.len() > 1 {
        host.prepare(asked.iter().filter(|asked| asked.changes(reserve)).map(|asked| asked.name))?;
    }
    for asked in asked.iter_mut() {
        charge(host, asked, reserve, id)?;
    }
    Ok(Outcome::Admitted(made))
}

/// Makes requests that take as much as there is ask for 1 of each unit. Returns what they ask for.
#[cold]
fn least<H: Host>(asked: &mut [Asked<H>]) -> Vec<PerLimit<u64>> {
    let least = |asked: &mut Asked<H>| {
        let least = asked.costs.iter().map(|cost| (*cost).min(1)).collect();
        core::mem::replace(&mut asked.costs, least)
    };
    asked.iter_mut().map(least).collect()
}

/// Gives requests that take as much as there is, and that get at least 1, their share of what they ask for.
#[cold]
fn grant<H: Host>(
    host: &H,
    asked: &mut [Asked<H>],
    wanted: &[PerLimit<u64>],
    reserve: Option<Reserve<'_>>,
) -> Result<(), H::Error> {
    for (asked, wanted) in asked.iter_mut().zip(wanted) {
        let held = host::quota(host.value(&asked.key)?, host.clock())?;
        asked.costs = decide::share(&asked.shape, wanted, &asked.decision);
        let demand = demand(&asked.costs, reserve);
        asked.decision = decide::decide(held, &asked.shape, &demand, host.clock());
        asked.granted = asked.costs.clone();
    }
    Ok(())
}

/// Returns whether a request that has just come and would wait joins a line because others are ahead of it. Returns
/// `None` for any other request, and for one that is never admitted.
#[cold]
fn joins<H: Host>(
    host: &H,
    asked: &[Asked<H>],
    reserve: Option<Reserve<'_>>,
    wants_to_wait: bool,
    standing: Standing,
) -> Option<bool> {
    let Standing::Newcomer(lane) = standing else { return None };
    let is_never = |asked: &Asked<H>| asked.decision.retry() == Retry::Never;
    if asked.iter().any(is_never) || !standing.waits(wants_to_wait, || host.may_wait()) {
        return None;
    }
    let queues = |asked: &Asked<H>| {
        asked.claim(reserve).takes() && host.line(asked.name, lane, host::must_queue).unwrap_or(false)
    };
    Some(asked.iter().any(queues))
}

/// If the request must queue, replaces its decisions. Returns whether it is still admitted.
#[cold]
fn queue<H: Host>(
    host: &H,
    asked: &mut [Asked<H>],
    reserve: Option<Reserve<'_>>,
    standing: Standing,
) -> Result<bool, H::Error> {
    let admits = |asked: &[Asked<H>]| asked.iter().all(|asked| asked.decision.allowed());
    let (lane, leaves) = match standing {
        Standing::First | Standing::FirstAt(_) => return Ok(admits(asked)),
        Standing::Newcomer(lane) => (lane, false),
        // A request that leaves takes nothing, even if its limits would admit it by now.
        Standing::Leaving(lane) => (lane, admits(asked)),
    };
    let clock = host.clock();
    for asked in asked.iter_mut() {
        let claim = asked.claim(reserve);
        if !claim.takes() {
            continue;
        }
        let held = host::quota(host.value(&asked.key)?, clock)?;
        let tell = |line: Line<'_, '_>, stands| forecast::quota(held, line, &claim, stands, clock);
        let stands = || if leaves { Stands::Leaves } else { Stands::Decided(asked.decision.clone()) };
        let told = host.line(asked.name, lane, |line| tell(line, stands()));
        if let Some(told) = told.or_else(|| leaves.then(|| tell(&mut std::iter::empty(), Stands::Leaves))) {
            asked.decision = told;
        }
    }
    Ok(admits(asked))
}

/// Books what one key has admitted, and keeps it as a reservation or a lease if it is one.
fn charge<H: Host>(
    host: &mut H,
    asked: &mut Asked<H>,
    reserve: Option<Reserve<'_>>,
    id: Option<&[u8]>,
) -> Result<(), H::Error> {
    if !asked.changes(reserve) {
        return Ok(());
    }
    let QuotaDecision { rows, at } = &asked.decision;
    let (shape, costs) = (Arc::clone(&asked.shape), core::mem::take(&mut asked.costs));
    let reserved = reserve.zip(id).map(|(reserve, id)| {
        let answers = rows.iter().map(|row| (row.remaining, row.reset_after_ms)).collect();
        let is_lease = reserve.is_lease();
        let expires =
            if is_lease { lease_end(&shape, &costs, *at, reserve.ttl) } else { at.plus(reserve.ttl) };
        Reserved { id, expires, answers, is_lease }
    });
    let effect = QuotaEffect::Admit(Admission { shape, at: *at, costs, reserved });
    host.commit(asked.name, &mut asked.key, &Effect::Quota(effect))
}

/// What a request that waits takes of each key.
pub(super) fn claims<H: Host>(asked: &[Asked<H>], reserve: Option<Reserve<'_>>) -> Claims {
    let claims = asked.iter().map(|asked| asked.claim(reserve)).enumerate();
    claims.filter(|(_, claim)| claim.takes()).map(|(key, claim)| (key, Claim::Quota(claim))).collect()
}
