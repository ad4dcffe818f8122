//! What a key is told from outside: a hold, and how much of its limits is used elsewhere.
//!
//! Both only tighten, so no decision has to be taken back. Whoever waits is looked at again.

use super::host::Host;
use super::policy::in_force;
use crate::effect::Effect;
use crate::effect::told::{Elsewhere, Told};
use crate::fault::Fault;
use crate::grammar::outside::{Hold, Left, Lefts, Sync};
use crate::limit::decision::wait_ms;
use crate::limit::outside::Outside;
use crate::limit::rule::Rule;
use crate::number::COUNT_MAX;
use crate::quota::Quota;
use crate::quota::lent::Leased;
use crate::quota::limit::{Measure, PerLimit};
use crate::quota::outsides::{NAMES_MAX, Names, Outsides};
use crate::quota::shape::Shape;
use crate::time::{At, Span};
use crate::value::Value;

/// How much of each limit is used elsewhere.
pub type Used<'w> = PerLimit<(&'w [u8], u64)>;

/// Holds a key, or some of its limits, and tells how many ms the hold lasts. A hold that ends later stays; a time of 0
/// lifts it.
///
/// # Errors
/// [`Fault::NoLimit`] for a name that the key's limits do not have, [`Fault::NamedLimits`], what the key holds if it has
/// one limit and names are given, and the host's own.
pub fn hold<H: Host>(host: &mut H, name: H::Name, hold: &Hold<'_>) -> Result<u64, H::Error> {
    let clock = host.clock();
    let mut key = host.open(name);
    let value = host.value(&key)?;
    check_names(host, name, value, &hold.limits)?;
    let at = value.map_or(clock, |value| now(value, clock));
    let until = if hold.time == Span::default() { At::MIN } else { at.plus(hold.time) };
    let held = |limit: Option<&[u8]>| value.map_or(At::MIN, |value| held(value, limit));
    let changes = |held: At| if until == At::MIN { held > at } else { held < until };
    let limits: Names<'_> = hold.limits.iter().copied().filter(|limit| changes(held(Some(limit)))).collect();
    let last = hold.limits.iter().map(|limit| held(Some(limit))).max();
    let ends = if until == At::MIN { until } else { last.unwrap_or_else(|| held(None)).max(until) };
    let is_changed = match (hold.limits.is_empty(), until) {
        (true, At::MIN) => value.is_some_and(|value| is_held(value, at)),
        (true, _) => changes(held(None)),
        (false, _) => !limits.is_empty(),
    };
    if is_changed {
        host.commit(name, &mut key, &Effect::Told(Told::Hold { at, until, limits }))?;
        host.mark(name);
    }
    Ok(wait_ms(clock, ends))
}

/// Tells a key how much is left of its limits by somebody else's count, and returns how much of each is used elsewhere.
///
/// That is what would remain here, less what is left there. A key that does not exist has no limits that could be
/// compared, so nothing is used elsewhere.
///
/// # Errors
/// [`Fault::NoLimit`] for a name that the key's limits do not have, what the key holds if it has one limit and names are
/// given or the other way round, and the host's own.
pub fn sync<'w, H: Host>(host: &mut H, name: H::Name, sync: &Sync<'w>) -> Result<Used<'w>, H::Error> {
    let clock = host.clock();
    let mut key = host.open(name);
    let value = host.value(&key)?;
    let (at, told) = match (value, &sync.left) {
        (None | Some(Value::Held(_)), Lefts::One(_)) => return Ok([(&b""[..], 0)].into_iter().collect()),
        (None | Some(Value::Held(_)), Lefts::Named(limits)) => {
            return Ok(limits.iter().map(|(limit, _)| (*limit, 0)).collect());
        }
        (Some(Value::Quota(_)), Lefts::One(_)) => return Err(Fault::HoldsQuota.into()),
        (Some(Value::Limit(state)), Lefts::One(left)) => {
            let at = clock.max(state.at());
            let (rule, outside) = (state.rule(), state.outside().at(at));
            let news = News { left, at, since: sent(at, sync.age) };
            let here = state.alone_remaining(&rule, at);
            (at, [news.of(b"", here, &rule, outside)].into_iter().collect::<PerLimit<_>>())
        }
        (Some(value), Lefts::Named(limits)) => {
            let quota = value.quota()?;
            (quota.now(clock), named(host, (name, quota), limits, sync.age, clock)?)
        }
    };
    let used = told.iter().map(|(told, _, used)| (told.limit, *used)).collect();
    let limits: PerLimit<Elsewhere<'_>> =
        told.iter().filter_map(|(told, before, _)| changed(*told, before)).collect();
    if !limits.is_empty() {
        host.commit(name, &mut key, &Effect::Told(Told::Sync { at, limits }))?;
        host.mark(name);
    }
    Ok(used)
}

/// What each of these limits of a quota is told, what it was told before, and how much is used elsewhere then.
fn named<'w, H: Host>(
    host: &H,
    (name, quota): (H::Name, &Quota),
    limits: &[(&'w [u8], Left)],
    age: Option<Span>,
    clock: At,
) -> Result<PerLimit<Change<'w>>, Fault> {
    let (shape, at) = (in_force(host, name, quota), quota.now(clock));
    if quota
        .outsides()
        .is_some_and(|known| known.names_with(limits.iter().map(|(limit, _)| *limit)) > NAMES_MAX)
    {
        return Err(Fault::NamedLimits);
    }
    let told = limits.iter().map(|(limit, left)| {
        let index = position(&shape, limit).ok_or(Fault::NoLimit)?;
        let Some(Measure::Rate(rule)) = shape.limits().get(index).map(|limit| limit.measure) else {
            return Err(Fault::NoLimit);
        };
        let known = quota.outsides().map_or(Outside::NONE, |outsides| outsides.limit(limit)).at(at);
        let state = quota.counted(&shape, index);
        let lent = quota.lent(&shape, index);
        let here = match &state {
            _ if !lent.is_empty() => {
                Leased::new(state.as_deref(), &rule, &lent).decide(0, at, None).remaining
            }
            Some(state) => state.alone_remaining(&rule, at),
            None => rule.quota(),
        };
        let news = News { left, at, since: sent(at, age) };
        Ok(news.of(limit, here, &rule, known))
    });
    told.collect()
}

