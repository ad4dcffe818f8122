//! Tests that a shape is stored once and dropped with its last user.
//!
//! The test has its own process, where no other test makes shapes that it would count.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that panics has failed, as it should"
)]

use std::sync::Arc;

use rl_core::quota::name::Name;
use rl_core::quota::shape::{Draft, Measure, Shape, shapes};

fn shape(policy: Option<&Name>, limit: u64) -> Arc<Shape> {
    let draft = Draft { name: b"a", unit: b"requests", measure: Measure::InFlight(limit), is_shadow: false };
    Shape::new(policy, &[draft]).unwrap()
}

/// One test only, because each would count the shapes of all.
#[test]
fn equal_shapes_are_one_and_the_last_user_takes_it_away() {
    let name = Name::new(b"p").unwrap();
    let (one, same) = (shape(None, 1), shape(None, 1));
    assert!(Arc::ptr_eq(&one, &same) && shapes() == 1);
    let (other, named) = (shape(None, 2), shape(Some(&name), 1));
    assert!(!Arc::ptr_eq(&one, &named) && one != named && one != other);
    assert_eq!(shapes(), 3);
    let bytes = one.bytes().to_vec();
    assert!(Arc::ptr_eq(&Shape::from_bytes(&bytes).unwrap(), &one));
    drop(one);
    assert_eq!(shapes(), 3, "one of two users");
    drop((same, other, named));
    assert_eq!(shapes(), 0);
    let read = Shape::from_bytes(&bytes).unwrap();
    assert!(shapes() == 1 && *read.bytes() == *bytes);
    drop(read);
    // Refused bytes leave no shape.
    for len in 0..bytes.len() {
        assert!(Shape::from_bytes(&bytes[..len]).is_none());
    }
    assert!(Shape::from_bytes(&[&bytes[..], &[0]].concat()).is_none());
    assert_eq!(shapes(), 0);

    let rounds = if cfg!(miri) { 40 } else { 20_000 };
    std::thread::scope(|scope| {
        for thread in 0..4 {
            scope.spawn(move || {
                for round in 0..rounds {
                    let limit = 1 + (round + thread) % 3;
                    let shape = shape(None, limit);
                    let read = Shape::from_bytes(shape.bytes()).unwrap();
                    assert!(Arc::ptr_eq(&shape, &read), "two of the same at one time");
                    assert_eq!(read.limits()[0].measure, Measure::InFlight(limit));
                }
            });
        }
    });
    assert_eq!(shapes(), 0);
}
