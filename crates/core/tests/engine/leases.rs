//! Leases, on a primary with a replica: what is answered beside a model that asks each millisecond, and what holders can
//! really use, whatever they do.

use proptest::prelude::*;
use rl_core::engine::run::{QuotaReply, Reply};
use rl_core::engine::{Standing, Turn};
use rl_core::grammar::request::{Command, Request};
use rl_core::limit::bucket::BucketRule;
use rl_core::limit::decision::{Decision, Retry};
use rl_core::limit::rule::Rule;
use rl_core::limit::slide::SlideRule;
use rl_core::limit::window::{Length, WindowRule};
use rl_core::memory::Now;
use rl_core::number::Decimal;
use rl_core::queue::Lane;
use rl_core::quota::policies::Policies;

use crate::common::{TODAY, at, by_algorithm, cases, span};
use crate::node::Node;

const NAMES: [&str; 3] = ["a", "b", "c"];

/// How far the model looks ahead.
const FAR: u64 = 2_000;

/// A lease that is open, by the model.
#[derive(Clone, Debug)]
struct Lease {
    id: String,
    end: u64,
    costs: Vec<u64>,
}

/// What a key has counted: charges of each limit, and leases.
#[derive(Clone)]
struct Model {
    rules: Vec<Rule>,
    charges: Vec<Vec<(u64, u64)>>,
    leases: Vec<Lease>,
}

impl Model {
    /// When a lease is charged to a limit if nobody settles it.
    fn charged(rule: &Rule, end: u64) -> u64 {
        if matches!(rule, Rule::Window(_)) { end - 1 } else { end }
    }

    fn row(&self, index: usize, cost: u64, now: u64) -> Decision {
        let rule = &self.rules[index];
        let mut charges = self.charges[index].clone();
        let ended = self.leases.iter().filter(|lease| lease.end <= now);
        charges.extend(ended.map(|lease| (Self::charged(rule, lease.end), lease.costs[index])));
        charges.sort_unstable();
        let open = self.leases.iter().filter(|lease| lease.end > now).map(|lease| lease.costs[index]);
        let mut oracle = by_algorithm::Oracle::new(rule);
        charges.iter().filter(|(_, cost)| *cost > 0).for_each(|(at, cost)| oracle.charge(rule, *cost, *at));
        oracle.decide(rule, cost + open.sum::<u64>(), now)
    }

    fn admits(&self, index: usize, cost: u64, now: u64) -> bool {
        cost == 0 || self.row(index, cost, now).allowed
    }

    fn remaining(&self, index: usize, now: u64) -> u64 {
        (1..=self.rules[index].quota()).take_while(|cost| self.admits(index, *cost, now)).count() as u64
    }

    fn retry(&self, index: usize, cost: u64, now: u64) -> Retry {
        if self.admits(index, cost, now) {
            return Retry::Now;
        }
        if cost > self.rules[index].quota() {
            return Retry::Never;
        }
        Retry::After((1..FAR).find(|ms| self.admits(index, cost, now + ms)).expect("it is admitted one day"))
    }

    fn reset(&self, index: usize, now: u64) -> u64 {
        let full = |ms: &u64| self.admits(index, self.rules[index].quota(), now + ms);
        (0..FAR).find(full).expect("it is full one day")
    }

    /// Charges what has ended, as time passes.
    fn pass(&mut self, now: u64) {
        self.leases.sort_by_key(|lease| lease.end);
        while self.leases.first().is_some_and(|lease| lease.end <= now) {
            let lease = self.leases.remove(0);
            self.charge(lease.end, &lease.costs, true);
        }
    }

    fn charge(&mut self, now: u64, costs: &[u64], is_end: bool) {
        for (index, rule) in self.rules.iter().enumerate() {
            let at = if is_end { Self::charged(rule, now) } else { now };
            self.charges[index].push((at, costs[index]));
        }
    }

    fn lease_end(&self, costs: &[u64], now: u64, ttl: u64) -> u64 {
        let windows = self.rules.iter().zip(costs).filter(|(_, cost)| **cost > 0);
        windows.filter_map(|(rule, _)| window_end(rule, now)).chain([now + ttl]).min().unwrap()
    }
}

/// The end of the fixed window of an instant.
fn window_end(rule: &Rule, now: u64) -> Option<u64> {
    let Rule::Window(WindowRule { length: Length::Span(length), .. }) = rule else { return None };
    Some((now / length.ms() + 1) * length.ms())
}

/// A key with the words of its limits: as they are, and with more of each. Requests ask for either.
struct Key {
    node: Node<()>,
    variants: [(String, Vec<Rule>); 2],
    /// Which of them the last admission asked for.
    in_force: usize,
    asked: usize,
    model: Model,
    now: u64,
}

