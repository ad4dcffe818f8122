//! Files that an earlier version wrote still load, hold the same limits, and are answered the same.
//!
//! The files are in tests/data, with the answers of the version that wrote them. tests/data/README.md describes both.
//! The Redis files must load on every server. An RDB of Valkey 9 is newer than other servers can read: the tests that
//! are left out for it say so on standard error.

use std::fs;
use std::path::{Path, PathBuf};

use crate::common::{Conn, Server, Value, not_tested, wait_until};

/// What RL.INFO must tell as it did. It may tell more, and `bytes` may change.
const TOLD: [&str; 6] = ["algorithm", "policy", "parameters", "used", "remaining", "reservations"];

fn data(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/60a1568").join(path)
}

/// The bytes of a word in `answers` and `dumps`.
fn unescape(word: &str) -> Vec<u8> {
    if word == "\"\"" {
        return Vec::new();
    }
    let mut parts = word.split("\\x");
    let mut bytes = parts.next().unwrap().as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(&part[..2], 16).unwrap());
        bytes.extend(&part.as_bytes()[2..]);
    }
    bytes
}

fn escape(bytes: &[u8]) -> String {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"\"\\[]*".contains(&byte);
    let one =
        |&byte: &u8| if is_plain(byte) { char::from(byte).to_string() } else { format!("\\x{byte:02x}") };
    bytes.iter().map(one).collect()
}

/// A reply as `answers` has it.
fn text(reply: &Value) -> String {
    match reply {
        Value::Nil => "nil".to_owned(),
        Value::Int(number) => number.to_string(),
        Value::Simple(status) => status.clone(),
        Value::Error(error) => format!("!{}", escape(error.as_bytes())),
        Value::Bulk(bytes) => format!("\"{}\"", escape(bytes)),
        Value::Array(items) => {
            let items: String = items.iter().map(|item| text(item) + " ").collect();
            format!("[ {items}]")
        }
        other => panic!("no reply of RESP2: {other:?}"),
    }
}

/// The fields of [`TOLD`] of what RL.INFO answers.
fn told(reply: &Value) -> Value {
    let Value::Array(fields) = reply else { return reply.clone() };
    let is_told = |pair: &&[Value]| TOLD.contains(&pair[0].text().as_str());
    Value::Array(fields.chunks(2).filter(is_told).flatten().cloned().collect())
}

/// Whether a reply is the one expected, in which `*` stands for any word. `WRONGTYPE` says more today than it did.
fn is_as_expected(reply: &str, expected: &str) -> bool {
    const WRONG_TYPE: &str = r"!WRONGTYPE\x20";
    if expected.starts_with(WRONG_TYPE) {
        return reply.starts_with(WRONG_TYPE);
    }
    let (got, wanted): (Vec<_>, Vec<_>) = (reply.split(' ').collect(), expected.split(' ').collect());
    got.len() == wanted.len() && got.iter().zip(&wanted).all(|(got, wanted)| *wanted == "*" || got == wanted)
}

/// Whether an expiry is the one expected or up to a minute later: a key lives on for that long today.
fn is_a_little_later(reply: &str, expected: &str) -> bool {
    let [got, wanted] = [reply, expected].map(|text| text.parse::<i64>().ok());
    got.zip(wanted).is_some_and(|(got, wanted)| wanted > 0 && (0..60_000).contains(&(got - wanted)))
}

/// Asks each question of a file `answers` that `wanted` picks by its first word: how many, and what is answered
/// otherwise than it says. `is_replayed` says that effects were applied anew, which say today that a key lives on.
fn ask(
    conn: &mut Conn,
    answers: &Path,
    is_replayed: bool,
    wanted: impl Fn(&str) -> bool,
) -> (usize, Vec<String>) {
    let answers = fs::read_to_string(answers).unwrap();
    let lines: Vec<&str> = answers.lines().collect();
    let (mut asked, mut differences) = (0, Vec::new());
    for pair in lines.chunks(2) {
        let (question, expected) = (pair[0].strip_prefix("> ").unwrap(), pair[1]);
        let words: Vec<Vec<u8>> = question.split(' ').map(unescape).collect();
        if !wanted(question.split(' ').next().unwrap()) {
            continue;
        }
        asked += 1;
        let reply = conn.call(&words);
        let reply = text(&if words[0] == b"RL.INFO" { told(&reply) } else { reply });
        let lives_on = is_replayed && words[0] == b"PEXPIRETIME" && is_a_little_later(&reply, expected);
        if !lives_on && !is_as_expected(&reply, expected) {
            differences.push(format!("{question}\n  expected {expected}\n  answered {reply}"));
        }
    }
    (asked, differences)
}

/// Asks all questions, and fails if one is answered otherwise.
#[track_caller]
fn assert_answers(conn: &mut Conn, answers: &Path, is_replayed: bool) {
    let (asked, differences) = ask(conn, answers, is_replayed, |_| true);
    assert!(asked > 350, "{asked} questions");
    let first = differences.iter().take(5).cloned().collect::<Vec<_>>().join("\n");
    assert!(differences.is_empty(), "{} of {asked} answers differ:\n{first}", differences.len());
}

