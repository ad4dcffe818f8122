//! Tests the policy file: the same limits as a command makes, and each error at its line and key.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that panics has failed, as it should"
)]

mod common;

use std::sync::Arc;

use common::cases;
use proptest::prelude::*;
use rl_core::fault::{Fault, Result};
use rl_core::grammar::policy_file::{self, Wrong};
use rl_core::grammar::quota as request;
use rl_core::limit::rule::Rule;
use rl_core::quota::shape::Shape;

fn any_rule(_: &Rule) -> Result<()> {
    Ok(())
}

fn read(text: &str) -> Vec<Arc<Shape>> {
    policy_file::parse(text.as_bytes(), any_rule).unwrap_or_else(|wrong| panic!("{wrong}\n{text}"))
}

/// Returns the policy that `RL.POLICY SET` makes of these words.
fn set(words: &str) -> Arc<Shape> {
    let line = format!("RL.POLICY SET {words}");
    let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
    request::policy(words.as_slice()).unwrap()
}

const FILE: &str = r#"
# the limits of our plan
[policy.claude-sonnet]
tpm      = { limit = 80000, window = "1m", unit = "tokens" }
rpm      = { limit = 1_000, window = "60s" }
tpd      = { limit = 2000000, window = "1d", unit = "tokens", algorithm = "window", offset = "-8h" }
burst    = { limit = 500, window = 60, algorithm = "bucket", capacity = 50 }
inflight = { inflight = 20 }

[policy."org:42"]
a = { limit = 0x10, window = "250ms", algorithm = "slide" }

[policy.month.spend]
limit = 5
window = "1mo"
unit = "cents"
algorithm = "window"
[policy.month.calls]
window = "0.25"
limit = 9007199254740991
"#;

#[test]
fn a_file_makes_what_commands_make_in_its_order() {
    let expected = [
        "claude-sonnet LIMIT tpm 80000 1m UNIT tokens LIMIT rpm 1000 60s \
         LIMIT tpd 2000000 1d UNIT tokens WINDOW OFFSET -8h LIMIT burst 500 60 BUCKET 50 \
         LIMIT inflight 20 INFLIGHT",
        "org:42 LIMIT a 16 250ms SLIDE",
        "month LIMIT spend 5 1mo UNIT cents WINDOW LIMIT calls 9007199254740991 0.25",
    ];
    assert_eq!(read(FILE), expected.map(set));
}

#[test]
fn a_file_may_be_empty_and_lines_may_end_in_cr_lf() {
    for text in ["", "\n", "# nothing yet\n", "[policy]\n", "\u{feff}"] {
        assert_eq!(read(text), [], "{text:?}");
    }
    assert_eq!(read(&FILE.replace('\n', "\r\n")), read(FILE));
}

#[test]
fn limits_keep_the_order_of_the_file_however_they_are_written() {
    let text =
        "[policy.p]\nz.limit = 1\ny = { limit = 2, window = 1 }\nz.window = 1\nx = { limit = 3, window = 1 }";
    assert_eq!(read(text), [set("p LIMIT z 1 1 LIMIT y 2 1 LIMIT x 3 1")]);
}

#[track_caller]
fn wrong(text: &str) -> Wrong {
    match policy_file::parse(text.as_bytes(), any_rule) {
        Ok(shapes) => panic!("taken: {shapes:?}\n{text}"),
        Err(wrong) => wrong,
    }
}

/// Returns a file whose third line is the limit `rpm` of policy `p` with these fields.
fn limit(says: &str) -> String {
    format!("# first\n[policy.p]\nrpm = {{ {says} }}\n")
}

