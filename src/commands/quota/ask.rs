//! One decision about many limits. All keys are asked first; only when every limit of every key admits
//! its cost is anything changed. So there is nothing to take back.

use std::sync::Arc;

use rl_core::engine::forecast::{self as behind, Ahead, QuotaClaim};
use rl_core::fault::{Fault, Result};
use rl_core::grammar::limit as request;
use rl_core::grammar::terms::Reserve;
use rl_core::limit::decision::Retry;
use rl_core::quota::Quota;
use rl_core::quota::decide::{self, Demand, QuotaDecision};
use rl_core::quota::effect::{Admission, QuotaEffect as Change, Reserved};
use rl_core::quota::shape::{PerLimit, Shape};
use rl_core::time::{At, Span};
use rl_core::value::Value;

use crate::metrics::{self, Decisions};
use crate::sys::context::{Arg, Context};
use crate::sys::key::Key;
use crate::sys::random::hex;
use crate::waiting::{self, Standing};
use crate::{change, top};

/// One of the keys that a request is about, and the limits that it asks of it.
pub(super) struct Asked<'a> {
    pub(super) name: Arg<'a>,
    pub(super) key: Key<'a, Value>,
    pub(super) shape: Arc<Shape>,
    /// What it takes of each limit.
    pub(super) costs: PerLimit<u64>,
    /// What they answer.
    pub(super) verdict: QuotaDecision,
}

/// What became of a request.
pub(super) enum Outcome {
    /// It is admitted; with the id that was made for its reservation, where it did not give one.
    Admitted(Option<[u8; 32]>),
    Denied(Retry),
    /// It had been admitted before.
    Repeated,
}

impl Outcome {
    /// Counts it, for all and for its keys; it was denied by those that do not admit it.
    pub(super) fn count(&self, context: Context<'_>, asked: &[Asked<'_>], count: &Decisions) {
        let outcome = match self {
            Self::Admitted(_) => request::Outcome::Admitted,
            Self::Denied(_) => request::Outcome::Denied,
            Self::Repeated => return metrics::REPEATED.count(),
        };
        count.of(outcome).count();
        let admits = outcome == request::Outcome::Admitted;
        for Asked { name, .. } in asked.iter().filter(|asked| asked.verdict.allowed() == admits) {
            top::count(context, *name, outcome);
        }
    }

    /// The id of its reservation, if there is one now.
    pub(super) fn id<'a>(&'a self, reserve: Reserve<'a>) -> Option<&'a [u8]> {
        match self {
            Self::Admitted(Some(made)) => Some(made),
            Self::Admitted(None) | Self::Repeated => reserve.id,
            Self::Denied(_) => None,
        }
    }
}

impl Asked<'_> {
    /// What it takes when it goes on.
    pub(super) fn claim(&self, ttl: Option<Span>) -> QuotaClaim {
        QuotaClaim { shape: Arc::clone(&self.shape), costs: self.costs.clone(), ttl }
    }
}

