//! The answer of RL.QUOTA, RL.MQUOTA and RL.PEEK about many limits.

use rl_core::limit::decision::{Decision, Retry};
use rl_core::quota::decide::QuotaDecision;
use rl_core::quota::name::Name;
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

/// What is in a reply.
#[derive(Clone, Copy)]
pub(super) struct Form {
    pub(super) names: Names,
    /// Whether it tells only whether the request is admitted, and when.
    pub(super) is_short: bool,
    /// The index of the key that admits, or -1, if the request asked for the first of several.
    pub(super) index: Option<i64>,
}

/// What a reply tells after its first elements, if it was asked for.
#[derive(Clone, Copy, Default)]
pub(super) struct Rest<'a> {
    /// The id of the reservation or the lease, or nil.
    pub(super) id: Option<Option<&'a [u8]>>,
    /// The index of the key that admits, or -1.
    pub(super) index: Option<i64>,
    /// What was granted of each unit.
    pub(super) granted: Option<&'a [(Name, u64)]>,
}

/// Allowed, retry_after_ms, what blocks, a row for each limit, and the rest. `denied` is when a request that is denied will be
/// admitted.
#[inline(always)] // as `send`
pub(super) fn reply<'a>(
    reply: Reply<'_>,
    answers: impl Iterator<Item = (&'a Shape, &'a QuotaDecision)> + Clone,
    denied: Option<Retry>,
    names: Names,
    rest: Rest<'_>,
) {
    let mut reply = reply.array(rest.added_to(4));
    limits(&mut reply, answers, denied, names);
    rest.send(&mut reply);
}

/// Allowed and retry_after_ms only, and the rest.
#[inline(never)] // few ask for it
pub(super) fn short(reply: Reply<'_>, denied: Option<Retry>, rest: Rest<'_>) {
    let mut reply = reply.array(rest.added_to(2));
    reply.integer(i64::from(denied.is_none())).integer(denied.map_or(0, Retry::reply));
    rest.send(&mut reply);
}

impl Rest<'_> {
    /// The number of elements of a reply that has `least` of them without the rest.
    #[inline]
    fn added_to(&self, least: usize) -> usize {
        let added = [self.id.is_some(), self.index.is_some(), self.granted.is_some()];
        added.into_iter().fold(least, |sum, added| sum.saturating_add(usize::from(added)))
    }

    #[inline(always)] // as `send`
    fn send(&self, reply: &mut Array<'_>) {
        match self.id {
            Some(Some(id)) => {
                reply.text(id);
            }
            Some(None) => {
                reply.element(|place| place.null());
            }
            None => {}
        }
        if let Some(index) = self.index {
            reply.integer(index);
        }
        if let Some(granted) = self.granted {
            let mut list = reply.list(granted.len().saturating_mul(2));
            for (unit, n) in granted {
                list.text(unit.as_bytes()).count(*n);
            }
        }
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