#[test]
fn what_a_limit_says_wrong_is_told_as_a_client_is_told() {
    for (says, key, fault) in [
        ("limit = 0, window = 1", "limit", Fault::Limit),
        ("limit = -1, window = 1", "limit", Fault::Limit),
        ("limit = 9007199254740992, window = 1", "limit", Fault::Limit),
        ("limit = 99999999999999999999999, window = 1", "limit", Fault::Limit),
        ("limit = 1.5, window = 1", "limit", Fault::Limit),
        ("limit = \"5\", window = 1", "limit", Fault::Limit),
        ("limit = true, window = 1", "limit", Fault::Limit),
        ("limit = [1], window = 1", "limit", Fault::Limit),
        ("limit = 5, window = 0", "window", Fault::Window),
        ("limit = 5, window = -1", "window", Fault::Window),
        ("limit = 5, window = \"\"", "window", Fault::Window),
        ("limit = 5, window = \"1mo\"", "window", Fault::Window),
        ("limit = 5, window = \"3651d\"", "window", Fault::Window),
        ("limit = 5, window = 0.25", "window", Fault::Window),
        ("limit = 5, window = 2024-01-01", "window", Fault::Window),
        ("limit = 5, window = {}", "window", Fault::Window),
        ("limit = 5, window = \"2mo\", algorithm = \"window\"", "window", Fault::WindowOrMonth),
        ("limit = 5, window = \"1mo\", algorithm = \"bucket\", capacity = 1", "window", Fault::Window),
        ("limit = 5, window = 1, algorithm = \"window\", offset = \"x\"", "offset", Fault::Offset),
        ("limit = 5, window = 1, algorithm = \"window\", offset = true", "offset", Fault::Offset),
        ("limit = 5, window = 1, algorithm = \"window\", offset = \"3651d\"", "offset", Fault::Offset),
        ("limit = 5, window = 1, algorithm = \"bucket\", capacity = 0", "capacity", Fault::Capacity),
        ("limit = 5, window = 1, algorithm = \"bucket\", capacity = \"5\"", "capacity", Fault::Capacity),
        ("limit = 5, window = 1, unit = \"\"", "unit", Fault::UnitName),
        ("limit = 5, window = 1, unit = \"a b\"", "unit", Fault::UnitName),
        ("limit = 5, window = 1, unit = 5", "unit", Fault::UnitName),
        ("inflight = 0", "inflight", Fault::Limit),
        ("inflight = \"20\"", "inflight", Fault::Limit),
    ] {
        let wrong = wrong(&limit(says));
        let text = fault.text().to_str().unwrap().strip_prefix("ERR ").unwrap();
        let expected = Wrong { line: 3, field: format!("policy.p.rpm.{key}"), why: text.to_owned() };
        assert_eq!(wrong, expected, "{says}");
        assert_eq!(wrong.to_string(), format!("line 3, policy.p.rpm.{key}: {text}"));
    }
}

#[test]
fn what_is_missing_or_too_much_is_named() {
    for (says, key, why) in [
        ("window = 1", "limit", "limit is missing"),
        ("", "limit", "limit is missing"),
        ("limit = 1", "window", "window is missing"),
        ("limit = 1, window = 1, algorithm = \"bucket\"", "capacity", "capacity is missing"),
        ("limit = 1, window = 1, capacity = 5", "capacity", "capacity may stand with"),
        (
            "limit = 1, window = 1, algorithm = \"window\", capacity = 5",
            "capacity",
            "capacity may stand with",
        ),
        ("limit = 1, window = 1, offset = 5", "offset", "offset may stand with"),
        (
            "limit = 1, window = 1, algorithm = \"bucket\", capacity = 5, offset = 5",
            "offset",
            "offset may stand with",
        ),
        ("limit = 1, window = 1, algorithm = \"leaky\"", "algorithm", "algorithm must be"),
        ("limit = 1, window = 1, algorithm = \"SLIDE\"", "algorithm", "algorithm must be"),
        ("limit = 1, window = 1, algorithm = 3", "algorithm", "algorithm must be"),
        ("inflight = 20, window = 1", "window", "beside inflight"),
        ("unit = \"tokens\", inflight = 20", "unit", "beside inflight"),
        ("limit = 1, window = 1, limits = 1", "limits", "unknown key, expected limit, window"),
        ("limit = 1, Window = 1", "Window", "unknown key"),
    ] {
        let wrong = wrong(&limit(says));
        assert_eq!((wrong.line, wrong.field), (3, format!("policy.p.rpm.{key}")), "{says}");
        assert!(wrong.why.starts_with(why), "{says}: {}", wrong.why);
    }
}

