//! Parses arbitrary bytes as a policy file and decodes them as policies in a snapshot.
//!
//! Each input is read or refused and never panics. A policy that is read equals what a command would make.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use rl_core::grammar::policy_file;
use rl_core::grammar::quota as request;
use rl_core::quota::policies::Policies;
use rl_core::quota::shape::Shape;

fuzz_target!(|input: &[u8]| {
    match policy_file::parse(input, |_| Ok(())) {
        Ok(shapes) => shapes.iter().for_each(same_by_command),
        Err(wrong) => {
            let lines = input.iter().filter(|byte| **byte == b'\n').count() + 1;
            assert!((1..=lines).contains(&wrong.line) && !wrong.why.is_empty(), "{wrong}");
        }
    }
    if let Some(policies) = Policies::decode(input) {
        assert_eq!(policies.encode(), input, "policies have one image");
        policies.iter().for_each(|(_, shape)| same_by_command(shape));
    }
});

fn same_by_command(shape: &Arc<Shape>) {
    let name = shape.policy().unwrap().as_bytes().to_vec();
    let words = [vec![b"RL.POLICY".to_vec(), b"SET".to_vec(), name], shape.words()].concat();
    let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
    assert_eq!(request::policy(words.as_slice()).unwrap(), *shape);
}
