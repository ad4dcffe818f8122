//! Parses arbitrary bytes as a policy file and decodes them as policies in a snapshot.
//!
//! Each input is read or refused and never panics. A policy that is read equals what a command would make.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rl_core::grammar::policy::{overriding, setting};
use rl_core::grammar::policy_file;
use rl_core::quota::policies::Policies;
use rl_core::quota::policy_entry::PolicyEntry;

fuzz_target!(|input: &[u8]| {
    match policy_file::parse(input, |_| Ok(())) {
        Ok(entries) => entries.iter().for_each(same_by_command),
        Err(wrong) => {
            let lines = input.iter().filter(|byte| **byte == b'\n').count() + 1;
            assert!((1..=lines).contains(&wrong.line) && !wrong.why.is_empty(), "{wrong}");
        }
    }
    if let Some(policies) = Policies::decode(input) {
        assert_eq!(policies.encode(), input, "policies have one image");
        policies.entries().for_each(|entry| same_by_command(&entry));
    }
});

fn same_by_command(entry: &PolicyEntry) {
    let words = [vec![b"RL.POLICY".to_vec()], entry.words()].concat();
    let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
    let read = match entry.key {
        None => setting(words.as_slice()).unwrap(),
        Some(_) => overriding(words.as_slice()).unwrap().entry().unwrap(),
    };
    assert_eq!(read, *entry);
}