#[test]
fn the_line_and_the_key_are_those_at_fault() {
    let long = "x".repeat(65);
    let seventeen: String = (1..=17).map(|n| format!("l{n} = {{ limit = 1, window = 1 }}\n")).collect();
    for (text, line, field, why) in [
        (
            "[policy.p]\nrpm = { limit = 1,\n  window = 0 }".to_owned(),
            3,
            "policy.p.rpm.window",
            "window must be",
        ),
        ("[policy.p.rpm]\nlimit = 1\n\nwindow = 0".to_owned(), 4, "policy.p.rpm.window", "window must be"),
        ("\n\n[policy.p.rpm]\nlimit = 1".to_owned(), 3, "policy.p.rpm.window", "window is missing"),
        (
            "[policy.q.a]\ninflight = 1\n[policy.p]".to_owned(),
            3,
            "policy.p",
            "a quota must have 1 to 16 limits",
        ),
        (format!("[policy.p]\n{seventeen}"), 18, "policy.p.l17", "a quota must have 1 to 16 limits"),
        ("\n[policy.\"a b\"]".to_owned(), 2, "policy.a b", "policy name must be 1 to 64"),
        ("[policy.\"\"]".to_owned(), 1, "policy.", "policy name must be 1 to 64"),
        (format!("[policy.{long}]"), 1, &format!("policy.{}", &long[..64]), "policy name must be 1 to 64"),
        ("[policy.p]\n\"\u{100}\" = 1".to_owned(), 2, "policy.p.\u{100}", "limit name must be 1 to 64"),
        ("[policy.p]\nrpm = 60".to_owned(), 2, "policy.p.rpm", "a limit must be a table"),
        ("policy.p = 60".to_owned(), 1, "policy.p", "a policy must be a table of limits"),
        ("[[policy.p]]\nrpm = 1".to_owned(), 1, "policy.p", "a policy must be a table of limits"),
        ("\npolicy = 60".to_owned(), 2, "policy", "only tables such as [policy.name]"),
        ("[policies.p]".to_owned(), 1, "policies", "only tables such as [policy.name]"),
        ("[policy]\n\nname = 5".to_owned(), 3, "policy.name", "a policy must be a table of limits"),
        ("max-window = \"1d\"".to_owned(), 1, "max-window", "only tables such as [policy.name]"),
    ] {
        let wrong = wrong(&text);
        assert_eq!((wrong.line, wrong.field.as_str()), (line, field), "{text}");
        assert!(wrong.why.starts_with(why), "{text}: {}", wrong.why);
    }
}

#[test]
fn what_is_no_toml_has_a_line_and_no_key() {
    for (text, line) in [
        ("[policy.p\nrpm = 1", 1),
        ("[policy.p]\nrpm = { limit = 1", 2),
        ("[policy.p]\nrpm =\n", 2),
        ("[policy.p]\n\nrpm 5\n", 3),
        ("[policy.p.a]\ninflight = 1\n[policy.p.a]\ninflight = 2", 3),
        ("[policy.p]\na = { inflight = 1 }\n\na = { inflight = 2 }", 4),
        ("[policy.p.a]\ninflight = 1\ninflight = 2", 3),
        ("[policy.p]\na = 'x\u{1}'", 2),
    ] {
        let wrong = wrong(text);
        assert_eq!((wrong.line, wrong.field.as_str()), (line, ""), "{text}: {wrong}");
        assert!(wrong.to_string().starts_with(&format!("line {line}: ")), "{wrong}");
    }
    let wrong = policy_file::parse(b"# fine\n# not\xff\n", any_rule).unwrap_err();
    assert_eq!(wrong.to_string(), "line 2: the file must be text in UTF-8");
}

#[test]
fn a_rule_that_is_not_allowed_is_refused_at_its_window() {
    let day = |rule: &Rule| if rule.longest().ms() > 86_400_000 { Err(Fault::MaxWindow) } else { Ok(()) };
    let text = "[policy.p]\na = { limit = 1, window = \"1d\" }\nb = { inflight = 1 }\n";
    assert!(policy_file::parse(text.as_bytes(), day).is_ok());
    let text = format!("{text}c = {{ limit = 1, window = \"25h\" }}");
    let wrong = policy_file::parse(text.as_bytes(), day).unwrap_err();
    assert_eq!(
        wrong.to_string(),
        "line 4, policy.p.c.window: window or period is longer than rl.max-window allows"
    );
}

#[test]
fn a_server_keeps_so_many_policies_and_no_more() {
    let most = 10_000;
    if cfg!(miri) {
        return;
    }
    let mut text: String = (0..most).map(|n| format!("[policy.p{n}.a]\ninflight = 1\n")).collect();
    assert_eq!(read(&text).len(), most);
    text.push_str("[policy.more.a]\ninflight = 1\n");
    let wrong = wrong(&text);
    assert_eq!((wrong.line, wrong.field.as_str()), (20_001, "policy.more"));
    assert_eq!(wrong.why, "a server may keep 10000 policies");
}

/// A limit as a file writes it and as a command writes it.
fn any_limit() -> impl Strategy<Value = (String, String)> {
    let duration = prop_oneof!["[1-9][0-9]{0,4}(ms|s|m)", "[1-9][0-9]?[hd]", "[1-9]\\.25"];
    let unit = prop_oneof![Just("requests".to_owned()), "[A-Za-z0-9_.:-]{1,12}"];
    (1_u64..1 << 53, duration, unit, 0..4, 1_u64..1 << 53, -9_999_i64..9_999).prop_map(
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
    let lines: Vec<String> = FILE.lines().map(|line| format!("{line}\n")).collect();
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
    fn a_file_cut_off_anywhere_is_read_or_refused(at in 0..FILE.len(), byte in any::<u8>()) {
        let mut text = FILE.as_bytes().to_vec();
        text[at] = byte;
        drop(policy_file::parse(&text, any_rule));
        text.truncate(at);
        drop(policy_file::parse(&text, any_rule));
    }
}
