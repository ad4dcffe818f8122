//! What is compared: each answer with the model's, and what PEEK says with what a request then gets.

use rl_core::engine::run::{QuotaReply, Reply};
use rl_core::engine::{Standing, Turn};
use rl_core::fault::Fault;
use rl_core::grammar::request::Request;
use rl_core::limit::decision::{Decision, Retry};
use rl_core::memory::Error;
use rl_core::quota::costs::Costs;
use rl_core::quota::shape::{REQUESTS, Shape};

use super::ask::{Ask, What};
use super::model::{Answer, Answers, Stored, takes};
use super::play::Play;
use super::setup::KEYS;
use super::waiting::{Waiter, is_never};
use crate::oracle::nothing;

/// The lane of a request that names none, and of PEEK.
const NORMAL: usize = 2;

/// Whether a request is admitted, by its answer.
pub(super) fn admits(reply: &Reply) -> bool {
    match reply {
        Reply::Limit(decision) | Reply::Granted(decision, _) => decision.allowed,
        Reply::Quota(reply) | Reply::First(reply, _) => reply.allowed(),
        Reply::Remaining(_) | Reply::Done(_) | Reply::Held(_) | Reply::Elsewhere(_) | Reply::Nothing => {
            panic!("no decision: {reply:?}")
        }
    }
}

/// The id of the reservation that a request has made.
pub(super) fn id(reply: &Reply) -> Option<Box<[u8]>> {
    let Reply::Quota(QuotaReply { reservation: Some(id), .. }) = reply else { return None };
    id.clone()
}

fn rows(reply: &Reply) -> Vec<Vec<Decision>> {
    match reply {
        Reply::Limit(decision) | Reply::Granted(decision, _) => vec![vec![*decision]],
        Reply::Quota(reply) | Reply::First(reply, _) => {
            reply.keys.iter().map(|(_, decision)| decision.rows.to_vec()).collect()
        }
        Reply::Remaining(_) | Reply::Done(_) | Reply::Held(_) | Reply::Elsewhere(_) | Reply::Nothing => {
            panic!("no decision: {reply:?}")
        }
    }
}

/// Rows of a key in whose line others stand before the request.
fn is_queued(rows: &[Decision], answer: &Answer, retry: Option<Retry>) {
    assert_eq!(rows.len(), answer.takes.len());
    let is_never = answer.rows.iter().any(|row| row.retry == Retry::Never);
    let first = rows.iter().zip(&answer.takes).find(|(_, takes)| **takes).expect("it takes something").0;
    assert_eq!(is_never, first.retry == Retry::Never);
    assert!(
        first.retry > Retry::Now && retry.is_none_or(|retry| retry == first.retry),
        "{first:?}, not {retry:?}"
    );
    for ((row, takes), standing) in rows.iter().zip(&answer.takes).zip(&answer.standing) {
        let queued = Decision { allowed: false, remaining: 0, retry: first.retry, ..*standing };
        assert_eq!(*row, if *takes { queued } else { *standing });
    }
}

/// Rows of a key in whose line nobody stands before the request. Waiters of lower lanes may be served sooner, and then it
/// is told to come later. `forecast_limit.rs` says when exactly.
fn is_decided(rows: &[Decision], expected: &[Decision], has_lower: bool) {
    assert_eq!(rows.len(), expected.len());
    for (row, expected) in rows.iter().zip(expected) {
        let is_later = has_lower && row.retry > expected.retry && matches!(expected.retry, Retry::After(_));
        assert_eq!(*row, Decision { retry: if is_later { row.retry } else { expected.retry }, ..*expected });
    }
}

/// The answer to a request that does not wait is the model's.
pub(super) fn reply(play: &Play, ask: &Ask, answers: &Answers, blocked: &[usize], reply: &Reply) {
    let told = rows(reply);
    assert_eq!(told.len(), ask.keys.len());
    let all = match answers {
        Answers::New(all) => all,
        Answers::Repeated(keys) => return repeated(ask, keys, reply),
    };
    let admitted = answers.allowed() && blocked.is_empty();
    for (((key, answer), told), names) in ask.keys.iter().zip(all).zip(&told).zip(names(reply)) {
        if let Some(shape) = &answer.shape {
            assert_eq!(names, limit_names(shape));
        }
        if admitted {
            assert_eq!(told, &answer.rows);
        } else if blocked.contains(key) {
            is_queued(told, answer, forecast(play, ask, answers));
        } else {
            let rows = if answer.allowed { &answer.standing } else { &answer.rows };
            is_decided(told, rows, play.naive.has_lower(*key, ask.lane));
        }
    }
    if let Reply::Quota(reply) = reply {
        let has_id = reply.reservation.as_ref().map(Option::is_some);
        assert_eq!(has_id, ask.ttl().map(|_| admitted));
        assert!(
            ask.id().is_none() || !admitted || reply.reservation.as_ref().unwrap().as_deref() == ask.id()
        );
    }
}

