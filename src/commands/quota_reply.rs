//! The answer of RL.QUOTA, RL.MQUOTA and RL.PEEK about many limits.

use rl_core::limit::decision::{Decision, Retry};
use rl_core::quota::decide::QuotaDecision;
use rl_core::quota::shape::{Limit, Shape};

use crate::sys::reply::{Array, Reply};

/// What a limit is called in a reply.
#[derive(Clone, Copy)]
pub(crate) enum Names {
    Plain,
    /// `policy/name`, to tell those of several keys apart.
    WithPolicy,
}

/// Allowed, retry_after_ms, what blocks, a row for each limit; with `id` also that or nil.
#[inline(always)] // as `send`
pub(super) fn reply<'a>(
    reply: Reply<'_>,
    answers: impl Iterator<Item = (&'a Shape, &'a QuotaDecision)> + Clone,
    names: Names,
    id: Option<Option<&[u8]>>,
) {
    let mut reply = reply.array(if id.is_some() { 5 } else { 4 });
    limits(&mut reply, answers, names);
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
    names: Names,
) {
    if answers.clone().all(|(_, verdict)| verdict.allowed()) {
        reply.integer(1).integer(0).element(|place| drop(place.array(0)));
    } else {
        let blocks = |verdict: &QuotaDecision| verdict.rows.iter().filter(|row| !row.allowed).count();
        let retry = answers.clone().map(|(_, verdict)| verdict.retry()).max();
        reply.integer(0).integer(retry.map_or(0, Retry::reply));
        let blocking = answers.clone().map(|(_, verdict)| blocks(verdict)).sum();
        reply.element(|place| {
            let mut list = place.array(blocking);
            for (shape, verdict) in answers.clone() {
                for (limit, _) in shape.limits().iter().zip(&verdict.rows).filter(|(_, row)| !row.allowed) {
                    name(&mut list, shape, limit, names);
                }
            }
        });
    }
    let rows = answers.clone().map(|(_, verdict)| verdict.rows.len()).sum();
    reply.element(|place| {
        let mut list = place.array(rows);
        for (shape, verdict) in answers {
            for (limit, row) in shape.limits().iter().zip(&verdict.rows) {
                list.element(|place| {
                    let mut fields = place.array(5);
                    name(&mut fields, shape, limit, names);
                    numbers(&mut fields, row);
                });
            }
        }
    });
}

fn numbers(reply: &mut Array<'_>, row: &Decision) {
    reply.count(row.limit).count(row.remaining).integer(row.retry.reply()).count(row.reset_after_ms);
}

fn name(reply: &mut Array<'_>, shape: &Shape, limit: &Limit, names: Names) {
    match (names, shape.policy()) {
        (Names::WithPolicy, Some(policy)) => {
            reply.text(&[policy.as_bytes(), b"/", limit.name.as_bytes()].concat());
        }
        _ => {
            reply.text(limit.name.as_bytes());
        }
    }
}
