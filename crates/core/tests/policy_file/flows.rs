//! `flows` of a policy: the weights of flows.

use rl_core::grammar::policy::setting;
use rl_core::grammar::policy_file;

use crate::{FILE, any_rule, entries, set};

const LIMIT: &str = "a = { limit = 1, window = 1 }";

#[test]
fn flows_mean_what_the_command_means() {
    let text = format!("[policy.p]\nflows = {{ paid = 0x0a, free = 1, 'a\\xff' = 1_000 }}\n{LIMIT}");
    let words = "RL.POLICY SET p LIMIT a 1 1 FLOW free WEIGHT 1 FLOW paid WEIGHT 10";
    let mut words: Vec<&[u8]> = words.split(' ').map(str::as_bytes).collect();
    words.extend([&b"FLOW"[..], b"a\xff", b"WEIGHT", b"1000"]);
    assert_eq!(entries(&text), [setting(words.as_slice()).unwrap()]);
    assert_eq!(entries(&text.replace("'a\\xff'", r#""a\\xff""#)), entries(&text));

    let as_table = format!("[policy.p]\n{LIMIT}\n[policy.p.flows]\npaid = 10\nfree = 1");
    assert_eq!(entries(&as_table)[0].flows.iter().collect::<Vec<_>>(), [(&b"free"[..], 1), (b"paid", 10)]);
    let none = entries(&format!("[policy.p]\nflows = {{}}\n{LIMIT}"));
    assert!(none[0].flows.is_empty());
    assert_eq!(entries(FILE).iter().map(|entry| entry.flows.len()).collect::<Vec<_>>(), [2, 0, 0]);
}

#[test]
fn a_limit_may_be_called_flows() {
    for (text, words) in [
        ("flows = { limit = 5, window = 60 }", "p LIMIT flows 5 60"),
        ("flows = { inflight = 5 }", "p LIMIT flows 5 INFLIGHT"),
    ] {
        let read = entries(&format!("[policy.p]\n{text}"));
        assert_eq!((&read[0].shape, read[0].flows.len()), (&set(words), 0), "{text}");
    }
}

#[test]
fn a_mistake_is_named_with_its_line() {
    let weight = "weight must be an integer from 1 to 1000";
    let many: String = (1..=65).map(|n| format!("f{n} = 1\n")).collect();
    let long = "x".repeat(129);
    for (text, line, field, why) in [
        ("flows = 5", 3, "flows", "flows must be a table of weights, such as { paid = 10, free = 1 }"),
        ("flows = { paid = 0 }", 3, "flows.paid", weight),
        ("flows = { paid = 1001 }", 3, "flows.paid", weight),
        ("flows = { paid = 65537 }", 3, "flows.paid", weight),
        ("flows = { paid = -1 }", 3, "flows.paid", weight),
        ("flows = { paid = 1.5 }", 3, "flows.paid", weight),
        ("flows = { paid = \"1\" }", 3, "flows.paid", weight),
        ("flows = { limits = 5, window = \"60s\" }", 3, "flows.window", weight),
        ("flows = { \"\" = 1 }", 3, "flows.", "flow must be 1 to 128 bytes"),
        (
            &format!("flows = {{ {long} = 1 }}"),
            3,
            &format!("flows.{}", &long[..64]),
            "flow must be 1 to 128 bytes",
        ),
        ("flows = { 'a\\q' = 1 }", 3, "flows.a\\q", "a backslash in a key must begin"),
        (
            "flows = { a = 1, '\\x61' = 2 }",
            3,
            "flows.\\x61",
            "each flow of a policy may have one WEIGHT only",
        ),
        (&format!("[policy.p.flows]\n{many}"), 68, "flows.f65", "a policy may name at most 64 flows"),
    ] {
        let text = format!("[policy.p]\n{LIMIT}\n{text}");
        let wrong = policy_file::parse(text.as_bytes(), any_rule).unwrap_err();
        assert_eq!((wrong.line, wrong.field), (line, format!("policy.p.{field}")), "{text}");
        assert!(wrong.why.starts_with(why), "{text}: {}", wrong.why);
    }
    let text = format!("[policy.p]\n{LIMIT}\n[override.p.k]\n{LIMIT}\nflows = {{ paid = 10 }}");
    let wrong = policy_file::parse(text.as_bytes(), any_rule).unwrap_err();
    assert_eq!(
        wrong.to_string(),
        "line 5, override.p.k.flows: flows may stand in a policy only, not in an override"
    );
}
