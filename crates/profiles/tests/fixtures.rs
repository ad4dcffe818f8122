//! The fixtures, which the packages of all languages run, and what no header may do.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that panics has failed"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use proptest::prelude::*;
use rl_profiles::{Told, names, profile, read};
use serde_json::{Value, json};

const NOW_MS: u64 = 1_764_410_400_000;

fn file(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn headers_are_read_as_the_fixtures_say() {
    for name in names() {
        let cases = file(&format!("fixtures/{name}.json"));
        for case in cases.as_array().unwrap() {
            let headers: Vec<(&str, &str)> = case["headers"]
                .as_object()
                .unwrap()
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str().unwrap()))
                .collect();
            let told = read(profile(name).unwrap(), &headers, case["now_ms"].as_u64().unwrap());
            let limits: Vec<Value> = told
                .limits
                .iter()
                .map(|left| json!({"names": left.names, "remaining": left.remaining, "reset_ms": left.reset_ms}))
                .collect();
            let about = format!("{name}: {}", case["name"]);
            assert_eq!(json!(limits), case["limits"], "{about}");
            assert_eq!(json!(told.hold_ms), case["hold_ms"], "{about}");
        }
    }
}

#[test]
fn the_limit_of_which_something_is_left_is_read_where_a_header_says_it() {
    let limits = |name: &str, headers: &[(&str, &str)]| -> Vec<Option<u64>> {
        let told = read(profile(name).unwrap(), headers, NOW_MS);
        told.limits.iter().map(|left| left.limit).collect()
    };
    let remaining = ("anthropic-ratelimit-requests-remaining", "5");
    assert_eq!(limits("anthropic", &[remaining, ("Anthropic-RateLimit-Requests-Limit", "50")]), [Some(50)]);
    assert_eq!(limits("anthropic", &[remaining]), [None]);
    assert_eq!(limits("anthropic", &[remaining, ("anthropic-ratelimit-requests-limit", "-1")]), [None]);
    let openai = [("x-ratelimit-remaining-tokens", "5"), ("x-ratelimit-limit-tokens", "30000")];
    assert_eq!(limits("openai", &openai), [Some(30_000)]);
}

#[test]
fn each_entry_of_the_data_has_its_source() {
    let document = file("profiles.json");
    let profiles = document["profiles"].as_object().unwrap();
    let wanted = [
        "anthropic",
        "azure",
        "bedrock",
        "gemini",
        "groq",
        "mistral",
        "openai",
        "openrouter",
        "ratelimit",
        "x-ratelimit",
    ];
    assert_eq!(names().collect::<Vec<_>>(), wanted);
    for (name, profile) in profiles {
        let lists = ["limits", "retry"].into_iter().flat_map(|list| profile[list].as_array().unwrap());
        let one = ["structured", "retry_body", "refused", "usage", "output"];
        let entries = lists.chain(one.into_iter().filter_map(|entry| profile.get(entry)));
        for entry in entries {
            assert!(entry["source"].as_str().unwrap().starts_with("https://"), "{name}: {entry}");
            assert!(entry["checked"].is_boolean(), "{name}: {entry}");
        }
        let statuses = profile["refused"]["statuses"].as_array().unwrap();
        assert!(statuses.contains(&json!(429)), "{name}");
        let own: Vec<&str> = profile["limits"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|limit| limit["names"].as_array().unwrap())
            .map(|name| name.as_str().unwrap())
            .collect();
        assert_eq!(own.iter().collect::<BTreeSet<_>>().len(), own.len(), "{name} names a limit twice");
        // All of the headers are lower case.
        for header in own_headers(profile) {
            assert_eq!(header, header.to_lowercase(), "{name}");
        }
    }
}

fn own_headers(profile: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let limits = profile["limits"].as_array().unwrap().iter();
    let limits = limits
        .flat_map(|limit| [text(&limit["remaining"]), text(&limit["reset"]["header"]), text(&limit["of"])]);
    let retries = profile["retry"].as_array().unwrap().iter().map(|retry| text(&retry["header"]));
    limits.chain(retries).chain([text(&profile["structured"]["header"])]).flatten().collect()
}

/// A value that is nearly right, or anything.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<u64>().prop_map(|number| number.to_string()),
        (any::<u32>(), any::<u32>()).prop_map(|(one, two)| format!("{one}.{two}")),
        "[0-9]{1,30}(h|m|s|ms|us|d)([0-9.]{1,9}(m|s|ms))?",
        "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]{1,12})?(Z|[+-][0-9]{2}:[0-9]{2})",
        "(\"[a-z\\\\\",;]{0,4}\"?(;(r|t|pk)=[-0-9a-z\":]{0,20}){0,3},? ?){0,5}",
        "-?[0-9.,eE+xX:TZ \"]{0,20}",
        any::<String>(),
    ]
}

proptest! {
    #[test]
    fn no_header_gives_more_than_the_bounds(values in prop::collection::vec(value(), 30), now in any::<u64>()) {
        let document = file("profiles.json");
        for name in names() {
            let headers = own_headers(&document["profiles"][name]);
            let headers: Vec<(&String, &String)> = headers.iter().zip(&values).collect();
            for now_ms in [NOW_MS, now] {
                let Told { limits, hold_ms } = read(profile(name).unwrap(), &headers, now_ms);
                let times = limits.iter().filter_map(|left| left.reset_ms).chain(hold_ms);
                for ms in times {
                    prop_assert!((1..=315_360_000_000).contains(&ms), "{name}: {ms}");
                }
                for left in limits {
                    prop_assert!(left.remaining <= 9_007_199_254_740_991 && !left.names.is_empty());
                }
            }
        }
    }
}
