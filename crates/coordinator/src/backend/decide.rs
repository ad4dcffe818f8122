//! What a shard does with a command: the steps of the module's `src/commands`, on keys in memory.

use std::sync::Arc;

use rl_core::engine::forecast::{self as behind, Ahead, Claim, QuotaClaim};
use rl_core::fault::{Fault, Result as OrFault};
use rl_core::grammar::limit::{self as request, Request};
use rl_core::grammar::quota::{self as quota, Limits};
use rl_core::grammar::terms::Reserve;
use rl_core::limit::decision::Retry;
use rl_core::limit::effect::Effect;
use rl_core::limit::state::State;
use rl_core::queue::Lane;
use rl_core::quota::Quota;
use rl_core::quota::decide::{self, Demand, QuotaDecision};
use rl_core::quota::effect::{Admission, QuotaEffect as Change, Reserved};
use rl_core::quota::shape::{REQUESTS, Shape};
use rl_core::time::{At, Span};
use rl_core::value::Value;

use super::shard::Shard;
use crate::clock::Now;
use crate::command::{Command, Verb};
use crate::reply::{Failure, Quota as QuotaReply, Reply, Row};

/// How a request stands towards those who wait.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It comes, to this lane.
    Comes(Lane),
    /// It is its turn: nobody stands before it.
    First,
    /// It has waited in this lane, and does so no longer: it is told how things are, and takes nothing.
    Leaves(Lane),
}

/// What became of a request.
pub(super) enum Turn {
    /// It is answered.
    Answer(Reply),
    /// It is denied for so long, with this answer, and would take this.
    Denied(Span, Reply, Claim),
}

type Done = core::result::Result<Turn, Failure>;

impl Shard {
    /// Runs a command.
    pub(super) fn run(&mut self, command: &Command, standing: Standing, now: Now) -> Done {
        match command.verb() {
            Verb::Slide | Verb::Window | Verb::Bucket => self.limit(command, standing, now),
            Verb::Quota => self.quota(command, standing, now),
            Verb::Peek => Ok(Turn::Answer(self.peek(command, now)?)),
            Verb::Refund => Ok(Turn::Answer(self.refund(command, now)?)),
            Verb::Settle | Verb::Cancel | Verb::Renew => Ok(Turn::Answer(self.conclude(command, now)?)),
        }
    }

    /// One request against one limit.
    fn limit(&mut self, command: &Command, standing: Standing, now: Now) -> Done {
        let request = command.limit()?;
        let Request { rule, cost, .. } = request;
        let (key, clock) = (command.key(), now.wall);
        let held = self.keys.get(key, clock).map(Value::limit).transpose()?;
        let mut decision = match held {
            Some(state) => state.decide(&rule, cost, clock)?,
            None => State::decide_new(&rule, cost, clock),
        };
        let tell = |ahead: &mut dyn Iterator<Item = Ahead<'_>>| behind::limit(held, ahead, &request, clock);
        let behind = match standing {
            Standing::Comes(lane) if cost > 0 => self.behind(key, lane, now, tell),
            Standing::Leaves(lane) => {
                self.behind(key, lane, now, tell).or_else(|| Some(tell(&mut std::iter::empty())))
            }
            Standing::Comes(_) | Standing::First => None,
        };
        decision = behind.unwrap_or(decision);
        if decision.allowed && cost > 0 {
            let effect = Effect::Admit { rule, at: decision.at, cost };
            if !self.keys.has_room(key, clock) || !self.keys.change(key, &effect, clock)? {
                return Err(Failure::Full);
            }
        }
        let reply = Reply::Limit(Row::from(&decision));
        Ok(match decision.retry {
            Retry::After(ms) => Turn::Denied(Span::from_ms(ms), reply, Claim::Limit(request)),
            Retry::Now | Retry::Never => Turn::Answer(reply),
        })
    }

