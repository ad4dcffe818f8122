//! Overrides in a file: the limits of one key under a policy of the file.

use rl_core::grammar::policy::overriding;
use rl_core::grammar::policy_file::{self, Wrong};
use rl_core::quota::policy_entry::PolicyEntry;

use crate::{FILE, OVERRIDES, any_rule, entries};

/// Returns the override that `RL.POLICY OVERRIDE` makes of these words.
fn overridden(policy: &str, key: &[u8], limits: &str) -> PolicyEntry {
    let mut words = vec![b"RL.POLICY".as_slice(), b"OVERRIDE", policy.as_bytes(), key];
    words.extend(limits.split(' ').map(str::as_bytes));
    overriding(words.as_slice()).unwrap().entry().unwrap()
}

#[track_caller]
fn wrong(text: &str) -> Wrong {
    match policy_file::parse(text.as_bytes(), any_rule) {
        Ok(read) => panic!("taken: {read:?}\n{text}"),
        Err(wrong) => wrong,
    }
}

#[test]
fn an_override_means_what_the_command_means_and_comes_after_the_policies() {
    let expected = [
        overridden("claude-sonnet", b"user:42", "LIMIT rpm 5000 60"),
        overridden("claude-sonnet", b"user:\xff\\", "LIMIT rpm 0 60 LIMIT inflight 2 INFLIGHT"),
        overridden("month", b"big", "LIMIT spend 50 1mo WINDOW"),
    ];
    for text in [format!("{FILE}{OVERRIDES}"), format!("{OVERRIDES}{FILE}")] {
        let read = entries(&text);
        assert!(read[..3].iter().all(|entry| entry.key.is_none()));
        assert_eq!(read[3..], expected);
    }
}

#[test]
fn a_mistake_is_named_with_its_line() {
    let limit = "a = { limit = 1, window = 1 }";
    for (text, line, field, why) in [
        (format!("[override.q.k]\n{limit}"), 3, "override.q", "this file has no policy of that name"),
        (format!("[override.\"a b\".k]\n{limit}"), 3, "override.a b", "this file has no policy of that name"),
        ("override.p = 5".to_owned(), 3, "override.p", "overrides must be a table of keys"),
        ("[override.p]\nk = 5".to_owned(), 4, "override.p.k", "a policy must be a table of limits"),
        ("[override.p.k]".to_owned(), 3, "override.p.k", "a quota must have 1 to 16 limits"),
        (format!("[override.p.k]\n{limit}\nb = 5"), 5, "override.p.k.b", "a limit must be a table"),
        (
            "[override.p.k]\na = { limit = 1, window = 0 }".to_owned(),
            4,
            "override.p.k.a.window",
            "window must be",
        ),
        (format!("[override.p.'a\\q']\n{limit}"), 3, "override.p.a\\q", "a backslash in a key must begin"),
        (
            format!("[override.p.'\\x61']\n{limit}\n[override.p.a]\n{limit}"),
            5,
            "override.p.a",
            "the file has this key already",
        ),
        (format!("[overrides.p.k]\n{limit}"), 3, "overrides", "only tables such as [policy.name] or"),
    ] {
        // Keys before the first table header would belong to the table above, so they come first.
        let policy = "policy.p.x.inflight = 1\n\n";
        let wrong = wrong(&format!("{policy}{text}"));
        assert_eq!((wrong.line, wrong.field.as_str()), (line, field), "{text}: {wrong}");
        assert!(wrong.why.starts_with(why), "{text}: {}", wrong.why);
    }
}

#[test]
fn a_key_may_be_overridden_under_each_policy() {
    let text = "[policy.p.a]\ninflight = 1\n[policy.q.a]\ninflight = 1\n\
                [override.p.k.a]\ninflight = 2\n[override.q.k.a]\ninflight = 3\n";
    let read = entries(text);
    assert_eq!(
        read[2..],
        [overridden("p", b"k", "LIMIT a 2 INFLIGHT"), overridden("q", b"k", "LIMIT a 3 INFLIGHT")]
    );
}