/// The words of limits.
fn clauses(rules: &[Rule]) -> String {
    let clause = |(rule, name): (&Rule, &str)| match rule {
        Rule::Slide(SlideRule { limit, window }) => {
            format!("LIMIT {name} {limit} {}ms UNIT {name} SLIDE", window.ms())
        }
        Rule::Window(WindowRule { limit, length: Length::Span(length), .. }) => {
            format!("LIMIT {name} {limit} {}ms UNIT {name} WINDOW", length.ms())
        }
        Rule::Window(_) => panic!("no months here"),
        Rule::Bucket(bucket) => format!(
            "LIMIT {name} {} {}ms UNIT {name} BUCKET {}",
            bucket.refill().mantissa,
            bucket.period().ms(),
            bucket.capacity()
        ),
    };
    rules.iter().zip(NAMES).map(clause).collect::<Vec<_>>().join(" ")
}

impl Key {
    fn new(rules: Vec<Rule>) -> Self {
        let more: Vec<Rule> =
            rules.iter().map(|rule| by_algorithm::with_limit(rule, rule.quota() + 3)).collect();
        let variants = [(clauses(&rules), rules.clone()), (clauses(&more), more)];
        let charges = rules.iter().map(|_| Vec::new()).collect();
        let model = Model { charges, rules, leases: Vec::new() };
        Self { node: Node::new(Policies::new()), variants, in_force: 0, asked: 0, model, now: TODAY }
    }

    /// Asks by one of the variants from now on.
    fn ask(&mut self, variant: usize) {
        self.asked = variant;
        self.model.rules.clone_from(&self.variants[variant].1);
    }

    fn run(&mut self, command: Command, words: &str) -> Reply {
        let words: Vec<&[u8]> = words.split(' ').map(str::as_bytes).collect();
        let request = Request::read(command, words.as_slice()).unwrap();
        let now = Now { wall: at(self.now), steady: at(self.now) };
        match self.node.run(&[b"q"], &request, Standing::Newcomer(Lane::Normal), now).unwrap() {
            Turn::Answer { reply, .. } => reply,
            Turn::Wait { .. } => panic!("it does not wait"),
        }
    }

    fn quota(&mut self, costs: &[u64], terms: &str) -> QuotaReply {
        let units = costs.iter().zip(NAMES).map(|(cost, name)| format!(" COST {name} {cost}"));
        let words = format!("RL.QUOTA q {}{}{terms}", self.variants[self.asked].0, units.collect::<String>());
        let Reply::Quota(reply) = self.run(Command::Quota, &words) else { panic!("a quota answers") };
        reply
    }

    /// Compares an answer with the model. A lease ends at `end`.
    fn check(&self, reply: &QuotaReply, costs: &[u64], end: Option<u64>) {
        let (model, now) = (&self.model, self.now);
        let admits: Vec<bool> =
            (0..costs.len()).map(|index| model.admits(index, costs[index], now)).collect();
        let allowed = admits.iter().all(|admits| *admits);
        assert_eq!(reply.allowed(), allowed, "{costs:?} at {}: {reply:?}", now - TODAY);
        let mut after = model.clone();
        match end {
            _ if !allowed => {}
            Some(end) => after.leases.push(Lease { id: String::new(), end, costs: costs.to_vec() }),
            None => after.charge(now, costs, false),
        }
        for (index, row) in reply.keys[0].1.rows.iter().enumerate() {
            assert_eq!(row.allowed, admits[index], "{index} {row:?}");
            assert_eq!(row.remaining, after.remaining(index, now), "{index} {row:?}");
            assert_eq!(row.retry, model.retry(index, costs[index], now), "{index} {row:?}");
            assert_eq!(row.reset_after_ms, after.reset(index, now), "{index} {row:?}");
        }
    }

    fn request(&mut self, costs: &[u64]) {
        let reply = self.quota(costs, "");
        self.check(&reply, costs, None);
        if reply.allowed() && costs.iter().any(|cost| *cost > 0) {
            self.in_force = self.asked;
            self.model.pass(self.now);
            self.model.charge(self.now, costs, false);
        }
    }

