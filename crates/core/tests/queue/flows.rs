//! Flows share a lane by weight and by cost, whatever comes, leaves and rises; and nobody stands still.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use rl_core::grammar::limit::Request;
use rl_core::grammar::policy::setting;
use rl_core::limit::rule::Rule;
use rl_core::limit::slide::SlideRule;
use rl_core::queue::flow_row::{longest, rows};
use rl_core::queue::{Claim, Claims, Flow, Lane, Lines, Place, Position, QuotaClaim, Ticket, Waiter};
use rl_core::quota::flow_weights::FlowWeights;
use rl_core::quota::policies::Policies;
use rl_core::quota::policy_entry::PolicyEntry;
use rl_core::quota::shape::Shape;
use rl_core::time::{At, Span};

const FLOWS: usize = 4;
const COST_MAX: u64 = 1_000;
const WEIGHTS: [u16; FLOWS] = [1, 1, 3, 1_000];
/// A multiple of all weights.
const SCALE: i64 = 3_000;

fn at(ms: u64) -> At {
    At::new(ms).unwrap()
}

fn place(key: usize) -> Place {
    Place { db: 0, key: vec![u8::try_from(key).unwrap()].into() }
}

/// Who gives a flow its weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Request,
    Policy,
}

fn claims(keys: &[usize], cost: u64, by: By) -> Claims {
    let rule = Rule::Slide(SlideRule { limit: COST_MAX, window: Span::from_ms(1) });
    let claim = || match by {
        By::Request => Claim::Limit(Request { rule, cost, is_up_to: false, wait: None }),
        By::Policy => {
            let costs = [cost].into_iter().collect();
            Claim::Quota(QuotaClaim { shape: shape(), costs, ttl: None, is_lease: false })
        }
    };
    (0..keys.len()).map(|at| (at, claim())).collect()
}

/// The limits of the policy `p`.
fn shape() -> Arc<Shape> {
    let words = format!("RL.POLICY SET p LIMIT a {COST_MAX} 1ms");
    setting(words.split(' ').map(str::as_bytes).collect::<Vec<_>>().as_slice()).unwrap().shape
}

/// The policy `p`, which gives these weights to the flows, but for the one of no name.
fn policies(weights: [u16; FLOWS]) -> Policies {
    let mut flows = FlowWeights::new();
    (1..FLOWS).for_each(|flow| flows.add(&id(flow), weights[flow]).unwrap());
    let mut policies = Policies::new();
    policies.set_entry(&PolicyEntry { flows, ..shape().into() }).unwrap();
    policies
}

fn id(flow: usize) -> Arc<[u8]> {
    Arc::from(format!("f{flow}").as_bytes())
}

/// The first flow is the one of no name, whose weight is 1.
fn position(lane: usize, flow: usize, by: By) -> Position {
    let weight = (by == By::Request).then_some(WEIGHTS[flow]);
    let named = (flow > 0).then(|| Flow { id: id(flow), weight });
    Position { lane: Lane::ALL[lane], flow: named.map(Box::new), is_any: false }
}

/// What is kept of a waiter: its lane, its flow and its cost.
type Asked = (usize, usize, u64);

fn join(lines: &mut Lines<Asked>, keys: &[usize], asked: Asked, now: u64) -> Ticket {
    join_by(lines, keys, asked, now, By::Request)
}

fn join_by(lines: &mut Lines<Asked>, keys: &[usize], asked: Asked, now: u64, by: By) -> Ticket {
    let (lane, flow, cost) = asked;
    let places = keys.iter().map(|key| place(*key)).collect();
    lines.join(places, claims(keys, cost, by), position(lane, flow, by), at(now), Span::MAX, asked)
}

fn served(lines: &mut Lines<Asked>, ticket: Ticket) -> Option<Waiter<Asked>> {
    lines.served(ticket, None, &policies(WEIGHTS))
}

/// Serves so many, by these policies. Returns the flow of each.
fn serve(lines: &mut Lines<Asked>, count: usize, policies: &Policies) -> Vec<usize> {
    let mut next = || {
        let ticket = lines.turn(&place(0), at(0)).unwrap();
        lines.served(ticket, None, policies).unwrap().what.1
    };
    (0..count).map(|_| next()).collect()
}

/// What the flows of a lane have got.
#[derive(Default)]
struct Fluid {
    /// By pair, since both wait: how much more the first has got than the second, by weight; its least and its greatest.
    ahead: BTreeMap<(usize, usize), (i64, i64, i64)>,
    /// The largest request that each flow has made, by weight.
    largest: [i64; FLOWS],
}

