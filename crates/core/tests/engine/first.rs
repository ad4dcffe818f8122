//! `RL.FIRST`: the first of several quotas that has room, in the order given; each request once, and nobody is forgotten.

use std::sync::Arc;

use proptest::prelude::*;
use rl_core::engine::run::{Reply, run};
use rl_core::engine::serve::{self, Served, Server};
use rl_core::engine::{Standing, Turn};
use rl_core::grammar::request::{Command, Request};
use rl_core::memory::{DB, Memory, Now, Room};
use rl_core::queue::{Lane, Lines, Place, Position, Ticket, Waiter};
use rl_core::quota::name::Name;
use rl_core::quota::policies::Policies;
use rl_core::quota::shape::{Draft, Measure, Shape};
use rl_core::time::{At, Span};

use rl_core::limit::rule::Rule;
use rl_core::limit::slide::SlideRule;

use crate::common::{at, span};

const KEYS: [&str; 3] = ["a", "b", "c"];
const WINDOW: u64 = 100;
const LIMITS: [u64; 3] = [3, 5, 8];

/// A request: its words, the keys that it asks in its order, its cost and its lane.
#[derive(Clone, Debug)]
struct Ask {
    words: Vec<String>,
    keys: Vec<usize>,
    cost: u64,
    lane: Lane,
    is_first: bool,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Became {
    Waits,
    /// At which key, and when.
    Admitted(usize, u64),
    Denied,
}

struct World {
    memory: Memory<usize>,
    now: u64,
    asks: Vec<Ask>,
    became: Vec<Became>,
}

impl World {
    fn new() -> Self {
        let mut policies = Policies::new();
        for (key, limit) in KEYS.iter().zip(LIMITS) {
            let measure = Measure::Rate(Rule::Slide(SlideRule { limit, window: span(WINDOW) }));
            let draft = Draft { name: b"r", unit: b"requests", measure, is_shadow: false };
            policies.set(Shape::new(Name::new(key.as_bytes()).as_ref(), &[draft]).unwrap()).unwrap();
        }
        let memory = Memory::new(Arc::new(Room::new(10)), Arc::new(policies), || None);
        Self { memory, now: 1_000, asks: Vec::new(), became: Vec::new() }
    }

    fn run(&mut self, caller: usize, standing: Standing) -> Turn<Reply> {
        let ask = self.asks[caller].clone();
        let words: Vec<&[u8]> = ask.words.iter().map(String::as_bytes).collect();
        let command = if ask.is_first { Command::First } else { Command::Quota };
        let request = Request::read(command, words.as_slice()).unwrap();
        let names: Vec<&[u8]> = ask.keys.iter().map(|key| KEYS[*key].as_bytes()).collect();
        let now = Now { wall: at(self.now), steady: at(self.now) };
        run(&mut self.memory.at(now), &names, &request, standing).unwrap()
    }

    /// The key of an admission, by its reply.
    fn key(&self, caller: usize, reply: &Reply) -> Option<usize> {
        match reply {
            Reply::First(quota, at) => {
                assert_eq!(quota.allowed(), at.is_some());
                at.map(|at| self.asks[caller].keys[at])
            }
            Reply::Quota(quota) => quota.allowed().then(|| self.asks[caller].keys[0]),
            reply => panic!("{reply:?}"),
        }
    }

    fn note(&mut self, caller: usize, reply: &Reply) {
        assert_eq!(self.became[caller], Became::Waits, "it is answered once");
        self.became[caller] =
            self.key(caller, reply).map_or(Became::Denied, |key| Became::Admitted(key, self.now));
    }

    /// What is used of a key.
    fn used(&self, key: usize) -> u64 {
        let counts = |(ask, became): (&Ask, &Became)| match became {
            Became::Admitted(of, at) if *of == key && at + WINDOW > self.now => ask.cost,
            _ => 0,
        };
        self.asks.iter().zip(&self.became).map(counts).sum()
    }

    fn has_room(&self, key: usize, cost: u64) -> bool {
        self.used(key) + cost <= LIMITS[key]
    }

    /// Whether somebody of this lane or a higher one waits for a key.
    fn is_taken(&self, key: usize, lane: Lane) -> bool {
        self.asks.iter().zip(&self.became).any(|(ask, became)| {
            *became == Became::Waits && ask.lane <= lane && ask.keys.contains(&key) && ask.cost <= LIMITS[key]
        })
    }