    /// Asks for a lease. Returns how much of each limit it holds, if it is granted.
    fn lease(&mut self, id: &str, costs: &[u64], ttl: u64, is_up_to: bool) -> Option<Vec<u64>> {
        let wanted: Vec<u64> = if is_up_to { self.share(costs) } else { costs.to_vec() };
        let up_to = if is_up_to { " UPTO" } else { "" };
        let reply = self.quota(costs, &format!("{up_to} LEASE {ttl}ms ID {id}"));
        let end = self.model.lease_end(&wanted, self.now, ttl);
        self.check(&reply, &wanted, Some(end));
        if let Some(granted) = &reply.granted {
            let told = |name: &str| granted.iter().find(|(unit, _)| unit.as_bytes() == name.as_bytes());
            let told: Vec<u64> =
                NAMES.iter().zip(costs).map(|(name, _)| told(name).map_or(0, |(_, n)| *n)).collect();
            assert_eq!(told, if reply.allowed() { wanted.clone() } else { vec![0; costs.len()] });
        }
        assert_eq!(reply.granted.is_some(), is_up_to);
        if !reply.allowed() {
            return None;
        }
        self.in_force = self.asked;
        self.model.pass(self.now);
        self.model.leases.push(Lease { id: id.to_owned(), end, costs: wanted.clone() });
        // When nobody knows the algorithms, the shortest of ttl and resets is the end.
        let rows = reply.keys[0].1.rows.iter().zip(&wanted).filter(|(_, cost)| **cost > 0);
        let known = rows.map(|(row, _)| row.reset_after_ms).chain([ttl]).min();
        assert_eq!(known, Some(end - self.now), "a holder can tell when its lease ends");
        Some(wanted)
    }

    /// The largest share that fits, by trying all of them.
    fn share(&self, costs: &[u64]) -> Vec<u64> {
        let free: Vec<u64> = (0..costs.len()).map(|index| self.model.remaining(index, self.now)).collect();
        if costs.iter().zip(&free).any(|(cost, free)| *cost > 0 && *free == 0) {
            return costs.iter().map(|cost| (*cost).min(1)).collect();
        }
        let parts = costs.iter().zip(&free).filter(|(cost, _)| **cost > 0);
        let parts = parts.map(|(cost, free)| (*cost.min(free), *cost)).chain([(1, 1)]);
        let (part, whole) = parts.min_by(|(a, b), (c, d)| (a * d).cmp(&(c * b))).unwrap();
        costs.iter().map(|cost| if *cost > 0 { (cost * part / whole).max(1) } else { 0 }).collect()
    }

    /// Ends a lease. Returns whether it was open.
    fn end(&mut self, id: &str, used: &[u64]) -> bool {
        let units = used.iter().zip(NAMES).map(|(cost, name)| format!(" COST {name} {cost}"));
        let words = format!("RL.SETTLE q {id}{}", units.collect::<String>());
        let done = self.run(Command::Settle, &words) == Reply::Done(true);
        let open = self.model.leases.iter().position(|lease| lease.id == id && lease.end > self.now);
        assert_eq!(done, open.is_some(), "{id} at {}", self.now - TODAY);
        if let Some(open) = open {
            self.model.leases.remove(open);
            self.model.pass(self.now);
            self.model.charge(self.now, used, false);
        }
        done
    }

    fn renew(&mut self, id: &str, ttl: u64) {
        let done = self.run(Command::Renew, &format!("RL.RENEW q {id} {ttl}ms")) == Reply::Done(true);
        let open = self.model.leases.iter().position(|lease| lease.id == id && lease.end > self.now);
        assert_eq!(done, open.is_some());
        if let Some(open) = open {
            let end = self.model.lease_end(&self.model.leases[open].costs, self.now, ttl);
            self.model.leases[open].end = end;
            self.model.pass(self.now);
        }
    }

    fn peek(&mut self) {
        self.ask(self.in_force);
        match self.run(Command::Peek, "RL.PEEK q COST a 0") {
            Reply::Quota(reply) => {
                for (index, row) in reply.keys[0].1.rows.iter().enumerate() {
                    assert_eq!(row.remaining, self.model.remaining(index, self.now), "peek {index}");
                    assert_eq!(row.reset_after_ms, self.model.reset(index, self.now), "peek {index}");
                }
            }
            Reply::Nothing => {
                for index in 0..self.model.rules.len() {
                    assert_eq!(self.model.reset(index, self.now), 0, "a key lives as long as it counts");
                }
            }
            other => panic!("{other:?}"),
        }
    }
}

fn rules() -> impl Strategy<Value = Vec<Rule>> {
    let window = || prop_oneof![2_u64..60, Just(100)];
    let rule = prop_oneof![
        (1_u64..12, window()).prop_map(|(limit, window)| SlideRule { limit, window: span(window) }.into()),
        (1_u64..12, window()).prop_map(|(limit, window)| {
            WindowRule { limit, length: Length::Span(span(window)), offset: 0 }.into()
        }),
        (1_u64..12, 1_u64..9, window()).prop_map(|(capacity, refill, period)| {
            BucketRule::new(capacity, Decimal { mantissa: refill, scale: 0 }, span(period)).unwrap().into()
        }),
    ];
    prop::collection::vec(rule, 1..=3)
}