impl Fluid {
    fn come(&mut self, flow: usize, cost: u64) {
        self.largest[flow] = self.largest[flow].max(by_weight(flow, cost));
    }

    /// Pairs of which both flows wait go on; other pairs begin anew.
    fn settle(&mut self, waits: impl Fn(usize) -> bool) {
        self.ahead.retain(|(first, second), _| waits(*first) && waits(*second));
        for pair in pairs().filter(|(first, second)| waits(*first) && waits(*second)) {
            self.ahead.entry(pair).or_default();
        }
    }

    fn serve(&mut self, flow: usize, cost: u64) {
        let got = by_weight(flow, cost);
        for ((first, second), (ahead, least, most)) in &mut self.ahead {
            if *first == flow {
                *ahead += got;
            } else if *second == flow {
                *ahead -= got;
            }
            (*least, *most) = ((*least).min(*ahead), (*most).max(*ahead));
            let bound = self.largest[*first] + self.largest[*second];
            let apart = *most - *least;
            assert!(apart <= bound, "{first} and {second}: {apart}, at most {bound}");
        }
    }
}

/// What a flow gets by a request of this cost, by weight.
fn by_weight(flow: usize, cost: u64) -> i64 {
    i64::try_from(cost).unwrap() * SCALE / i64::from(WEIGHTS[flow])
}

fn pairs() -> impl Iterator<Item = (usize, usize)> {
    (0..FLOWS).flat_map(|first| (first + 1..FLOWS).map(move |second| (first, second)))
}

/// A step: what happens, to which lane and flow, and the cost.
type Step = (u8, usize, usize, u64);

