//! Sixteen books beside the real engine, in virtual time: latencies, clocks that drift, and holders that crash.
//!
//! Every decision is logged in the millisecond in which it is made, and no window of the log may be over its limit.
//!
//! Over 300 lines: a world of holders, messages and a server has no part that is used alone.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_wrap,
    reason = "an overflow panics in a test, and so the test has failed, as it should"
)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use rl_core::engine::host::MadeId;
use rl_core::engine::run::run;
use rl_core::engine::{Standing, Turn};
use rl_core::memory::{Memory, Now, Room};
use rl_core::queue::Lane;
use rl_core::time::{At, Span};

use super::{Book, Decision, Identity, Outcome, Settlement, Terms, Work, wish, words};
use crate::command::{Command, Verb};
use crate::reply::{Quota, Reply};

pub(super) const HOLDERS: usize = 16;
/// When the server's clock begins: at the start of a minute, so at the start of a fixed window.
const BEGIN: i64 = 1_764_000_000_000;

struct Random(u64);

impl Random {
    fn below(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % most.max(1)
    }
}

/// What is on its way to the server or back.
enum Message {
    Fetch(Arc<Identity>, u64, At, Command),
    Fetched(Arc<Identity>, u64, At, Quota),
    Settle(Command),
    Plain,
    Answer(Quota),
}

struct Holder {
    book: Book<()>,
    /// Counts crashes: what comes for an earlier one is lost.
    life: u64,
    drift: i64,
    /// How often each request that waits has waited.
    waiting: Vec<u32>,
    admitted: Vec<u64>,
    /// Requests that are due, in parts of a million.
    due: u64,
}

#[derive(Clone, Copy)]
pub(super) struct Scene {
    pub(super) limit: u64,
    pub(super) window_ms: u64,
    pub(super) algorithm: &'static str,
    /// Requests in 1000 seconds, of all holders.
    pub(super) demand: u64,
    pub(super) ms: u64,
    pub(super) ttl_ms: u64,
    pub(super) latency_ms: u64,
    pub(super) crashes: bool,
    pub(super) seed: u64,
}

pub(super) struct World {
    scene: Scene,
    now: u64,
    random: Random,
    memory: Memory<()>,
    holders: Vec<Holder>,
    messages: BTreeMap<(u64, u64), (usize, u64, Message)>,
    sequence: u64,
    request: Command,
    /// What was admitted in each ms.
    pub(super) log: Vec<u64>,
    pub(super) commands: u64,
    pub(super) asked: u64,
}

fn make_id() -> Option<MadeId> {
    static MADE: AtomicU64 = AtomicU64::new(0);
    format!("{:032}", MADE.fetch_add(1, Relaxed)).into_bytes().try_into().ok()
}

fn command(verb: Verb, words: &[&[u8]]) -> Command {
    Command::new(verb, words.iter().copied(), []).unwrap()
}