/// Asks all, and charges all or none.
#[inline(always)] // what it is given and gives is large
pub(super) fn ask(
    context: Context<'_>,
    asked: &mut [Asked<'_>],
    reserve: Option<Reserve<'_>>,
    standing: Standing,
) -> Result<Outcome> {
    let clock = context.now();
    let ttl = reserve.map(|reserve| reserve.ttl);
    let given = reserve.and_then(|reserve| reserve.id);
    if let Some(id) = given
        && repeated(asked, id, clock)?
    {
        return Ok(Outcome::Repeated);
    }
    let mut allowed = true;
    for Asked { key, shape, costs, verdict, .. } in asked.iter_mut() {
        let held = held(key)?;
        decide::allow(held, shape, ttl, clock)?;
        decide::decide_into(verdict, held, shape, &Demand { costs, ttl }, clock);
        allowed &= verdict.allowed();
    }
    if waiting::any() || matches!(standing, Standing::Leaves(_)) {
        allowed = line_up(context, asked, ttl, standing, clock)?;
    }
    if !allowed {
        let mut retry = Retry::Now;
        for Asked { key, shape, verdict, .. } in asked.iter_mut() {
            decide::deny(verdict, held(key)?, shape, clock);
            retry = retry.max(verdict.retry());
        }
        return Ok(Outcome::Denied(retry));
    }
    let made = if given.is_none() && ttl.is_some() { Some(hex::<32>()) } else { None };
    let id = given.or(made.as_ref().map(<[u8; 32]>::as_slice));
    for asked in asked.iter_mut() {
        charge(context, asked, ttl.zip(id))?;
    }
    Ok(Outcome::Admitted(made))
}

/// Makes the answers those of one who has to stand behind others, where it has; whether it is admitted.
#[cold]
fn line_up(
    context: Context<'_>,
    asked: &mut [Asked<'_>],
    ttl: Option<Span>,
    standing: Standing,
    clock: At,
) -> Result<bool> {
    let admits = |asked: &[Asked<'_>]| asked.iter().all(|asked| asked.verdict.allowed());
    let (lane, leaves) = match standing {
        Standing::First => return Ok(admits(asked)),
        Standing::Comes(lane) => (lane, false),
        // Who leaves takes nothing, though all of it may be there by now.
        Standing::Leaves(lane) => (lane, admits(asked)),
    };
    for Asked { name, key, shape, costs, verdict } in asked.iter_mut() {
        let claim = QuotaClaim { shape: Arc::clone(shape), costs: costs.clone(), ttl };
        if !claim.takes() {
            continue;
        }
        let held = held(key)?;
        let tell = |ahead: &mut dyn Iterator<Item = Ahead<'_>>| behind::quota(held, ahead, &claim, clock);
        let behind = waiting::behind(context, *name, lane, tell);
        if let Some(told) = behind.or_else(|| leaves.then(|| tell(&mut std::iter::empty()))) {
            *verdict = told;
        }
    }
    Ok(admits(asked))
}

/// Finds what was answered to the request with this id, by which limits; whether it is open, on all keys
/// then.
fn repeated(asked: &mut [Asked<'_>], id: &[u8], clock: At) -> Result<bool> {
    let mut open = 0_usize;
    for Asked { key, shape, verdict, .. } in asked.iter_mut() {
        if let Some(held) = held(key)?
            && let Some(reservation) = held.reservations().and_then(|all| all.get(id, held.now(clock)))
        {
            (*shape, *verdict) = decide::repeated(held, reservation, clock);
            open = open.saturating_add(1);
        }
    }
    if open > 0 && open < asked.len() { Err(Fault::IdElsewhere) } else { Ok(open > 0) }
}

/// Whether a reservation of that id is open.
pub(super) fn is_open(held: &Quota, id: &[u8], clock: At) -> bool {
    held.reservations().is_some_and(|all| all.get(id, held.now(clock)).is_some())
}

/// Books what was admitted on one key, and holds it where it is reserved.
fn charge(context: Context<'_>, asked: &mut Asked<'_>, reserve: Option<(Span, &[u8])>) -> Result<()> {
    if reserve.is_none() && asked.costs.iter().all(|cost| *cost == 0) {
        return Ok(());
    }
    let QuotaDecision { rows, at } = &asked.verdict;
    let reserved = reserve.map(|(ttl, id)| Reserved {
        id,
        expires: at.plus(ttl),
        answers: rows.iter().map(|row| (row.remaining, row.reset_after_ms)).collect(),
    });
    let (shape, costs) = (Arc::clone(&asked.shape), std::mem::take(&mut asked.costs));
    let change = Change::Admit(Admission { shape, at: *at, costs, reserved });
    change::apply(context, &mut asked.key, asked.name, &change)?;
    change::replicate(context, asked.name, &change);
    Ok(())
}

/// What the key holds; an error where it is no quota.
pub(super) fn held<'a>(key: &'a mut Key<'_, Value>) -> Result<Option<&'a Quota>> {
    key.value()?.map(|value| value.quota()).transpose()
}