    /// One request against many limits.
    fn quota(&mut self, command: &Command, standing: Standing, now: Now) -> Done {
        let quota::QuotaRequest { limits, terms } = quota::quota(command)?;
        let (key, clock) = (command.key(), now.wall);
        let held = self.keys.get(key, clock).map(Value::quota).transpose();
        let reserve = terms.reserve;
        let given = reserve.and_then(|reserve| reserve.id);
        if let (Ok(Some(held)), Some(id)) = (&held, given)
            && let Some(reservation) = held.reservations().and_then(|all| all.get(id, held.now(clock)))
        {
            let (shape, verdict) = decide::repeated(held, reservation, clock);
            return Ok(Turn::Answer(reply(&shape, &verdict, Some(Some(id)))));
        }
        let shape = match &limits {
            Limits::Policy(name) => self.policies.get(name).cloned().ok_or(Fault::NoPolicy)?,
            Limits::Spelled(drafts) => match &held {
                Ok(Some(held)) if held.shape().is(drafts) => Arc::clone(held.shape()),
                _ => Shape::new(None, drafts)?,
            },
        };
        let held = held?;
        let (costs, ttl) = (terms.costs.by_limit(&shape), reserve.map(|reserve| reserve.ttl));
        decide::allow(held, &shape, ttl, clock)?;
        let mut verdict = decide::decide(held, &shape, &Demand { costs: &costs, ttl }, clock);
        let claim = QuotaClaim { shape: Arc::clone(&shape), costs: costs.clone(), ttl };
        if let Some(told) = self.line_up(key, held, &claim, &verdict, standing, now) {
            verdict = told;
        }
        if !verdict.allowed() {
            decide::deny(&mut verdict, held, &shape, clock);
            let answer = reply(&shape, &verdict, reserve.map(|_| None));
            return Ok(match verdict.retry() {
                Retry::After(ms) => Turn::Denied(Span::from_ms(ms), answer, Claim::Quota(claim)),
                Retry::Now | Retry::Never => Turn::Answer(answer),
            });
        }
        let made = if given.is_none() && ttl.is_some() { Some(id()?) } else { None };
        let id = given.or(made.as_deref().map(str::as_bytes));
        self.charge(key, claim, &verdict, reserve.zip(id), clock)?;
        Ok(Turn::Answer(reply(&shape, &verdict, reserve.map(|_| id))))
    }

    /// What one is answered who has to stand behind others, or who leaves the line.
    fn line_up(
        &self,
        key: &[u8],
        held: Option<&Quota>,
        claim: &QuotaClaim,
        verdict: &QuotaDecision,
        standing: Standing,
        now: Now,
    ) -> Option<QuotaDecision> {
        let (lane, leaves) = match standing {
            Standing::First => return None,
            Standing::Comes(lane) => (lane, false),
            // Who leaves takes nothing, though all of it may be there by now.
            Standing::Leaves(lane) => (lane, verdict.allowed()),
        };
        if !claim.takes() {
            return None;
        }
        let tell = |ahead: &mut dyn Iterator<Item = Ahead<'_>>| behind::quota(held, ahead, claim, now.wall);
        self.behind(key, lane, now, tell).or_else(|| leaves.then(|| tell(&mut std::iter::empty())))
    }