impl World {
    pub(super) fn new(scene: Scene) -> Self {
        let room = Arc::new(Room::new(10));
        let mut random = Random(scene.seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        let terms = Terms { ttl: Span::from_ms(scene.ttl_ms), holders: HOLDERS as u64, keys: 10 };
        let holder = |_| Holder {
            book: Book::new(terms),
            life: 0,
            drift: i64::try_from(random.below(21)).unwrap() - 10,
            waiting: Vec::new(),
            admitted: Vec::new(),
            due: random.below(1_000_000),
        };
        let holders = (0..HOLDERS).map(holder).collect();
        let limit = format!("LIMIT a {} {}ms {}", scene.limit, scene.window_ms, scene.algorithm);
        let limit: Vec<&[u8]> =
            [&b"key"[..]].into_iter().chain(limit.split_whitespace().map(str::as_bytes)).collect();
        let request = command(Verb::Quota, &limit);
        let memory = Memory::new(room, Arc::default(), make_id);
        Self {
            scene,
            now: 0,
            random,
            memory,
            holders,
            messages: BTreeMap::new(),
            sequence: 0,
            request,
            log: vec![0; usize::try_from(scene.ms).unwrap() + 5_000],
            commands: 0,
            asked: 0,
        }
    }

    /// A holder's own steady clock.
    fn clock(&self, at: usize) -> At {
        let now = i64::try_from(self.now).unwrap();
        At::from_ms(1_000 + at as i64 + now + now * self.holders[at].drift / 1_000)
    }

    fn send(&mut self, at: usize, message: Message) {
        let rare = if self.random.below(200) == 0 { 10 } else { 1 };
        let then = self.now + self.random.below(self.scene.latency_ms * rare + 1);
        // A connection keeps the order of what is sent on it.
        self.sequence += 1;
        self.messages.insert((then, self.sequence), (at, self.holders[at].life, message));
    }

    fn serve(&mut self, command: &Command) -> Reply {
        self.commands += 1;
        let wall = At::from_ms(BEGIN + i64::try_from(self.now).unwrap());
        let now = Now { wall, steady: wall };
        let reply = command.with_request(|request| {
            run(&mut self.memory.at(now), &[b"key"], request, Standing::Newcomer(Lane::Normal))
        });
        let Turn::Answer { reply, .. } = reply.unwrap() else { panic!("nothing waits") };
        Reply::of(command.verb(), reply)
    }

    fn admit(&mut self, at: usize) {
        self.log[usize::try_from(self.now).unwrap()] += 1;
        let block = usize::try_from(self.now / 10_000).unwrap();
        let admitted = &mut self.holders[at].admitted;
        admitted.resize(admitted.len().max(block + 1), 0);
        admitted[block] += 1;
    }

    fn decide(&mut self, at: usize, round: u32) {
        let clock = self.clock(at);
        let book = &mut self.holders[at].book;
        let decision = wish(&self.request, |wish| book.decide(clock, &wish, round)).unwrap();
        match decision {
            Decision::Local(quota) if quota.allowed => self.admit(at),
            Decision::Local(_) => {}
            Decision::Wait(()) => self.holders[at].waiting.push(round + 1),
            Decision::Plain(settlements) => {
                settlements.iter().for_each(|settlement| self.settle(at, settlement));
                self.send(at, Message::Plain);
            }
        }
        self.work(at);
    }

    fn settle(&mut self, at: usize, settlement: &Settlement) {
        let mut all = vec!["key".to_owned(), settlement.id.clone()];
        for (unit, used) in settlement.used.iter() {
            all.extend(["COST".into(), String::from_utf8(unit.to_vec()).unwrap(), used.to_string()]);
        }
        let all: Vec<&[u8]> = all.iter().map(String::as_bytes).collect();
        self.send(at, Message::Settle(command(Verb::Settle, &all)));
    }

    /// Sends what a book wants sent.
    fn work(&mut self, at: usize) {
        for work in self.holders[at].book.take_work() {
            match work {
                Work::Settle(settlement) => self.settle(at, &settlement),
                Work::Fetch(identity, number) => {
                    let sent = self.clock(at);
                    let order = self.holders[at].book.order(sent, &identity, number, None);
                    let Ok(order) = order else { continue };
                    let more: Vec<String> = order.costs.iter().map(|(_, n)| n.to_string()).collect();
                    let ttl = format!("{}ms", order.ttl.ms());
                    let mut all: Vec<&[u8]> = words(&identity).collect();
                    all.extend([b"COST", &b"requests"[..], more[0].as_bytes()]);
                    all.extend([b"UPTO", &b"LEASE"[..], ttl.as_bytes()]);
                    let command = command(Verb::Quota, &all);
                    self.send(at, Message::Fetch(identity, number, sent, command));
                }
            }
        }
    }

    fn deliver(&mut self, at: usize, life: u64, message: Message) {
        let is_alive = self.holders[at].life == life;
        match message {
            Message::Fetch(identity, number, sent, command) => {
                let Reply::Quota(quota) = self.serve(&command) else { panic!() };
                if is_alive {
                    self.send(at, Message::Fetched(identity, number, sent, quota));
                }
            }
            Message::Settle(command) => {
                self.serve(&command);
            }
            Message::Plain => {
                let request = std::mem::replace(&mut self.request, command(Verb::Cancel, &[b"key", b"x"]));
                let Reply::Quota(quota) = self.serve(&request) else { panic!() };
                self.request = request;
                if quota.allowed {
                    self.admit(at);
                }
                if is_alive {
                    self.send(at, Message::Answer(quota));
                }
            }
            Message::Answer(quota) if is_alive => {
                let clock = self.clock(at);
                let book = &mut self.holders[at].book;
                wish(&self.request, |wish| book.noted(clock, &wish, &quota)).unwrap();
            }
            Message::Fetched(identity, number, sent, quota) if is_alive => {
                let clock = self.clock(at);
                self.holders[at].book.fetched((sent, clock), &identity, number, Outcome::Reply(quota));
                self.work(at);
                for round in std::mem::take(&mut self.holders[at].waiting) {
                    self.decide(at, round);
                }
            }
            Message::Answer(_) | Message::Fetched(..) => {}
        }
    }

    pub(super) fn run(mut self) -> Self {
        while self.now < self.scene.ms {
            while let Some(entry) = self.messages.first_entry().filter(|entry| entry.key().0 <= self.now) {
                let (at, life, message) = entry.remove();
                self.deliver(at, life, message);
            }
            for at in 0..HOLDERS {
                if self.scene.crashes && self.random.below(4_000) == 0 {
                    let terms = Terms { ttl: Span::from_ms(self.scene.ttl_ms), holders: 16, keys: 10 };
                    let holder = &mut self.holders[at];
                    (holder.book, holder.life, holder.waiting) =
                        (Book::new(terms), holder.life + 1, Vec::new());
                }
                let each = self.scene.demand / HOLDERS as u64;
                self.holders[at].due += each / 2 + self.random.below(each + 1);
                while self.holders[at].due >= 1_000_000 {
                    self.holders[at].due -= 1_000_000;
                    self.asked += 1;
                    self.decide(at, 0);
                }
                if self.now.is_multiple_of(5) {
                    let clock = self.clock(at);
                    self.holders[at].book.tick(clock);
                    self.work(at);
                }
            }
            self.now += 1;
        }
        self.is_within();
        self
    }

    pub(super) fn admitted(&self) -> u64 {
        self.log.iter().sum()
    }

    /// Fails if some window of the log is over its limit.
    fn is_within(&self) {
        let Scene { limit, window_ms, algorithm, .. } = self.scene;
        let window = usize::try_from(window_ms).unwrap();
        if algorithm == "WINDOW" {
            self.log.chunks(window).for_each(|all| assert!(all.iter().sum::<u64>() <= limit));
        } else if algorithm.starts_with("BUCKET") {
            let capacity: u64 = algorithm.split(' ').nth(1).unwrap().parse().unwrap();
            let mut level = capacity * window_ms;
            for used in &self.log {
                level = (level + limit).min(capacity * window_ms);
                level = level.checked_sub(used * window_ms).expect("the bucket is overdrawn");
            }
        } else {
            let mut sum = 0;
            for at in 0..self.log.len() {
                sum += self.log[at];
                sum -= at.checked_sub(window).map_or(0, |old| self.log[old]);
                assert!(sum <= limit, "{sum} of {limit} at {at} ms");
            }
        }
    }

    /// The largest difference of two holders in ten seconds, in thousandths of their mean.
    pub(super) fn unfairness(&self, from: usize) -> u64 {
        let blocks = usize::try_from(self.scene.ms / 10_000).unwrap();
        let worst = (from..blocks).map(|block| {
            let all: Vec<u64> = self.holders.iter().map(|holder| holder.admitted[block]).collect();
            let (most, least, sum) =
                (all.iter().max().unwrap(), all.iter().min().unwrap(), all.iter().sum::<u64>());
            (most - least) * 1_000 * HOLDERS as u64 / sum.max(1)
        });
        worst.max().unwrap_or(0)
    }
}
