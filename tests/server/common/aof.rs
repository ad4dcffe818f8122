//! Reads the append-only file: the commands that the server would repeat after a crash.

use std::fs;
use std::path::Path;

use rl_core::effect;
use rl_core::limit::effect::LimitEffect;

/// Returns every command of an append-only file in order: first the base, then the increments. An incomplete
/// command at the end is left out.
pub fn commands(server_dir: &Path) -> Vec<Vec<Vec<u8>>> {
    files(server_dir).iter().flat_map(|bytes| parse(bytes)).collect()
}

/// Returns the total size of its files in bytes.
pub fn size(server_dir: &Path) -> usize {
    files(server_dir).iter().map(Vec::len).sum()
}

/// Returns the effects in the file: all admissions and refunds, each with its instant.
pub fn effects(server_dir: &Path) -> Vec<Effect> {
    commands(server_dir).iter().filter_map(|command| Effect::of(command)).collect()
}

/// An effect on one limit: an admission or a refund.
#[derive(Clone, Debug)]
pub struct Effect {
    pub key: String,
    pub kind: String,
    pub at: u64,
    pub cost: u64,
}

impl Effect {
    /// Parses a command of the file. Returns `None` if it is not an effect on one limit.
    pub fn of(command: &[Vec<u8>]) -> Option<Self> {
        let [name, key, effect] = command else { return None };
        if !name.eq_ignore_ascii_case(b"RL.APPLY") {
            return None;
        }
        let (kind, at, cost) = match effect::Effect::decode(effect, None).unwrap() {
            effect::Effect::Limit(LimitEffect::Admit { rule, at, cost }) => (rule.algorithm(), at, cost),
            effect::Effect::Limit(LimitEffect::Refund { at, cost }) => ("refund", at, cost),
            effect::Effect::Quota(_) | effect::Effect::Told(_) => return None,
        };
        let key = String::from_utf8_lossy(key).into_owned();
        Some(Self { key, kind: kind.to_owned(), at: at.ms(), cost })
    }
}

/// Returns the number of the file's base. A rewrite of the file changes it.
pub fn base(server_dir: &Path) -> usize {
    let manifest = fs::read_to_string(server_dir.join("appendonlydir/appendonly.aof.manifest")).unwrap();
    let base = manifest.lines().find(|line| line.ends_with("type b")).expect("a base");
    base.split(' ').nth(3).unwrap().parse().unwrap()
}

fn files(server_dir: &Path) -> Vec<Vec<u8>> {
    let dir = server_dir.join("appendonlydir");
    let manifest = fs::read_to_string(dir.join("appendonly.aof.manifest")).unwrap();
    let live = |line: &&str| !line.contains("type h"); // type h: history, about to be deleted
    let name = |line: &str| line.split(' ').nth(1).unwrap().to_owned();
    manifest.lines().filter(live).map(|line| fs::read(dir.join(name(line))).unwrap()).collect()
}

fn parse(bytes: &[u8]) -> Vec<Vec<Vec<u8>>> {
    let mut rest = bytes;
    let mut commands = Vec::new();
    if rest.starts_with(b"REDIS") || rest.starts_with(b"VALKEY") {
        return commands; // a base in RDB form
    }
    while !rest.is_empty() {
        if rest[0] == b'#' {
            let _ = line(&mut rest); // an annotation
            continue;
        }
        let Some(command) = command(&mut rest) else { break };
        commands.push(command);
    }
    commands
}

fn command(rest: &mut &[u8]) -> Option<Vec<Vec<u8>>> {
    let count = number(rest, b'*')?;
    (0..count).map(|_| argument(rest)).collect()
}

fn argument(rest: &mut &[u8]) -> Option<Vec<u8>> {
    let length = number(rest, b'$')?;
    let argument = rest.get(..length)?.to_vec();
    *rest = rest.get(length + 2..)?;
    Some(argument)
}

fn number(rest: &mut &[u8], marker: u8) -> Option<usize> {
    let line = line(rest)?;
    std::str::from_utf8(line.strip_prefix(&[marker])?).ok()?.parse().ok()
}

fn line<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let end = rest.windows(2).position(|pair| pair == b"\r\n")?;
    let line = &rest[..end];
    *rest = &rest[end + 2..];
    Some(line)
}