/// The answer to a request that was admitted before is the first one once more, by the same limits.
fn repeated(ask: &Ask, keys: &[Vec<(Vec<u8>, Decision)>], reply: &Reply) {
    for ((expected, names), rows) in keys.iter().zip(names(reply)).zip(rows(reply)) {
        assert!(expected.iter().map(|(name, _)| name).eq(&names));
        assert!(expected.iter().map(|(_, row)| row).eq(&rows));
    }
    assert_eq!(id(reply).as_deref(), ask.id());
}

/// The time after which a request that waits may be admitted, if nobody stands before it, is the model's.
pub(super) fn told(answers: &Answers, blocked: &[usize], ms: u64) {
    let Answers::New(all) = answers else { panic!("a repeated request does not wait") };
    if blocked.is_empty() {
        let retry = all.iter().flat_map(|answer| &answer.rows).map(|row| row.retry).max();
        assert_eq!(retry, Some(Retry::After(ms)));
    }
}

/// When a request with waiters ahead is admitted, where that is exact: if all of them wait for this key alone, for
/// what they waited for when they joined, and if none rises.
fn forecast(play: &Play, ask: &Ask, answers: &Answers) -> Option<Retry> {
    let naive = &play.naive;
    let &[key] = &ask.keys[..] else { return None };
    let line: Vec<_> = naive.waiting.iter().filter(|waiter| waiter.lines.contains(&key)).collect();
    let mut ids: Vec<&[u8]> = line.iter().filter_map(|waiter| waiter.ask.id()).chain(ask.id()).collect();
    let is_open = |id: &&[u8]| matches!(naive.model.keys.get(&key), Some(Stored::Quota { oracle, last, .. }) if oracle.is_open(id, naive.wall.max(*last)));
    let repeats = ids.iter().any(is_open) || {
        let count = ids.len();
        ids.sort_unstable();
        ids.dedup();
        ids.len() < count
    };
    let is_as_it_came = |waiter: &Waiter| waiter.policies == naive.policies || !waiter.ask.names_policy();
    let is_alone = line.iter().all(|waiter| waiter.ask.keys.len() == 1 && is_as_it_came(waiter));
    // Waiters of lower lanes may be served before it comes again: `forecast_limit.rs` says when exactly.
    if naive.aging.is_some() || repeats || !is_alone || naive.has_lower(key, ask.lane) {
        return None;
    }
    if is_never(answers) {
        return Some(Retry::Never);
    }
    naive.admitted_in(ask, vec![key], 1_000).map(|ms| Retry::After(ms.max(1)))
}

fn limit_names(shape: &Shape) -> Vec<Vec<u8>> {
    shape.limits().iter().map(|limit| limit.name.as_bytes().to_vec()).collect()
}

/// The names of the limits of each key; none for one limit.
fn names(reply: &Reply) -> Vec<Vec<Vec<u8>>> {
    match reply {
        Reply::Quota(reply) | Reply::First(reply, _) => {
            reply.keys.iter().map(|(shape, _)| limit_names(shape)).collect()
        }
        Reply::Limit(_)
        | Reply::Granted(..)
        | Reply::Remaining(_)
        | Reply::Done(_)
        | Reply::Held(_)
        | Reply::Elsewhere(_)
        | Reply::Nothing => vec![Vec::new()],
    }
}

