//! A line that knows no timers: at each millisecond all who wait are sorted, and the first are tried.

use rl_core::fault::Fault;

use super::ask::Ask;
use super::model::{Answers, Model};

/// One that waits.
#[derive(Clone)]
pub(crate) struct Waiter {
    pub(crate) caller: usize,
    pub(crate) ask: Ask,
    pub(crate) since: u64,
    pub(crate) deadline: u64,
    /// How often policies had changed when it came.
    pub(crate) policies: usize,
    /// The keys in whose lines it stands, as it was found when it was last tried.
    pub(crate) lines: Vec<usize>,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Became {
    Admitted,
    Denied,
    Waits,
    Refused,
    Failed(Fault),
    TimedOut,
    Left,
}

/// What became of whom, and when by the steady clock.
pub(crate) type Entry = (u64, usize, Became);

/// A model whose requests wait.
#[derive(Clone, Default)]
pub(crate) struct Naive {
    pub(crate) model: Model,
    /// In the order in which they came.
    pub(crate) waiting: Vec<Waiter>,
    pub(crate) aging: Option<u64>,
    /// How often policies have changed.
    pub(crate) policies: usize,
    pub(crate) steady: u64,
    pub(crate) wall: u64,
    pub(crate) log: Vec<Entry>,
}

impl Naive {
    pub(crate) fn note(&mut self, caller: usize, became: Became) {
        self.log.push((self.steady, caller, became));
    }

    fn lane(&self, waiter: &Waiter) -> usize {
        let risen = self.aging.map_or(0, |aging| (self.steady - waiter.since) / aging);
        waiter.ask.lane.saturating_sub(risen.min(3) as usize)
    }

    /// Whether a request to a lane must queue in the line of a key.
    pub(crate) fn is_blocked(&self, key: usize, lane: usize) -> bool {
        self.waiting.iter().any(|waiter| waiter.lines.contains(&key) && self.lane(waiter) <= lane)
    }

    /// Whether others may be served before a request that does not have to stand behind them.
    pub(crate) fn has_lower(&self, key: usize, lane: usize) -> bool {
        self.waiting.iter().any(|waiter| waiter.lines.contains(&key) && self.lane(waiter) > lane)
    }

    /// Lets a millisecond pass.
    pub(crate) fn pass(&mut self) {
        self.steady += 1;
        self.wall += 1;
        self.serve();
    }

    /// Admits all waiters that may be admitted, and times out the others at their end.
    pub(crate) fn serve(&mut self) {
        loop {
            while self.try_all() {}
            let now = self.steady;
            let over: Vec<usize> = self
                .waiting
                .iter()
                .filter(|waiter| waiter.deadline <= now)
                .map(|waiter| waiter.caller)
                .collect();
            if over.is_empty() {
                return;
            }
            over.into_iter().for_each(|caller| self.time_out(caller));
        }
    }

    /// Ends a wait. A request that takes nothing by now is admitted all the same.
    fn time_out(&mut self, caller: usize) {
        let at = self.waiting.iter().position(|waiter| waiter.caller == caller).unwrap();
        let ask = self.waiting.remove(at).ask;
        let became = match self.model.ask(&ask, self.wall) {
            Ok(answers) if answers.allowed() && answers.lines(&ask).is_empty() => {
                self.model.charge(&ask, &answers, ask.id(), self.wall);
                Became::Admitted
            }
            Ok(_) | Err(_) => Became::TimedOut,
        };
        self.note(caller, became);
    }

    /// Tries the waiters that are first in all of their lines. Returns whether one has left or moved.
    fn try_all(&mut self) -> bool {
        let mut order: Vec<usize> = (0..self.waiting.len()).collect();
        order.sort_by_key(|at| (self.lane(&self.waiting[*at]), *at));
        let mut taken: Vec<usize> = Vec::new();
        for at in order {
            let waiter = self.waiting[at].clone();
            let is_first = !waiter.lines.iter().any(|key| taken.contains(key));
            taken.extend(&waiter.lines);
            if !is_first {
                continue;
            }
            let became = match self.model.ask(&waiter.ask, self.wall) {
                Err(fault) => Became::Failed(fault),
                Ok(answers) if answers.allowed() => {
                    self.model.charge(&waiter.ask, &answers, waiter.ask.id(), self.wall);
                    Became::Admitted
                }
                Ok(answers) if is_never(&answers) => Became::Refused,
                Ok(answers) => {
                    let lines = answers.lines(&waiter.ask);
                    if lines == waiter.lines {
                        continue;
                    }
                    self.waiting[at].lines = lines;
                    return true;
                }
            };
            self.waiting.remove(at);
            self.note(waiter.caller, became);
            return true;
        }
        false
    }

    /// In how many ms a request would be admitted if it joined the line now, and no other came.
    pub(crate) fn admitted_in(&self, ask: &Ask, lines: Vec<usize>, most: u64) -> Option<u64> {
        let mut copy = self.clone();
        let caller = usize::MAX;
        copy.log.clear();
        let (since, deadline, policies) = (copy.steady, u64::MAX, copy.policies);
        copy.waiting.push(Waiter { caller, ask: ask.clone(), since, deadline, policies, lines });
        copy.serve();
        for ms in 0..=most {
            if copy.log.iter().any(|(_, other, became)| *other == caller && *became == Became::Admitted) {
                return Some(ms);
            }
            copy.pass();
        }
        None
    }
}

/// Whether a request is never admitted by the limits that it is asked for.
pub(crate) fn is_never(answers: &Answers) -> bool {
    match answers {
        Answers::Repeated(_) => false,
        Answers::New(answers) => {
            let rows = answers.iter().flat_map(|answer| &answer.rows);
            rows.into_iter().any(|row| row.retry == rl_core::limit::decision::Retry::Never)
        }
    }
}