/// What changes of a limit that was told `before`; `None` if nothing does.
fn changed<'w>(told: Elsewhere<'w>, before: &Outside) -> Option<Elsewhere<'w>> {
    let lowered = told.lowered.filter(|lowered| *lowered != before.lowered());
    let told = Elsewhere { lowered, ..told };
    (told != before.told(told.limit)).then_some(told)
}

/// When the request was sent whose response is so old; [`At::MIN`] if its age is unknown.
fn sent(at: At, age: Option<Span>) -> At {
    age.and_then(|age| At::new(at.ms().saturating_sub(age.ms()))).unwrap_or(At::MIN)
}

/// What a limit is told, what it was told before, and how much is used elsewhere then.
type Change<'w> = (Elsewhere<'w>, Outside, u64);

/// What is told of a limit.
struct News<'a> {
    left: &'a Left,
    at: At,
    since: At,
}

impl News<'_> {
    /// Tells it to the limit `name`, of which `here` remains here, and which was told `before`.
    fn of<'w>(&self, name: &'w [u8], here: u64, rule: &Rule, before: Outside) -> Change<'w> {
        // Requests overtake each other. What an earlier one was told is no longer so.
        let is_old = self.since > At::MIN && self.since < before.since;
        let told = if is_old { before.told(name) } else { self.elsewhere(name, here, rule, before) };
        let mut outside = before;
        told.apply(&mut outside);
        (told, before, outside.used(rule, self.at))
    }

    /// How much is used elsewhere, and until when.
    ///
    /// What is used of a bucket comes back no faster than the bucket refills there.
    fn elsewhere<'w>(&self, limit: &'w [u8], here: u64, rule: &Rule, mut told: Outside) -> Elsewhere<'w> {
        let Self { left, at, since } = *self;
        let lowered = left.limit.map(|limit| lowered(limit, rule, at));
        (told.limit, told.limit_until) = lowered.unwrap_or((told.limit, told.limit_until));
        let lower = told.lower_rule(rule, at);
        let back = |used| lower.as_ref().unwrap_or(rule).regains(used).unwrap_or_default();
        let used = here.saturating_add_signed(left.remaining.saturating_neg()).min(COUNT_MAX);
        let reset = left.reset.unwrap_or_else(|| rule.window().unwrap_or_else(|| rule.longest()));
        let (used, until, since) = if used > 0 && reset > Span::default() {
            let until = at.plus(reset.max(back(used)));
            (used, if lower.is_some() && rule.refills() { until.min(told.limit_until) } else { until }, since)
        } else {
            (0, At::MIN, At::MIN)
        };
        Elsewhere { limit, used, until, since, lowered }
    }
}

/// What a limit is elsewhere, and until when, if that is lower than its own.
fn lowered(limit: u64, rule: &Rule, at: At) -> (u64, At) {
    match rule.lowered_to(limit) {
        Some(_) => (limit, at.plus(Outside::LIMIT_LASTS)),
        None => (0, At::MIN),
    }
}

/// Checks the names of limits that are to be held. A key that counts nothing yet may be told any.
fn check_names<H: Host>(
    host: &H,
    name: H::Name,
    value: Option<&Value>,
    limits: &[&[u8]],
) -> Result<(), Fault> {
    let Some(value) = value.filter(|_| !limits.is_empty()) else { return Ok(()) };
    let quota = value.quota()?;
    let none = Outsides::default();
    let known = quota.outsides().unwrap_or(&none);
    if let Value::Quota(quota) = value {
        let shape = in_force(host, name, quota);
        let is_known =
            |limit: &&[u8]| position(&shape, limit).is_some() || known.limit(limit) != Outside::NONE;
        if !limits.iter().all(is_known) {
            return Err(Fault::NoLimit);
        }
    }
    if known.names_with(limits.iter().copied()) > NAMES_MAX { Err(Fault::NamedLimits) } else { Ok(()) }
}

fn position(shape: &Shape, limit: &[u8]) -> Option<usize> {
    shape.limits().iter().position(|known| known.name.as_bytes() == limit)
}

/// The instant of a change at `clock`: never before the key's last change.
fn now(value: &Value, clock: At) -> At {
    match value {
        Value::Limit(state) => clock.max(state.at()),
        Value::Quota(quota) => quota.now(clock),
        Value::Held(_) => clock,
    }
}

/// Until when a key is held, or one of its limits.
fn held(value: &Value, limit: Option<&[u8]>) -> At {
    match value {
        Value::Limit(state) => state.outside().held,
        Value::Quota(_) | Value::Held(_) => {
            outsides(value).map_or(At::MIN, |told| limit.map_or(told.all(), |limit| told.limit(limit).held))
        }
    }
}

/// Whether a key is held at `at`, or one of its limits.
fn is_held(value: &Value, at: At) -> bool {
    match value {
        Value::Limit(state) => state.outside().held > at,
        Value::Quota(_) | Value::Held(_) => outsides(value).is_some_and(|told| told.is_held(at)),
    }
}

/// What the limits of a quota are told, or those of a key that is only held.
fn outsides(value: &Value) -> Option<&Outsides> {
    value.quota().ok()?.outsides()
}
