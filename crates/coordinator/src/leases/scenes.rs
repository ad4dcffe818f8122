//! What sixteen books do in the scenes of [`super::simulation`].

#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_wrap,
    reason = "an overflow panics in a test, and so the test has failed, as it should"
)]

use super::simulation::{HOLDERS, Scene, World};

const SCENE: Scene = Scene {
    limit: 0,
    window_ms: 60_000,
    algorithm: "SLIDE",
    demand: 0,
    ms: 0,
    ttl_ms: 1_000,
    latency_ms: 4,
    crashes: false,
    seed: 1,
};

#[test]
fn no_window_is_over_its_limit() {
    for seed in 1..=4 {
        for algorithm in ["SLIDE", "WINDOW", "BUCKET 500"] {
            for (tenths, crashes) in [(8, false), (13, false), (13, true)] {
                let latency_ms = if seed % 2 == 0 { 80 } else { 5 };
                let scene = Scene {
                    limit: 2_000,
                    window_ms: 2_000 + 1_000 * (seed % 3),
                    algorithm,
                    demand: 2_000 * tenths * 100 / (2 + seed % 3),
                    ms: 20_000,
                    ttl_ms: 100 + 150 * seed,
                    latency_ms,
                    crashes,
                    seed: seed * 100 + tenths,
                };
                let world = World::new(scene).run();
                assert!(world.admitted() > scene.limit, "it was tried");
            }
        }
    }
}

/// Both demands at this limit per second. Prints and checks the figures.
fn figures(rate: u64) {
    let limit = rate * 60;
    let world = World::new(Scene { limit, demand: rate * 800, ms: 30_000, ..SCENE }).run();
    // Their number follows the ttl and not the rate.
    let commands = world.commands / 30;
    let admitted = world.admitted() * 10_000 / world.asked;
    println!("{rate}/s, demand 0.8: {commands} commands/s, {admitted} of 10,000 admitted");
    assert!(admitted >= 9_900 && commands <= 6 * HOLDERS as u64, "{admitted} {commands}");
    let world = World::new(Scene { limit, demand: rate * 1_300, ms: 130_000, ..SCENE }).run();
    let commands = world.commands / 130;
    let admitted: u64 = world.log[65_000..125_000].iter().sum();
    let used = admitted * 1_000 / limit;
    let unfair = world.unfairness(6);
    println!("{rate}/s, demand 1.3: {commands} commands/s, {used} of 1,000 used, {unfair} of 1,000 apart");
    assert!(used >= 950 && unfair <= 100, "{used} {unfair}");
}

#[test]
fn most_of_the_limit_is_used_with_few_commands() {
    figures(4_000);
}

/// The same for a busy key.
#[test]
#[ignore = "takes a minute even if it is optimised"]
fn the_same_at_two_hundred_thousand_a_second() {
    figures(200_000);
}
