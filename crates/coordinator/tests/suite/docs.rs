//! The shell lines of docs/coordinator.md and README.md work.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::common::Coordinator;

/// The shell lines of a page that ask rl-coordinator, in order.
fn typed(page: &str) -> Vec<String> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(page)).unwrap();
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        match lines.last_mut() {
            // A command continues until its quotes are closed.
            Some(last) if last.matches('\'').count() % 2 == 1 => *last += line,
            _ if line.starts_with("json=") => lines.push(line.to_owned()),
            _ if line.starts_with("curl ") && line.contains(":8765/") => lines.push(line.to_owned()),
            _ => {}
        }
    }
    lines
}

#[test]
fn the_lines_of_the_docs_are_answered() {
    let coordinator = Coordinator::start("", &[]);
    let here = format!("localhost:{}", coordinator.port);
    for (page, least) in [("docs/coordinator.md", 7), ("README.md", 2)] {
        let lines = typed(page);
        assert!(lines.len() >= least, "{page}: {lines:?}");
        let curl = "curl() { command curl -sS --fail-with-body \"$@\" || echo FAILED; echo; }\n";
        let script = [curl, &lines.join("\n").replace("localhost:8765", &here)].concat();
        let output = Command::new("sh").args(["-c", &script]).output().unwrap();
        let out =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        let answers = lines.iter().filter(|line| line.starts_with("curl")).count();
        let kinds = ["\"allowed\"", "\"done\":true", "\"hold_ms\"", "\"used_elsewhere\""];
        let known: usize = kinds.iter().map(|kind| out.matches(kind).count()).sum();
        assert!(known >= answers, "{out}");
        assert!(!out.contains("FAILED"), "{page}: {out}");
    }
}

#[test]
fn the_help_has_examples_that_are_understood() {
    let help = Command::new(env!("CARGO_BIN_EXE_rl-coordinator")).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    assert!(help.contains("Examples:") && help.contains("--insecure-bind-anyway"), "{help}");
    assert!(help.contains("curl -X POST localhost:8765/allow"));
}

#[test]
fn the_log_is_for_programs_where_it_is_asked_for() {
    let mut coordinator = Coordinator::start("", &["--log", "json"]);
    coordinator.end();
    let log = coordinator.log();
    assert!(log.lines().count() >= 2, "{log}");
    for line in log.lines() {
        let line: serde_json::Value =
            serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"));
        assert!(
            line["level"] == "INFO" && line["timestamp"].is_string() && line["message"].is_string(),
            "{line}"
        );
    }
}
