//! Types every line of README.md and docs/ that a reader may type, and compares the server's answer with the
//! answer on the page. Configuration files on the pages are read by the server. `docs.rs` checks the grammar.
//! tests/clients/pages.py, tests/llm/pages.py and tests/packages/pages.py run the programs, and
//! tests/pages/shell.py runs the other shell lines.

use std::fs;
use std::path::{Path, PathBuf};

use crate::common::{Conn, Server, Value};

/// Commands to run before a line is typed: the page, the line, and the commands.
const BEFORE: &[(&str, &str, &[&str])] = &[
    ("commands.md", "RL.TOP DENIED COUNT 1", &["RL.SLIDE api:anthropic 1 60", "RL.SLIDE api:anthropic 1 60"]),
    (
        "llm-quotas.md",
        "RL.MQUOTA 3 {acme}:org {acme}:team:search {acme}:user:ann POLICY org team user COST cents 3 RESERVE 60 ID req-7f3c",
        &[
            "RL.POLICY SET org LIMIT spend 100000 1d UNIT cents",
            "RL.POLICY SET team LIMIT rpm 1 60",
            "RL.POLICY SET user LIMIT rpm 60 60",
            "RL.QUOTA {acme}:team:search POLICY team",
        ],
    ),
    (
        "waiting.md",
        "RL.QUOTA q:claude POLICY claude COST output 4096 RESERVE 120 ID req-7f3b WAIT 20 PRIORITY HIGH",
        &["RL.POLICY SET claude LIMIT output 90000 60 UNIT output"],
    ),
];

/// The pages whose lines are typed.
const PAGES: [&str; 12] = [
    "README.md",
    "docs/COMPARE.md",
    "docs/DESIGN.md",
    "docs/clients.md",
    "docs/commands.md",
    "docs/llm-quotas.md",
    "docs/migrating.md",
    "docs/monitoring.md",
    "docs/operations.md",
    "docs/releasing.md",
    "docs/waiting.md",
    "examples/README.md",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// Returns the blocks of a page: the language of each, and its text.
fn blocks(page: &str) -> Vec<(String, String)> {
    let text = fs::read_to_string(root().join(page)).unwrap();
    let parts: Vec<&str> = text.split("\n```").collect();
    assert!(parts.len() % 2 == 1, "{page}: a block that does not end");
    let of =
        |part: &&str| part.split_once('\n').map(|(language, code)| (language.to_owned(), code.to_owned()));
    parts.iter().skip(1).step_by(2).filter_map(of).collect()
}

/// Formats a reply as redis-cli shows it, without indentation: one line for each value.
fn show(reply: &Value, prefix: &str, lines: &mut Vec<String>) {
    let line = match reply {
        Value::Int(number) => format!("(integer) {number}"),
        Value::Bulk(text) => format!("\"{}\"", String::from_utf8_lossy(text)),
        Value::Simple(text) => text.clone(),
        Value::Error(text) => format!("(error) {text}"),
        Value::Nil => "(nil)".into(),
        Value::Array(parts) if parts.is_empty() => "(empty array)".into(),
        Value::Array(parts) => {
            for (index, part) in parts.iter().enumerate() {
                let number = format!("{}) ", index + 1);
                let prefix = if index == 0 { format!("{prefix}{number}") } else { number };
                show(part, &prefix, lines);
            }
            return;
        }
        other => panic!("{other:?}"),
    };
    lines.push(format!("{prefix}{line}"));
}

/// Returns whether a line is the one on the page. Numbers of a thousand and more are mostly times, and always
/// match.
fn is_as_shown(shown: &str, line: &str) -> bool {
    let number = |line: &str| {
        let (prefix, number) = line.split_once("(integer) ")?;
        Some((prefix.to_owned(), number.parse::<i64>().ok()?))
    };
    match (number(shown), number(line)) {
        (Some((one, shown)), Some((other, _))) if shown >= 1_000 => one == other,
        _ => shown == line,
    }
}

/// Compares the answer on the page with the reply to a line. `…` stands for any lines. Text three spaces
/// after a value is an explanation, and is ignored.
fn compare(shown: &[&str], reply: &Value, line: &str) {
    if shown.is_empty() {
        return; // it only must not be an error
    }
    let mut lines = Vec::new();
    show(reply, "", &mut lines);
    let mut left = lines.iter();
    let mut may_skip = false;
    for shown in shown {
        let shown = shown.trim_start();
        let shown = shown.find("   ").map_or(shown, |end| &shown[..end]).trim_end();
        if shown.contains('…') {
            may_skip = true;
            continue;
        }
        let found = if may_skip {
            left.any(|line| is_as_shown(shown, line))
        } else {
            left.next().is_some_and(|line| is_as_shown(shown, line))
        };
        assert!(found, "{line}: no {shown:?} in {lines:#?}");
        may_skip = false;
    }
    assert!(may_skip || left.next().is_none(), "{line}: more than is shown: {lines:#?}");
}

/// Types the lines of a block that a reader may type, and returns how many there were.
fn type_lines(page: &str, code: &str, conn: &mut Conn) -> usize {
    // The part of a line in which the shell processes the answer is ignored.
    let typed = |line: &str| {
        let line = line.strip_prefix("> ").or_else(|| line.strip_prefix("redis-cli "))?;
        Some(line.split(" | ").next()?.to_owned())
    };
    let lines: Vec<&str> = code.lines().collect();
    let mut count = 0;
    for (index, line) in lines.iter().enumerate() {
        let Some(line) = typed(line) else { continue };
        for (_, _, before) in BEFORE.iter().filter(|(on, of, _)| page.ends_with(on) && *of == line) {
            before.iter().for_each(|line| assert!(!conn.ask(line).is_error(), "{line}"));
        }
        let reply = conn.ask(&line);
        assert!(!reply.is_error(), "{page}: {line}: {reply:?}");
        let is_answer = |shown: &&&str| !shown.is_empty() && typed(shown).is_none();
        let shown: Vec<&str> = lines[index + 1..].iter().take_while(is_answer).copied().collect();
        compare(&shown, &reply, &line);
        count += 1;
    }
    count
}

#[test]
fn what_is_shown_to_be_typed_is_answered_as_shown() {
    let mut typed = 0;
    for page in PAGES {
        let blocks = blocks(page);
        let files = blocks.iter().filter(|(language, _)| language == "toml");
        let policies: String = files.flat_map(|(_, file)| [file.as_str(), "\n"]).collect();
        let (settings, file) = (["rl.cl-throttle yes"], ("policies.toml", policies.as_bytes()));
        let server = Server::start_with_file(&settings, "policies policies.toml", file).unwrap();
        let mut conn = server.connect();
        typed += blocks.iter().map(|(_, code)| type_lines(page, code, &mut conn)).sum::<usize>();
    }
    assert!(typed >= 30, "{typed}");
}
