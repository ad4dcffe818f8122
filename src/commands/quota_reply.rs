//! The answer of RL.QUOTA, RL.MQUOTA and RL.PEEK about many limits.

use rl_core::limit::decision::{Decision, Retry};
use rl_core::quota::decide::QuotaDecision;
use rl_core::quota::shape::{Limit, Shape};
use smallvec::SmallVec;

use crate::sys::reply::{Array, Reply};

/// What a limit is called in a reply.
#[derive(Clone, Copy)]
pub(crate) enum Names {
    Plain,
    /// `policy/name`, to tell those of several keys apart.
    WithPolicy,
}

/// Allowed, retry_after_ms, what blocks, a row for each limit; with `id` also that or nil. `denied` is when a request
/// that is denied will be admitted.
#[inline(always)] // as `send`
pub(super) fn reply<'a>(
    reply: Reply<'_>,
    answers: impl Iterator<Item = (&'a Shape, &'a QuotaDecision)> + Clone,
    denied: Option<Retry>,
    names: Names,
    id: Option<Option<&[u8]>>,
) {
    let mut reply = reply.array(if id.is_some() { 5 } else { 4 });
    limits(&mut reply, answers, denied, names);
    reservation(&mut reply, id);
}

/// Allowed and retry_after_ms only; with `id` also that or nil.
#[inline(never)] // few ask for it
pub(super) fn short(reply: Reply<'_>, denied: Option<Retry>, id: Option<Option<&[u8]>>) {
    let mut reply = reply.array(if id.is_some() { 3 } else { 2 });
    reply.integer(i64::from(denied.is_none())).integer(denied.map_or(0, Retry::reply));
    reservation(&mut reply, id);
}

/// The id of the reservation or nil, if one was asked for.
#[inline(always)] // as `send`
fn reservation(reply: &mut Array<'_>, id: Option<Option<&[u8]>>) {
    match id {
        Some(Some(id)) => {
            reply.text(id);
        }
        Some(None) => {
            reply.element(|place| place.null());
        }
        None => {}
    }
}

/// The first four elements of a reply.
#[inline(always)] // as `send`
pub(crate) fn limits<'a>(
    reply: &mut Array<'_>,
    answers: impl Iterator<Item = (&'a Shape, &'a QuotaDecision)> + Clone,
    denied: Option<Retry>,
    names: Names,
) {
    match denied {
        None => drop(reply.integer(1).integer(0).list(0)),
        Some(retry) => {
            blocking(reply.integer(0).integer(retry.reply()), answers.clone(), names);
        }
    }
    let count = answers.clone().map(|(_, verdict)| verdict.rows.len()).sum();
    match names {
        Names::Plain => rows(reply, answers, count, plain),
        Names::WithPolicy => rows(reply, answers, count, with_policy),
    }
}

/// The names of the limits that block.
#[inline(always)] // as `send`
fn blocking<'a>(
    reply: &mut Array<'_>,
    answers: impl Iterator<Item = (&'a Shape, &'a QuotaDecision)> + Clone,
    names: Names,
) {
    let count = |verdict: &QuotaDecision| verdict.rows.iter().filter(|row| !row.allowed).count();
    let mut list = reply.list(answers.clone().map(|(_, verdict)| count(verdict)).sum());
    for (shape, verdict) in answers {
        for (limit, _) in shape.limits().iter().zip(&verdict.rows).filter(|(_, row)| !row.allowed) {
            match names {
                Names::Plain => plain(&mut list, shape, limit),
                Names::WithPolicy => with_policy(&mut list, shape, limit),
            }
        }
    }
}

/// A row for each limit: name, limit, remaining, retry_after_ms, reset_after_ms.
#[inline(always)] // as `send`
fn rows<'a>(
    reply: &mut Array<'_>,
    answers: impl Iterator<Item = (&'a Shape, &'a QuotaDecision)>,
    count: usize,
    name: impl Fn(&mut Array<'_>, &Shape, &Limit),
) {
    let mut list = reply.list(count);
    for (shape, verdict) in answers {
        for (limit, row) in shape.limits().iter().zip(&verdict.rows) {
            let mut fields = list.list(5);
            name(&mut fields, shape, limit);
            numbers(&mut fields, row);
        }
    }
}

#[inline(always)] // as `send`
fn numbers(reply: &mut Array<'_>, row: &Decision) {
    reply.count(row.limit).count(row.remaining).integer(row.retry.reply()).count(row.reset_after_ms);
}

#[inline(always)] // as `send`
fn plain(reply: &mut Array<'_>, _: &Shape, limit: &Limit) {
    reply.text(limit.name.as_bytes());
}

fn with_policy(reply: &mut Array<'_>, shape: &Shape, limit: &Limit) {
    match shape.policy() {
        Some(policy) => {
            let mut name = SmallVec::<[u8; 128]>::from_slice(policy.as_bytes());
            name.push(b'/');
            name.extend_from_slice(limit.name.as_bytes());
            reply.text(&name);
        }
        None => plain(reply, shape, limit),
    }
}