fn steps(most: usize) -> impl Strategy<Value = Vec<Step>> {
    let cost = prop_oneof![Just(1), Just(COST_MAX), 1..=COST_MAX];
    prop::collection::vec((0..8_u8, 0..4_usize, 0..FLOWS, cost), 1..most)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 10_000 }))]

    #[test]
    fn flows_of_a_lane_get_what_a_fluid_would_give_them(
        steps in steps(120), aging in 0..3_u64, by in prop_oneof![Just(By::Request), Just(By::Policy)],
    ) {
        let policies = policies(WEIGHTS);
        let mut lines = Lines::default();
        lines.set_aging((aging > 0).then(|| Span::from_ms(aging * 7)));
        let mut fluids: [Fluid; 4] = Default::default();
        let mut now = 0;
        let mut tickets: Vec<(Ticket, Asked)> = Vec::new();
        for (kind, lane, flow, cost) in steps {
            match kind {
                0..=3 => {
                    tickets.push((join_by(&mut lines, &[0], (lane, flow, cost), now, by), (lane, flow, cost)));
                    fluids[lane].come(flow, cost);
                }
                4 if !tickets.is_empty() => {
                    let (ticket, _) = tickets.remove(usize::try_from(cost).unwrap() % tickets.len());
                    prop_assert!(lines.leave(ticket).is_some());
                }
                5 => now += cost,
                _ => {
                    if let Some(ticket) = lines.turn(&place(0), at(now)) {
                        let (lane, flow, cost) = lines.served(ticket, None, &policies).unwrap().what;
                        tickets.retain(|(other, _)| *other != ticket);
                        fluids[lane].serve(flow, cost);
                    }
                }
            }
            for (lane, fluid) in fluids.iter_mut().enumerate() {
                let waits = |flow| tickets.iter().any(|(_, (l, f, _))| (*l, *f) == (lane, flow));
                fluid.settle(waits);
            }
            prop_assert!(lines.flows() <= 4 * (FLOWS - 1));
        }
        tickets.into_iter().for_each(|(ticket, _)| drop(lines.leave(ticket)));
        prop_assert!(lines.is_clear());
    }

    #[test]
    fn a_flow_that_begins_to_wait_stands_behind_one_request_of_each_flow_whoever_went_out_of_turn(steps in steps(60)) {
        let mut lines = Lines::default();
        let mut tickets: Vec<Ticket> = Vec::new();
        for (kind, lane, flow, cost) in steps {
            if kind < 5 || tickets.is_empty() {
                tickets.push(join(&mut lines, &[0], (lane, flow, cost), 0));
                continue;
            }
            let ticket = tickets.remove(usize::try_from(cost).unwrap() % tickets.len());
            prop_assert!(served(&mut lines, ticket).is_some());
        }
        for lane in 0..4 {
            let flow = Flow { id: Arc::from(&b"new"[..]), weight: Some(1) };
            let position = Position { lane: Lane::ALL[lane], flow: Some(Box::new(flow)), is_any: false };
            let new = lines.join([place(0)].into_iter().collect(), claims(&[0], 1, By::Request), position, at(0), Span::MAX, (lane, FLOWS, 1));
            let mut before = [0; FLOWS];
            while let Some(ticket) = lines.turn(&place(0), at(0)).filter(|ticket| *ticket != new) {
                let (other, flow, _) = served(&mut lines, ticket).unwrap().what;
                before[flow] += usize::from(other == lane);
            }
            prop_assert!(before.iter().all(|count| *count <= 1), "{before:?} before the new one");
            prop_assert!(served(&mut lines, new).is_some());
        }
    }

    #[test]
    fn what_is_said_of_the_order_is_the_order(steps in steps(60), aging in 0..3_u64) {
        let mut lines = Lines::default();
        lines.set_aging((aging > 0).then(|| Span::from_ms(aging * 7)));
        let (mut now, mut count) = (0, 0);
        for (kind, lane, flow, cost) in steps {
            match kind {
                0..=4 => {
                    join(&mut lines, &[0], (lane, flow, cost), now);
                }
                5 => now += cost % 20,
                _ => drop(lines.turn(&place(0), at(now)).and_then(|ticket| served(&mut lines, ticket))),
            }
            count = lines.len();
        }
        let said = lines.line(0, &place(0).key).map(|line| {
            let share = |ticket| u128::from(lines.get(ticket).unwrap().what.2) << 40;
            let share = |ticket: Ticket| {
                let (_, flow, _) = lines.get(ticket).unwrap().what;
                share(ticket) / u128::from(WEIGHTS[flow])
            };
            line.ahead(Lane::Low, at(now), lines.aging, usize::MAX, &share)
        });
        let said: Vec<Ticket> = said.unwrap_or_default().iter().map(|stand| stand.ticket).collect();
        prop_assert_eq!(said.len(), count);
        for ticket in said {
            prop_assert_eq!(lines.turn(&place(0), at(now)), Some(ticket));
            served(&mut lines, ticket).unwrap();
        }
        prop_assert!(lines.is_clear());
    }

    #[test]
    fn somebody_can_always_go(
        asks in prop::collection::vec((prop::collection::btree_set(0..4_usize, 1..4), 0..4_usize, 0..FLOWS, 1..=COST_MAX, 0..30_u64), 1..40),
        aging in 0..3_u64,
    ) {
        let mut lines = Lines::default();
        lines.set_aging((aging > 0).then(|| Span::from_ms(aging * 7)));
        let mut now = 0;
        for (keys, lane, flow, cost, pause) in asks {
            let keys: Vec<usize> = keys.into_iter().collect();
            join(&mut lines, &keys, (lane, flow, cost), now);
            now += pause;
            if pause > 20 && let Some(ticket) = (0..4).find_map(|key| lines.turn(&place(key), at(now))) {
                served(&mut lines, ticket).unwrap();
            }
        }
        while !lines.is_empty() {
            let turns: Vec<Option<Ticket>> = (0..4).map(|key| lines.turn(&place(key), at(now))).collect();
            let next = turns.iter().flatten().next();
            prop_assert!(next.is_some(), "nobody of {} goes", lines.len());
            served(&mut lines, *next.unwrap()).unwrap();
        }
        prop_assert!(lines.is_clear());
    }
}

#[test]
fn a_flood_does_not_stand_before_everybody() {
    let mut lines = Lines::default();
    for _ in 0..5_000 {
        join(&mut lines, &[0], (2, 1, 1), 0);
    }
    // Some of the flood is served, and then another flow comes: it is the next, and they take turns.
    (0..100).for_each(|_| drop(lines.turn(&place(0), at(0)).and_then(|ticket| served(&mut lines, ticket))));
    for _ in 0..3 {
        join(&mut lines, &[0], (2, 2, 3), 1);
    }
    let mut order = Vec::new();
    for _ in 0..6 {
        let ticket = lines.turn(&place(0), at(1)).unwrap();
        order.push(served(&mut lines, ticket).unwrap().what.1);
    }
    assert_eq!(order.iter().filter(|flow| **flow == 2).count(), 3, "{order:?}");
    assert_eq!(lines.flows(), 1, "a flow that owes nothing is forgotten");
    while let Some(ticket) = lines.turn(&place(0), at(1)) {
        served(&mut lines, ticket).unwrap();
    }
    assert!(lines.is_clear());
}