    /// Books what was admitted, and holds it where it is reserved.
    fn charge(
        &mut self,
        key: &[u8],
        claim: QuotaClaim,
        verdict: &QuotaDecision,
        reserve: Option<(Reserve<'_>, &[u8])>,
        clock: At,
    ) -> core::result::Result<(), Failure> {
        if !claim.takes() {
            return Ok(());
        }
        let QuotaDecision { rows, at } = verdict;
        let reserved = reserve.map(|(Reserve { ttl, .. }, id)| Reserved {
            id,
            expires: at.plus(ttl),
            answers: rows.iter().map(|row| (row.remaining, row.reset_after_ms)).collect(),
        });
        let QuotaClaim { shape, costs, .. } = claim;
        let change = Change::Admit(Admission { shape, at: *at, costs, reserved });
        let done = self.keys.has_room(key, clock) && self.keys.change(key, &change, clock)?;
        if done { Ok(()) } else { Err(Failure::Full) }
    }

    /// What a request would be answered, without making it.
    fn peek(&self, command: &Command, now: Now) -> OrFault<Reply> {
        let costs = quota::peek(command)?;
        let (key, clock) = (command.key(), now.wall);
        let lane = Lane::default();
        match self.keys.get(key, clock) {
            Some(Value::Limit(state)) => {
                if costs.iter().any(|(unit, _)| unit != REQUESTS) {
                    return Err(Fault::PeekSyntax);
                }
                let cost = costs.of(REQUESTS);
                let request = Request { rule: state.rule(), cost, wait: None };
                let tell = |ahead: &mut dyn Iterator<Item = Ahead<'_>>| {
                    behind::limit(Some(state), ahead, &request, clock)
                };
                let behind = (cost > 0).then(|| self.behind(key, lane, now, tell)).flatten();
                Ok(Reply::Limit(Row::from(&behind.unwrap_or_else(|| state.peek(cost, clock)))))
            }
            Some(Value::Quota(held)) => {
                let shape = self.in_force(held);
                // Where reservations are counted, it is asked whether one more would be admitted.
                let (costs, ttl) = (costs.by_limit(&shape), Some(Span::from_ms(1)));
                let peeked = decide::peek(held, &shape, &Demand { costs: &costs, ttl }, clock);
                let ttl = ttl.filter(|_| shape.counts_reservations());
                let claim = QuotaClaim { shape: Arc::clone(&shape), costs, ttl };
                let tell = |ahead: &mut dyn Iterator<Item = Ahead<'_>>| {
                    behind::quota(Some(held), ahead, &claim, clock)
                };
                let behind = claim.takes().then(|| self.behind(key, lane, now, tell)).flatten();
                Ok(reply(&shape, &behind.unwrap_or(peeked), None))
            }
            None => Ok(Reply::None),
        }
    }

    /// How a key stands, whoever waits for it, and by which algorithm.
    pub(super) fn fill(&self, key: &[u8], now: Now) -> Option<(&'static str, Reply)> {
        let clock = now.wall;
        Some(match self.keys.get(key, clock)? {
            Value::Limit(state) => (state.rule().algorithm(), Reply::Limit(Row::from(&state.peek(0, clock)))),
            Value::Quota(held) => {
                let shape = self.in_force(held);
                let verdict = decide::peek(held, &shape, &Demand { costs: &[], ttl: None }, clock);
                ("quota", reply(&shape, &verdict, None))
            }
        })
    }

    /// The limits that a quota is held to now: those that its policy has by now, if it still exists.
    fn in_force(&self, quota: &Quota) -> Arc<Shape> {
        let policy = quota.shape().policy().and_then(|name| self.policies.get(name.as_bytes()));
        Arc::clone(policy.unwrap_or_else(|| quota.shape()))
    }

    /// Gives back what was not used.
    fn refund(&mut self, command: &Command, now: Now) -> OrFault<Reply> {
        let cost = request::refund(command)?;
        let (key, clock) = (command.key(), now.wall);
        let Some(state) = self.keys.get(key, clock).map(Value::limit).transpose()? else {
            return Ok(Reply::Remaining(0));
        };
        if let Some(at) = state.refundable(clock).filter(|_| cost > 0) {
            self.keys.change(key, &Effect::Refund { at, cost }, clock)?;
            self.waiting.mark(super::shard::DB, key);
        }
        let state = self.keys.get(key, clock).map(Value::limit).transpose()?;
        Ok(Reply::Remaining(state.map_or(0, |state| state.peek(0, clock).remaining)))
    }

    /// What became of a reservation: whether it was open.
    fn conclude(&mut self, command: &Command, now: Now) -> OrFault<Reply> {
        let (key, clock) = (command.key(), now.wall);
        let id = quota::reservation(command)?;
        let Some(held) = self.keys.get(key, clock).map(Value::quota).transpose()? else {
            return Ok(Reply::Done(false));
        };
        let at = held.now(clock);
        if held.reservations().and_then(|all| all.get(id, at)).is_none() {
            return Ok(Reply::Done(false));
        }
        let change = match command.verb() {
            Verb::Settle => Change::Settle { id, at, used: quota::settle(command)?.1 },
            Verb::Renew => Change::Renew { id, at, expires: at.plus(quota::renew(command)?.1) },
            _ => Change::Cancel { id, at },
        };
        self.keys.change(key, &change, clock)?;
        self.waiting.mark(super::shard::DB, key);
        Ok(Reply::Done(true))
    }
}

/// An id that nobody can guess.
fn id() -> core::result::Result<String, Failure> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).map_err(|_| Failure::Strange)?;
    Ok(crate::hex::encode(&bytes))
}

/// Allowed, retry_after_ms, what blocks, a row for each limit; with `id` also that or none.
fn reply(shape: &Shape, verdict: &QuotaDecision, id: Option<Option<&[u8]>>) -> Reply {
    let name = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
    let names = || shape.limits().iter().map(|limit| name(limit.name.as_bytes()));
    let allowed = verdict.allowed();
    let blocking = names().zip(&verdict.rows).filter(|(_, row)| !row.allowed).map(|(name, _)| name);
    Reply::Quota(QuotaReply {
        allowed,
        retry_after_ms: if allowed { 0 } else { verdict.retry().reply() },
        blocking: blocking.collect(),
        limits: names().zip(verdict.rows.iter().map(Row::from)).collect(),
        reservation: id.map(|id| id.map(name)),
    })
}