/// Asks PEEK about a request, and gives its answer if the request is to be answered alike.
pub(super) fn peek(play: &mut Play, ask: &Ask) -> Option<Reply> {
    let &[key] = &ask.keys[..] else { return None };
    let mut costs = ask.costs();
    if let What::Limit { cost, .. } = ask.what {
        costs.add(REQUESTS, cost).unwrap();
    }
    let peeked = peek_key(play, key, &costs)?;
    let (limit, shape) = match play.naive.model.keys.get(&key)? {
        Stored::Limit { rule, .. } => (Some(*rule), None),
        Stored::Quota { shape, oracle, last } => {
            let id_is_open = ask.id().is_some_and(|id| oracle.is_open(id, play.wall.max(*last)));
            (None, Some(play.naive.model.in_force(key, shape)).filter(|_| !id_is_open))
        }
    };
    let is_alike = match &ask.what {
        What::Limit { rule, .. } => limit == Some(*rule),
        What::Quota { limits, .. } => {
            let asked = play.naive.model.shape(key, &limits[0]).ok();
            asked.zip(shape).is_some_and(|(asked, held)| asked == held && is_asked_alike(ask, &held, &costs))
        }
    };
    (is_alike && ask.lane == NORMAL).then_some(peeked)
}

/// Whether a request takes a slot of its key if PEEK asks for one: if its limits count reservations.
fn is_asked_alike(ask: &Ask, shape: &Shape, costs: &Costs<'_>) -> bool {
    if shape.counts_reservations() {
        return ask.ttl().is_some();
    }
    ask.ttl().is_none() || costs.by_limit(shape).iter().any(|cost| *cost > 0)
}

/// The answer to a request is what PEEK has told.
pub(super) fn as_peeked(peeked: &Option<Reply>, reply: &Reply) {
    let Some(peeked) = peeked else { return };
    let (told, peeked) = (rows(reply), rows(peeked));
    let told_retry = told[0].iter().map(|row| row.retry).max();
    assert_eq!(told_retry, peeked[0].iter().map(|row| row.retry).max());
    if !admits(reply) {
        assert_eq!(told, peeked);
    }
}

/// Asks PEEK about a key. `None` if the key does not exist, or not by these units.
fn peek_key(play: &mut Play, key: usize, costs: &Costs<'static>) -> Option<Reply> {
    let (is_there, now, clock) = (play.is_there(key), play.now(), play.wall);
    let request = Request::Peek(costs.clone());
    let turn = play.node.run(&[KEYS[key]], &request, Standing::First, now);
    let reply = match turn {
        Ok(Turn::Answer { reply, .. }) => Ok(reply),
        Ok(Turn::Wait { .. }) => panic!("it does not wait"),
        Err(error) => Err(error),
    };
    if !is_there {
        assert_eq!(reply, Ok(Reply::Nothing));
        return None;
    }
    let answer = match &play.naive.model.keys[&key] {
        Stored::Limit { rule, oracle } => {
            if costs.iter().any(|(unit, _)| unit != REQUESTS) {
                assert_eq!(reply, Err(Error::Fault(Fault::PeekSyntax)));
                return None;
            }
            let cost = costs.of(REQUESTS);
            let (row, standing) = (oracle.decide(rule, cost, clock), oracle.decide(rule, 0, clock));
            let Decision { allowed, retry, .. } = row;
            // It is not charged: `remaining` and `reset_after_ms` are those of the current state.
            let row = Decision { allowed, retry, ..standing };
            Answer { shape: None, rows: vec![row], standing: vec![standing], allowed, takes: vec![cost > 0] }
        }
        Stored::Quota { oracle, last, shape } => {
            let shape = play.naive.model.in_force(key, shape);
            let (now, ttl) = (clock.max(*last), Some(1));
            let rows = oracle.answer(&shape, costs, ttl, clock, now);
            let standing = oracle.decide(&shape, &nothing(), None, clock, now);
            let allowed = rows.iter().all(|row| row.allowed);
            let rows = if allowed { standing.clone() } else { rows };
            let takes = takes(&shape, costs, ttl.filter(|_| shape.counts_reservations()));
            Answer { shape: Some(shape), rows, standing, allowed, takes }
        }
    };
    let reply = reply.expect("it is answered");
    let told = rows(&reply);
    if answer.takes_something() && play.naive.is_blocked(key, NORMAL) {
        is_queued(&told[0], &answer, None);
    } else {
        is_decided(&told[0], &answer.rows, play.naive.has_lower(key, NORMAL));
    }
    answer.shape.iter().for_each(|shape| assert_eq!(names(&reply)[0], limit_names(shape)));
    Some(reply)
}

/// How all keys stand is as the model says.
pub(super) fn standing(play: &mut Play) {
    for key in 0..KEYS.len() {
        peek_key(play, key, &Costs::default());
    }
}