    fn arrive(&mut self, ask: Ask, wait: Option<u64>, flow: u8) {
        let lane = ask.lane;
        // What it may be told, by the naive count: the first key with room that nobody stands at.
        let free = |key: &&usize| self.has_room(**key, ask.cost) && !self.is_taken(**key, lane);
        let expected = ask.keys.iter().find(free).copied();
        let (keys, is_first) = (ask.keys.clone(), ask.is_first);
        self.asks.push(ask);
        self.became.push(Became::Waits);
        let caller = self.asks.len() - 1;
        match self.run(caller, Standing::Newcomer(lane)) {
            Turn::Answer { reply, admitted, at } => {
                self.note(caller, &reply);
                assert_eq!(self.key(caller, &reply), expected);
                assert_eq!((admitted, at.is_some()), (expected.is_some(), is_first && expected.is_some()));
            }
            Turn::Wait { claims, .. } => {
                assert_eq!((expected, wait.is_some()), (None, true));
                let places = keys.iter().map(|key| place(*key)).collect();
                let flow = (flow > 0).then(|| format!("f{flow}"));
                let flow =
                    flow.map(|id| Box::new(rl_core::queue::Flow { id: id.as_bytes().into(), weight: None }));
                let position = Position { lane, flow, is_any: is_first };
                self.memory.lines.join(places, claims, position, at(self.now), span(wait.unwrap()), caller);
            }
        }
    }

    fn pass(&mut self, until: u64) {
        loop {
            serve::serve(self, true);
            let next = self.memory.lines.next(at(self.now));
            if next.is_some_and(|next| next.ms() <= self.now) {
                continue; // somebody has left, and others may be next
            }
            self.check();
            match next {
                Some(next) if next.ms() <= until => self.now = next.ms(),
                _ => break,
            }
        }
        self.now = until;
    }

    fn check(&self) {
        for (key, limit) in LIMITS.iter().enumerate() {
            assert!(self.used(key) <= *limit, "{} of {limit}", self.used(key));
            if let Some(ticket) = self.memory.lines.turn(&place(key), at(self.now)) {
                let caller = self.memory.lines.get(ticket).unwrap().what;
                assert!(
                    !self.has_room(key, self.asks[caller].cost),
                    "there is room for the first of the line"
                );
            }
        }
    }
}

fn place(key: usize) -> Place {
    Place { db: DB, key: KEYS[key].as_bytes().into() }
}

impl Server for World {
    type Waiter = usize;
    type Request = usize;
    type Answer = Reply;

    fn lines<T>(&mut self, look: impl FnOnce(&mut Lines<usize>) -> T) -> T {
        look(&mut self.memory.lines)
    }
    fn served(&mut self, ticket: Ticket, only: Option<usize>) -> Option<Waiter<usize>> {
        self.memory.served(ticket, only)
    }
    fn steady(&self) -> At {
        at(self.now)
    }
    fn lag(&self) -> Span {
        Span::default()
    }
    fn request(caller: &usize) -> Option<usize> {
        Some(*caller)
    }
    fn attempt(&mut self, caller: usize, standing: Standing) -> Option<Turn<Reply>> {
        Some(self.run(caller, standing))
    }
    fn answer(&mut self, waiter: Waiter<usize>, why: Served, reply: Reply) {
        self.note(waiter.what, &reply);
        let admitted = matches!(self.became[waiter.what], Became::Admitted(..));
        assert_eq!(admitted, why == Served::Admitted);
        assert!(why != Served::Refused, "what can be admitted is not refused");
    }
}

type Step = (Vec<usize>, u64, Option<u64>, (usize, u8), u64, bool);

fn step() -> impl Strategy<Value = Step> {
    let keys =
        prop_oneof![Just(vec![0, 1, 2]), Just(vec![2, 0]), Just(vec![1]), Just(vec![1, 2]), Just(vec![0])];
    let wait = prop_oneof![1 => Just(None), 3 => (1..400_u64).prop_map(Some)];
    (keys, 1..=4_u64, wait, (0..4_usize, 0..3_u8), 0..60_u64, any::<bool>())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 3 } else { 2_000 }))]

    #[test]
    fn each_once_where_it_fits_first(steps in prop::collection::vec(step(), 1..60)) {
        let mut world = World::new();
        for (keys, cost, wait, (lane, flow), pause, alone) in steps {
            let is_first = keys.len() > 1 || !alone;
            let named = |words: &mut Vec<String>| words.extend(keys.iter().map(|key| KEYS[*key].to_owned()));
            let mut words = vec!["RL.QUOTA".to_owned()];
            if is_first {
                words = vec!["RL.FIRST".to_owned(), keys.len().to_string()];
            }
            named(&mut words);
            words.push("POLICY".to_owned());
            named(&mut words);
            words.extend(["COST", "requests"].map(str::to_owned));
            words.push(cost.to_string());
            if let Some(ms) = wait {
                words.extend([String::from("WAIT"), format!("{ms}ms"), "PRIORITY".into(), lane.to_string()]);
            }
            let lane = if wait.is_some() { Lane::ALL[lane] } else { Lane::Normal };
            world.arrive(Ask { words, keys, cost, lane, is_first }, wait, flow);
            world.pass(world.now + pause);
        }
        world.pass(world.now + 1_000);
        prop_assert!(world.memory.lines.is_clear());
        prop_assert!(!world.became.contains(&Became::Waits), "nobody is forgotten");
    }
}
