//! Each error has its line, its key and the text that a client gets.

use rl_core::fault::Fault;
use rl_core::grammar::policy_file::{self, Wrong};
use rl_core::limit::rule::Rule;

use crate::{any_rule, read};

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
fn a_wrong_limit_has_the_error_text_of_the_command() {
    for (says, key, fault) in [
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
        ("limit = 5, window = 1, algorithm = \"bucket\", capacity = -1", "capacity", Fault::Capacity),
        ("limit = 5, window = 1, algorithm = \"bucket\", capacity = \"5\"", "capacity", Fault::Capacity),
        ("limit = 5, window = 1, unit = \"\"", "unit", Fault::UnitName),
        ("limit = 5, window = 1, unit = \"a b\"", "unit", Fault::UnitName),
        ("limit = 5, window = 1, unit = 5", "unit", Fault::UnitName),
        ("inflight = -1", "inflight", Fault::Limit),
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
fn missing_and_extra_keys_are_named() {
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
fn invalid_toml_has_a_line_and_no_key() {
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
