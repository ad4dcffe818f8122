//! Any file is read or refused, and makes what a command makes.

use proptest::prelude::*;
use rl_core::grammar::policy_file;

use crate::common::cases;
use crate::{FILE, OVERRIDES, any_rule, read, set};

/// A limit or a capacity.
fn amount() -> impl Strategy<Value = u64> {
    prop_oneof![9 => 0_u64..1 << 53, 1 => Just(0)]
}

/// A limit as a file writes it and as a command writes it.
fn any_limit() -> impl Strategy<Value = (String, String)> {
    let duration = prop_oneof!["[1-9][0-9]{0,4}(ms|s|m)", "[1-9][0-9]?[hd]", "[1-9]\\.25"];
    let unit = prop_oneof![Just("requests".to_owned()), "[A-Za-z0-9_.:-]{1,12}"];
    (amount(), duration, unit, 0..4, amount(), -9_999_i64..9_999).prop_map(
        |(limit, duration, unit, algorithm, capacity, offset)| {
            let file = format!("limit = {limit}, window = \"{duration}\", unit = \"{unit}\"");
            let command = format!("{limit} {duration} UNIT {unit}");
            match algorithm {
                0 => (file, command),
                1 => (
                    format!("{file}, algorithm = \"window\", offset = {offset}"),
                    format!("{command} WINDOW OFFSET {offset}"),
                ),
                2 => (
                    format!("capacity = {capacity}, algorithm = \"bucket\", {file}"),
                    format!("{command} BUCKET {capacity}"),
                ),
                _ => (format!("inflight = {limit}"), format!("{limit} INFLIGHT")),
            }
        },
    )
}

/// Pieces of files in any order, mixed with any bytes.
fn any_file() -> impl Strategy<Value = Vec<u8>> {
    let lines: Vec<String> = FILE.lines().chain(OVERRIDES.lines()).map(|line| format!("{line}\n")).collect();
    let piece = prop_oneof![
        4 => prop::sample::select(lines).prop_map(String::into_bytes),
        1 => "[\\[\\]{}=.,\"' \n#a-z0-9_-]{0,20}".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..12),
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(cases(5_000))]

    #[test]
    fn a_file_and_a_command_make_the_same(limits in prop::collection::vec(any_limit(), 1..=16)) {
        let named = || limits.iter().enumerate().map(|(at, (file, command))| (20 - at, file, command));
        let file: String = named().map(|(name, file, _)| format!("l{name} = {{ {file} }}\n")).collect();
        let command: String = named().map(|(name, _, command)| format!(" LIMIT l{name} {command}")).collect();
        prop_assert_eq!(read(&format!("[policy.p]\n{file}")), [set(&format!("p{command}"))]);
    }

    #[test]
    fn no_file_does_harm_and_an_error_is_at_a_line_of_it(text in any_file()) {
        if let Err(wrong) = policy_file::parse(&text, any_rule) {
            let lines = text.iter().filter(|byte| **byte == b'\n').count() + 1;
            prop_assert!((1..=lines).contains(&wrong.line), "{}", wrong);
            prop_assert!(!wrong.why.is_empty() && !wrong.why.contains('\n'), "{}", wrong);
        }
    }

    #[test]
    fn a_file_cut_off_anywhere_is_read_or_refused(
        at in 0..FILE.len() + OVERRIDES.len(), byte in any::<u8>(),
    ) {
        let mut text = [FILE, OVERRIDES].concat().into_bytes();
        text[at] = byte;
        drop(policy_file::parse(&text, any_rule));
        text.truncate(at);
        drop(policy_file::parse(&text, any_rule));
    }
}