#[test]
fn a_flow_is_charged_by_the_weight_that_its_policy_gives_it_then() {
    let mut lines = Lines::default();
    for flow in [1, 2] {
        for _ in 0..60 {
            join_by(&mut lines, &[0], (2, flow, 10), 0, By::Policy);
        }
    }
    let count = |order: &[usize]| order.iter().filter(|flow| **flow == 2).count();
    let (even, triple) = (policies([1; FLOWS]), policies([1, 1, 3, 1]));
    let order = serve(&mut lines, 20, &even);
    assert_eq!(count(&order), 10, "{order:?}");
    // Those that wait already take the new weights, and what they were charged stays.
    let order = serve(&mut lines, 20, &triple);
    assert_eq!(count(&order), 15, "{order:?}");
    // A flow that the policy does not name any more has the weight 1, and so has one under no policy.
    let order = serve(&mut lines, 20, &Policies::new());
    assert_eq!(count(&order), 10, "{order:?}");
}

#[test]
fn the_weight_of_a_request_wins() {
    let mut lines = Lines::default();
    for flow in [1, 2] {
        let keys = std::iter::once(place(0)).collect::<rl_core::queue::Places>();
        for _ in 0..40 {
            let weight = (flow == 1).then_some(1);
            let position = Position {
                lane: Lane::Normal,
                flow: Some(Box::new(Flow { id: id(flow), weight })),
                is_any: false,
            };
            lines.join(keys.clone(), claims(&[0], 10, By::Policy), position, at(0), Span::MAX, (2, flow, 10));
        }
    }
    let order = serve(&mut lines, 20, &policies([1, 1_000, 3, 1]));
    assert_eq!(order.iter().filter(|flow| **flow == 2).count(), 15, "{order:?}");
}

#[test]
fn what_is_said_of_the_order_goes_by_the_weights_of_policies() {
    let mut lines = Lines::default();
    for (flow, cost) in [(1, 100), (1, 101), (1, 102), (2, 103), (2, 104), (2, 105)] {
        join_by(&mut lines, &[0], (2, flow, cost), 0, By::Policy);
    }
    let policies = policies([1, 1, 3, 1]);
    let said = lines.ahead((0, &place(0).key), Lane::Low, at(0), usize::MAX, &policies, |ahead| {
        let cost = |claim: &Claim| match claim {
            Claim::Limit(request) => request.cost,
            Claim::Quota(claim) => claim.costs[0],
        };
        ahead.map(|ahead| cost(ahead.claim)).collect::<Vec<_>>()
    });
    assert_eq!(said.unwrap(), [100, 103, 104, 105, 101, 102]);
    let mut order = Vec::new();
    while let Some(ticket) = lines.turn(&place(0), at(0)) {
        order.push(lines.served(ticket, None, &policies).unwrap().what.2);
    }
    assert_eq!(order, [100, 103, 104, 105, 101, 102]);
}

#[test]
fn the_longest_flows_are_told_first() {
    let mut lines = Lines::default();
    for (key, flow, count) in [(0, 1, 5), (0, 2, 9), (1, 1, 7), (2, 3, 9), (2, 0, 50)] {
        for _ in 0..count {
            join(&mut lines, &[key], (2, flow, 1), 0);
        }
    }
    let first = lines.turn(&place(1), at(0)).unwrap();
    served(&mut lines, first).unwrap();
    let told = |most: usize| {
        let rows = longest(lines.flow_rows(0, at(3)), most);
        rows.into_iter().map(|(key, row)| (key[0], row.id.to_vec(), row.waiting)).collect::<Vec<_>>()
    };
    let all = [(0, "f2", 9), (2, "f3", 9), (1, "f1", 6), (0, "f1", 5)];
    let all = all.map(|(key, flow, waiting)| (key, flow.as_bytes().to_vec(), waiting));
    for most in 0..6 {
        assert_eq!(told(most), all[..most.min(4)]);
    }
    let line = lines.line(0, &place(1).key).unwrap();
    let row = rows(line, at(3)).next().unwrap();
    assert_eq!((row.served, row.share_percent, row.waits), (1, 100, Span::from_ms(3)));
    // More flows than are sorted at once.
    let mut lines = Lines::default();
    for key in 0..200 {
        (0..=key).for_each(|_| {
            join(&mut lines, &[key], (2, 1, 1), 0);
        });
    }
    let rows = longest(lines.flow_rows(0, at(0)), 3);
    assert_eq!(rows.iter().map(|(_, row)| row.waiting).collect::<Vec<_>>(), [200, 199, 198]);
    assert_eq!(lines.flow_rows(1, at(0)).count(), 0);
}
