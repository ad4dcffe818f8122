//! Tests that waiters are admitted in order, each at the first possible millisecond, and that none starves.

use proptest::prelude::*;
use rl_core::quota::shape::Measure;

use crate::common::{TODAY, cases};
use crate::naive::Naive;
use crate::server::Server;
use crate::world::{Ask, Became, Entry, Event, Spec, World, slide, worlds};

/// Returns the outcomes of the requests to one key, in the order of the log.
fn on_key(world: &World, log: &[Entry], key: usize) -> Vec<Entry> {
    let asks: Vec<&Ask> = world.events.iter().filter_map(arrival).collect();
    let about = |entry: &&Entry| asks[entry.caller].takes().any(|other| other == key);
    log.iter().filter(about).copied().collect()
}

/// Returns the outcomes sorted by time, then by request.
fn of_each(log: &[Entry]) -> Vec<Entry> {
    let mut all = log.to_vec();
    all.sort_by_key(|entry| (entry.at, entry.caller));
    all
}

fn arrival(event: &Event) -> Option<&Ask> {
    if let Event::Arrive(ask) = event { Some(ask) } else { None }
}

proptest! {
    #![proptest_config(cases(10_000))]

    /// The naive server tries every waiter each millisecond, on limits that add up their whole history. The
    /// other server does only what the lines tell it to do.
    #[test]
    fn each_is_admitted_when_a_server_that_tries_all_each_ms_admits_it(world in worlds(60)) {
        let (mut server, mut naive) = (Server::new(&world, TODAY), Naive::new(&world, TODAY));
        for event in &world.events {
            if matches!(event, Event::Sync(key, ..) if !server.counts(*key)) {
                continue;
            }
            server.event(event);
            naive.event(event);
            prop_assert_eq!(server.waiting().is_empty(), !naive.waits());
        }
        let mut left = 5_000;
        naive.serve();
        while naive.waits() {
            naive.pass();
            left -= 1;
            prop_assert!(left > 0, "someone waits for ever");
        }
        server.run(naive.now);
        for key in 0..world.specs.len() {
            prop_assert_eq!(on_key(&world, &server.log, key), on_key(&world, &naive.log, key));
        }
        prop_assert_eq!(of_each(&server.log), of_each(&naive.log));
        prop_assert!(server.waiting().is_clear());
        let came = world.events.iter().filter_map(arrival).count();
        let ends = |entry: &&Entry| entry.became != Became::Waits;
        prop_assert_eq!(server.log.iter().filter(ends).count(), came, "each is answered once");
    }
}

fn ask(cost: u64, lane: usize, wait: u64) -> Event {
    Event::Arrive(Ask { keys: vec![(0, vec![cost])], ttl: None, lane, wait: Some(wait) })
}

fn one_key(limit: u64, window: u64) -> World {
    let spec = Spec { measures: vec![Measure::Rate(slide(limit, window))], is_quota: false };
    World { specs: vec![spec], events: Vec::new() }
}

fn admitted(server: &Server, caller: usize) -> Option<u64> {
    let is_admission = |entry: &&Entry| entry.caller == caller && entry.became == Became::Admitted;
    server.log.iter().find(is_admission).map(|entry| entry.at)
}

#[test]
fn small_costs_do_not_starve_a_large_one() {
    let mut server = Server::new(&one_key(10, 100), 0);
    server.event(&ask(1, 2, 1));
    server.event(&ask(10, 2, 1_000));
    // One comes each millisecond, in its lane or the one below. Each would fit at once, but none may pass.
    for _ in 0..99 {
        server.event(&ask(1, 2, 10_000));
        server.event(&ask(1, 3, 10_000));
        server.event(&Event::Pass(1));
    }
    assert_eq!(server.waiting().len(), 199);
    server.event(&Event::Pass(1));
    assert_eq!(admitted(&server, 1), Some(100), "at the first millisecond at which all has aged");
}

#[test]
fn a_reservation_that_costs_nothing_passes_no_waiter() {
    let spec = || Spec { measures: vec![Measure::Rate(slide(1, 100))], is_quota: true };
    let mut server = Server::new(&World { specs: vec![spec(), spec()], events: Vec::new() }, 0);
    let mut arrive = |costs: &[(usize, u64)], ttl, wait| {
        let keys = costs.iter().map(|(key, cost)| (*key, vec![*cost])).collect();
        server.event(&Event::Arrive(Ask { keys, ttl, lane: 2, wait }));
        server.log.last().unwrap().became
    };
    assert_eq!(arrive(&[(1, 1)], None, None), Became::AdmittedAtOnce);
    assert_eq!(arrive(&[(1, 0)], Some(50), None), Became::AdmittedAtOnce, "no request waits");
    assert_eq!(arrive(&[(1, 1)], None, Some(1_000)), Became::Waits);
    assert_eq!(arrive(&[(1, 0)], Some(50), None), Became::Denied, "it would take a slot before the other");
    assert_eq!(arrive(&[(1, 0)], None, None), Became::AdmittedAtOnce, "it takes nothing");
    assert_eq!(arrive(&[(0, 1), (1, 0)], Some(50), Some(1_000)), Became::Waits);
    assert_eq!(arrive(&[(0, 1)], None, None), Became::Denied, "one waits for both keys");
}

#[test]
fn endless_high_waiters_starve_a_low_one_only_without_aging() {
    for (aging, expected) in [(None, None), (Some(50), Some(160)), (Some(1_000), Some(3_010))] {
        let mut server = Server::new(&one_key(1, 10), 0);
        server.event(&Event::Aging(aging));
        server.event(&ask(1, 0, 1));
        server.event(&ask(1, 3, 1_000_000));
        // More requests come than are admitted. A waiter that rises to their lane goes before the later ones.
        for _ in 0..1_000 {
            server.event(&ask(1, 0, 5_000));
            server.event(&Event::Pass(5));
        }
        let is_admission = admitted(&server, 1);
        match expected {
            None => assert_eq!(is_admission, None),
            Some(latest) => assert!(is_admission.is_some_and(|at| at <= latest), "{is_admission:?}"),
        }
    }
}

#[test]
fn a_server_on_which_all_sleep_does_nothing() {
    let mut server = Server::new(&one_key(1, 3_600_000), 0);
    server.event(&ask(1, 2, 1));
    for lane in 0..4 {
        server.event(&ask(1, lane, 1_000_000));
    }
    server.event(&Event::Pass(999_999));
    assert_eq!((server.wakes, server.attempts), (1, 1));
    server.event(&Event::Pass(1));
    assert!(server.waiting().is_clear());
}

#[test]
fn with_aging_it_wakes_only_when_another_becomes_the_first() {
    let mut server = Server::new(&one_key(1, 3_600_000), 0);
    server.event(&Event::Aging(Some(1_000)));
    server.event(&ask(1, 2, 1));
    server.event(&ask(1, 3, 1_000_000));
    server.event(&Event::Pass(500));
    server.event(&ask(1, 0, 1_000_000));
    server.event(&Event::Pass(900_000));
    // The timer fires when each of them comes, and when the low one has risen to the first lane.
    assert_eq!((server.wakes, server.attempts), (3, 3));
}