/// Loads the files of a server, `kind` of them, and asks; then writes them anew, loads that, and asks again.
#[track_caller]
fn assert_loads(writer: &str, kind: &str) {
    let (files, answers) = (data(writer).join(kind), data(writer).join("answers"));
    let preamble = format!("aof-use-rdb-preamble {}", if kind == "commands" { "no" } else { "yes" });
    let config: &[&str] = if kind == "rdb" { &[] } else { &["appendonly yes", &preamble] };
    let server = Server::start_on_files(config, &files);
    assert_answers(&mut server.connect(), &answers, kind != "rdb");

    let mut server = Server::start_on_files(config, &files);
    let mut conn = server.connect();
    if kind == "rdb" {
        conn.done("SAVE");
    } else {
        conn.done("BGREWRITEAOF");
        wait_until("the file is rewritten", || {
            conn.info_number("aof_rewrite_in_progress") + conn.info_number("aof_rewrite_scheduled") == 0
        });
        assert_eq!(conn.info("aof_last_bgrewrite_status").as_deref(), Some("ok"));
    }
    server.crash_and_restart();
    assert_answers(&mut server.connect(), &answers, kind != "rdb");
}

/// Puts back what DUMP gave for each key, and compares the digests.
#[track_caller]
fn assert_restores(writer: &str) {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    let dumps = fs::read_to_string(data(writer).join("dumps")).unwrap();
    for line in dumps.lines() {
        let [db, key, expiry, dump] = line.split(' ').collect::<Vec<_>>().try_into().unwrap();
        let digits = (0..dump.len()).step_by(2).map(|at| &dump[at..at + 2]);
        let dump: Vec<u8> = digits.map(|digits| u8::from_str_radix(digits, 16).unwrap()).collect();
        let expiry = if expiry == "-1" { "0" } else { expiry };
        conn.done(&format!("SELECT {db}"));
        let reply = conn.call(&[b"RESTORE", &*unescape(key), expiry.as_bytes(), &dump, b"ABSTTL"]);
        assert!(!reply.is_error(), "{key}: {reply:?}");
    }
    let about_values = |command: &str| ["SELECT", "DBSIZE", "PEXPIRETIME", "DEBUG"].contains(&command);
    let (asked, differences) = ask(&mut conn, &data(writer).join("answers"), false, about_values);
    assert!(asked > 100, "{asked} questions");
    assert!(differences.is_empty(), "{} answers differ:\n{}", differences.len(), differences[0]);
}

/// Runs a test of files that only Valkey 9 and later can read. Elsewhere it says that it does not.
fn on_valkey_9(what: &str, test: impl Fn()) {
    let server = Server::start(&[]);
    let mut conn = server.connect();
    if conn.info("valkey_version").is_some() && conn.is_at_least(9, 0) {
        return test();
    }
    conn.done("SET key value");
    let dump = conn.ask("DUMP key").bytes();
    let version = u16::from_le_bytes([dump[dump.len() - 10], dump[dump.len() - 9]]);
    assert!(version < 80, "this server writes RDB version {version}, so it should be asked to read {what}");
    not_tested(what, &format!("RDB version 80, and this server has version {version}"));
}

#[test]
fn an_rdb_of_redis() {
    assert_loads("redis-7.0", "rdb");
}

#[test]
fn an_aof_of_redis_with_a_preamble() {
    assert_loads("redis-7.0", "preamble");
}

#[test]
fn an_aof_of_redis_of_commands() {
    assert_loads("redis-7.0", "commands");
}

#[test]
fn dumps_of_redis() {
    assert_restores("redis-7.0");
}

#[test]
fn an_aof_of_valkey_of_commands() {
    assert_loads("valkey-9.1", "commands");
}

#[test]
fn an_rdb_of_valkey() {
    on_valkey_9("the RDB of Valkey", || assert_loads("valkey-9.1", "rdb"));
}

#[test]
fn an_aof_of_valkey_with_a_preamble() {
    on_valkey_9("the AOF of Valkey with a preamble", || assert_loads("valkey-9.1", "preamble"));
}

#[test]
fn dumps_of_valkey() {
    on_valkey_9("what DUMP gives on Valkey", || assert_restores("valkey-9.1"));
}

#[test]
fn one_more_request_is_noticed() {
    let server = Server::start_on_files(&[], &data("redis-7.0/rdb"));
    let mut conn = server.connect();
    conn.done("RL.SLIDE slide:short 100 3650d");
    let (_, differences) = ask(&mut conn, &data("redis-7.0/answers"), false, |_| true);
    let about: Vec<&str> = differences.iter().map(|difference| difference.lines().next().unwrap()).collect();
    assert!(about.contains(&"DEBUG DIGEST") && about.contains(&"RL.PEEK slide:short"), "{about:?}");
    assert!(
        about.iter().all(|about| about.contains("DIGEST") || about.contains(" slide:short")),
        "{about:?}"
    );
}
