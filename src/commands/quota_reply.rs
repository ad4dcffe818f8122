//! The answer of RL.QUOTA, RL.MQUOTA and RL.PEEK about many limits.

use std::ffi::c_long;

use rl_core::limit::decision::{Decision, Retry};
use rl_core::quota::decide::QuotaDecision;
use rl_core::quota::shape::{Limit, Shape};

use crate::sys::context::Context;
use crate::sys::reply::Reply;

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
    context: Context<'_>,
    answers: impl Iterator<Item = (&'a Shape, &'a QuotaDecision)> + Clone,
    names: Names,
    id: Option<Option<&[u8]>>,
) {
    let reply = Reply::to(context).array(if id.is_some() { 5 } else { 4 });
    limits(reply, answers, names);
    match id {
        Some(Some(id)) => {
            reply.text(id);
        }
        Some(None) => {
            reply.null();
        }
        None => {}
    }
}

/// The first four elements of a reply.
#[inline(always)] // as `send`
pub(crate) fn limits<'a>(
    reply: Reply<'_>,
    answers: impl Iterator<Item = (&'a Shape, &'a QuotaDecision)> + Clone,
    names: Names,
) {
    if answers.clone().all(|(_, verdict)| verdict.allowed()) {
        reply.integer(1).integer(0).array(0);
    } else {
        let blocks = |verdict: &QuotaDecision| verdict.rows.iter().filter(|row| !row.allowed).count();
        let retry = answers.clone().map(|(_, verdict)| verdict.retry()).max();
        reply.integer(0).integer(retry.map_or(0, Retry::reply));
        reply.array(len(answers.clone().map(|(_, verdict)| blocks(verdict)).sum()));
        for (shape, verdict) in answers.clone() {
            for (limit, _) in shape.limits().iter().zip(&verdict.rows).filter(|(_, row)| !row.allowed) {
                name(reply, shape, limit, names);
            }
        }
    }
    reply.array(len(answers.clone().map(|(_, verdict)| verdict.rows.len()).sum()));
    for (shape, verdict) in answers {
        for (limit, row) in shape.limits().iter().zip(&verdict.rows) {
            name(reply.array(5), shape, limit, names);
            numbers(reply, row);
        }
    }
}

fn len(count: usize) -> c_long {
    c_long::try_from(count).unwrap_or(0) // at most sixteen limits of sixteen keys
}

fn numbers(reply: Reply<'_>, row: &Decision) {
    reply.count(row.limit).count(row.remaining).integer(row.retry.reply()).count(row.reset_after_ms);
}

fn name(reply: Reply<'_>, shape: &Shape, limit: &Limit, names: Names) {
    match (names, shape.policy()) {
        (Names::WithPolicy, Some(policy)) => {
            reply.text(&[policy.as_bytes(), b"/", limit.name.as_bytes()].concat());
        }
        _ => {
            reply.text(limit.name.as_bytes());
        }
    }
}