proptest! {
    #![proptest_config(cases(10_000))]

    #[test]
    fn leases_are_answered_as_the_model_says(
        rules in rules(),
        steps in prop::collection::vec((0_u8..10, 0_u64..40, 0_u64..14, any::<u64>()), 1..25),
    ) {
        let mut key = Key::new(rules);
        let mut ids: Vec<(String, Vec<u64>)> = Vec::new();
        for (turn, (what, ms, cost, dice)) in steps.into_iter().enumerate() {
            key.now += ms;
            let costs: Vec<u64> = (0..key.model.rules.len()).map(|index| (cost + (dice >> index & 1)) % 13).collect();
            key.ask((dice >> 40 & 1) as usize);
            let picked = ids.get(dice as usize % ids.len().max(1)).cloned();
            match (what, picked) {
                (0 | 1, _) => key.request(&costs),
                (2..=4, _) => {
                    let id = format!("l{turn}");
                    let granted = key.lease(&id, &costs, 1 + dice % 70, what == 4);
                    ids.extend(granted.map(|granted| (id, granted)));
                }
                (5 | 6, Some((id, granted))) => {
                    let used: Vec<u64> = granted.iter().map(|n| n.min(&(dice % 13)) + u64::from(dice % 17 == 0)).collect();
                    key.end(&id, &used);
                }
                (7, Some((id, _))) => key.renew(&id, 1 + dice % 50),
                _ => key.peek(),
            }
        }
    }

    /// Holders use their permits at any moment until their leases end by their own clocks, settle late, too much or never.
    /// What is really used never exceeds a limit.
    #[test]
    fn holders_never_use_more_than_the_limit(
        rules in rules(),
        steps in prop::collection::vec((0_u8..8, 0_u64..30, 1_u64..14, any::<u64>()), 1..40),
    ) {
        let rules: Vec<Rule> = rules.into_iter().take(1).collect();
        let (rule, mut key) = (rules[0], Key::new(rules));
        let mut used: Vec<(u64, u64)> = Vec::new();
        for (turn, (what, ms, cost, dice)) in steps.into_iter().enumerate() {
            key.now += ms;
            if what < 2 {
                if key.quota(&[cost], "").allowed() {
                    used.push((key.now, cost));
                }
                continue;
            }
            // The holder sent its request before, and its clock may be slow by 1 %, so it ends 2 % sooner by it.
            let (ttl, way) = (1 + dice % 90, dice >> 8 & 3);
            let reply = key.quota(&[cost], &format!(" UPTO LEASE {ttl}ms ID l{turn}"));
            let Some((_, granted)) = reply.granted.as_ref().and_then(|granted| granted.first()).cloned() else { continue };
            let lasts = ttl.min(reply.keys[0].1.rows[0].reset_after_ms);
            let by_its_clock = (lasts - lasts.min(lasts.div_ceil(50) + way)) * 101 / 100;
            let end = key.now + by_its_clock;
            let mut left = granted;
            let start = key.now;
            // It settles within its time, or never does: then it has crashed, perhaps after having used all.
            let settles = (dice >> 16 & 3 > 0).then(|| start + (dice >> 20) % (by_its_clock + 1));
            let last = settles.unwrap_or(end);
            for part in 0..3_u32 {
                let share = left.min(dice.rotate_right(part * 7) % (granted + 1));
                if last > start && share > 0 {
                    used.push((start + dice.rotate_left(part * 11) % (last - start), share));
                    left -= share;
                }
            }
            if let Some(then) = settles {
                // Others come meanwhile.
                let middle = start + (then - start) / 2;
                key.now = middle;
                if key.quota(&[1 + dice % 3], "").allowed() {
                    used.push((middle, 1 + dice % 3));
                }
                key.now = then;
                key.run(Command::Settle, &format!("RL.SETTLE q l{turn} COST a {}", granted - left));
            }
        }
        used.sort_unstable();
        for (from, (begin, _)) in used.iter().enumerate() {
            let mut sum = 0_u128;
            for (then, cost) in &used[from..] {
                sum += u128::from(*cost);
                let fits = match rule {
                    Rule::Slide(SlideRule { limit, window }) => {
                        then - begin >= window.ms() || sum <= u128::from(limit)
                    }
                    Rule::Window(WindowRule { limit, .. }) => {
                        window_end(&rule, *then) != window_end(&rule, *begin) || sum <= u128::from(limit)
                    }
                    Rule::Bucket(bucket) => {
                        let (period, refill) = (u128::from(bucket.period().ms()), u128::from(bucket.refill().mantissa));
                        sum * period
                            <= u128::from(bucket.capacity()) * period + refill * u128::from(then - begin)
                    }
                };
                prop_assert!(fits, "{sum} from {} to {}: {used:?}", begin - TODAY, then - TODAY);
            }
        }
    }
}
