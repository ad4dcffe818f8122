//! A snapshot that an earlier version wrote still loads, holds the same limits, and is answered the same.
//!
//! The files are in tests/data, with the answers of the version that wrote them. tests/data/README.md describes both.

use std::fs;
use std::path::PathBuf;

use serde_json::Value as Json;

use crate::common::coordinator::folder;
use crate::common::{Client, Coordinator};

const CONFIG: &str = "policies = \"policies.toml\"\n[snapshot]\npath = \"limits\"\n";

fn data(file: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/60a1568/coordinator")).join(file)
}

/// The program on a copy of the files.
fn loaded() -> Coordinator {
    let dir = folder();
    for file in ["limits", "policies.toml"] {
        fs::copy(data(file), dir.join(file)).unwrap();
    }
    Coordinator::start_in(&dir, CONFIG, &[])
}

/// Whether an answer has all that is expected, in which `"*"` stands for anything.
fn is_as_expected(answer: &Json, expected: &Json) -> bool {
    match (answer, expected) {
        (_, Json::String(any)) if any == "*" => true,
        (Json::Object(answer), Json::Object(expected)) => expected
            .iter()
            .all(|(name, expected)| answer.get(name).is_some_and(|answer| is_as_expected(answer, expected))),
        (Json::Array(answers), Json::Array(expected)) => {
            answers.len() == expected.len()
                && answers.iter().zip(expected).all(|(answer, expected)| is_as_expected(answer, expected))
        }
        _ => answer == expected,
    }
}

/// Asks each question: what is answered otherwise than expected.
fn differences(client: &mut Client) -> Vec<String> {
    let answers = fs::read_to_string(data("answers")).unwrap();
    let lines: Vec<&str> = answers.lines().collect();
    assert!(lines.len() >= 140, "{} lines", lines.len());
    let mut differences = Vec::new();
    for pair in lines.chunks(2) {
        let (command, body) = pair[0].strip_prefix("> ").unwrap().split_once(' ').unwrap();
        let (status, expected) = pair[1].split_once(' ').unwrap();
        let answer = client.v1(command, &serde_json::from_str(body).unwrap());
        let expected: Json = serde_json::from_str(expected).unwrap();
        if answer.status.to_string() != status || !is_as_expected(&answer.json(), &expected) {
            differences.push(format!("{}\n  expected {}\n  answered {}", pair[0], pair[1], answer.text()));
        }
    }
    differences
}

#[track_caller]
fn assert_answers(coordinator: &Coordinator) {
    let differences = differences(&mut coordinator.client());
    assert!(differences.is_empty(), "{} answers differ:\n{}", differences.len(), differences.join("\n"));
}

#[test]
fn a_snapshot_loads_and_is_answered_the_same() {
    assert_answers(&loaded());
}

#[test]
fn a_snapshot_that_is_written_anew_is_answered_the_same() {
    let mut coordinator = loaded();
    assert!(coordinator.end().success());
    coordinator.restart();
    assert_answers(&coordinator);
}

#[test]
fn one_more_request_is_noticed() {
    let coordinator = loaded();
    let mut client = coordinator.client();
    client
        .v1("slide", &serde_json::json!({"key": "slide:short", "limit": 100, "window": "3650d"}))
        .status(200);
    let differences = differences(&mut client);
    assert!(!differences.is_empty() && differences.iter().all(|about| about.contains("slide:short")));
}
