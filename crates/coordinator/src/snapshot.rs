//! The limits on disk. A new file is written beside the old one and synced, and then replaces it. So the file is always
//! whole.
//!
//! ```text
//! rl-coordinator snapshot 3\n
//! now u64                                                 the clock of limits when the file was begun, since version 2
//! length u32, policies                                    those that callers have set, since version 3
//! (length u32, key, expires u64, length u32, value)*     lengths and instants in little-endian order
//! 0xffff_ffff, count u64, SHA-256 of all before it
//! ```
//! A value is what [`Value::encode`] writes. It is checked as if an enemy had written it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use rl_core::quota::policies::Policies;
use rl_core::time::{At, Span};
use rl_core::value::Value;
use rustix::fs::{FlockOperation, flock};
use sha2::{Digest as _, Sha256};

use crate::backend::Embedded;
use crate::clock::{self, Now};

const MAGIC: &[u8] = b"rl-coordinator snapshot 3\n";
/// The second version has no policies.
const MAGIC_2: &[u8] = b"rl-coordinator snapshot 2\n";
/// The first version has no instant.
const MAGIC_1: &[u8] = b"rl-coordinator snapshot 1\n";
const END: u32 = u32::MAX;
const HASH: usize = 32;

/// The file that a path leads to, through all links. A second path to the same file must not have a lock of its own, and a
/// link must not be replaced with a file.
///
/// # Errors
/// The system's error, for the operator.
pub(crate) fn resolve(path: &Path) -> Result<PathBuf, String> {
    const LINKS_MAX: usize = 40; // as Linux follows them
    let mut file = path.to_owned();
    for _ in 0..LINKS_MAX {
        let Ok(target) = fs::read_link(&file) else { break };
        file = directory(&file).join(target);
    }
    let name = file.file_name().ok_or_else(|| format!("{}: this names no file", path.display()))?;
    let directory = fs::canonicalize(directory(&file));
    Ok(directory.map_err(|error| format!("{}: {error}", path.display()))?.join(name))
}

/// The directory of a file.
fn directory(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Locks the snapshot for this process, until the returned file is dropped or the process ends. Two processes with the
/// same snapshot would each admit up to the limit, and the last one to end would discard what the other has counted.
///
/// # Errors
/// Another process has locked it, or the system's error; for the operator.
pub(crate) fn lock(path: &Path) -> Result<File, String> {
    let path = with_suffix(path, ".lock"); // the snapshot itself is a new file each time
    let wrong = |error: io::Error| match error.kind() {
        io::ErrorKind::WouldBlock => {
            format!("{}: another rl-coordinator uses this snapshot, or is about to end", path.display())
        }
        _ => format!("{}: {error}", path.display()),
    };
    let file = private().truncate(false).open(&path).map_err(wrong)?;
    flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|error| wrong(error.into()))?;
    Ok(file)
}

/// Writes all keys, and returns how many there are.
///
/// # Errors
/// The system's error. The file is the old one then, and the unfinished new one is removed: it would keep a full disk full.
pub(crate) fn write(path: &Path, limits: &Embedded) -> io::Result<u64> {
    let beside = with_suffix(path, ".new");
    let count = write_new(&beside, limits).and_then(|count| fs::rename(&beside, path).map(|()| count));
    if count.is_err() {
        let _ = fs::remove_file(&beside); // there may be none
        return count;
    }
    File::open(directory(path))?.sync_all()?; // it holds the name, so it is synced as well
    count
}

/// Writes and syncs a new file.
fn write_new(path: &Path, limits: &Embedded) -> io::Result<u64> {
    let file = private().truncate(true).open(path)?;
    let mut writer = Hashing { file: BufWriter::new(file), hash: Sha256::new() };
    writer.write_all(MAGIC)?;
    writer.write_all(&Now::read().wall.ms().to_le_bytes())?;
    let mut policies = Vec::new();
    push(&mut policies, &limits.set_policies_bytes());
    writer.write_all(&policies)?;
    let (mut count, mut result) = (0_u64, Ok(()));
    limits.each(record, |records, more| {
        count = count.saturating_add(more);
        if result.is_ok() {
            result = writer.write_all(&records);
        }
    });
    result?;
    writer.write_all(&END.to_le_bytes())?;
    writer.write_all(&count.to_le_bytes())?;
    let Hashing { mut file, hash } = writer;
    file.write_all(&hash.finalize())?;
    file.into_inner()?.sync_all()?;
    Ok(count)
}

/// Adds the record of a key.
fn record(records: &mut Vec<u8>, key: &[u8], value: &Value, expires: At) {
    push(records, key);
    records.extend(expires.ms().to_le_bytes());
    push(records, &value.encode());
}

/// The path of a file beside the snapshot: `.new` for the next one, `.lock` for the lock.
fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Opens files for writing, and creates them for this user alone: keys may be names of people.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn push(record: &mut Vec<u8>, bytes: &[u8]) {
    record.extend(u32::try_from(bytes.len()).unwrap_or(END).to_le_bytes()); // a key has a MiB at most, a value 100
    record.extend(bytes);
}

/// Hashes what it writes.
struct Hashing {
    file: BufWriter<File>,
    hash: Sha256,
}

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hash.update(bytes.get(..written).unwrap_or_default());
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Restores all keys that have not expired, and returns how many. Without a file there are none.
///
/// # Errors
/// What is wrong with the file, for the operator.
pub(crate) fn restore(path: &Path, limits: &Embedded) -> Result<u64, String> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(format!("{}: {error}", path.display())),
    };
    let damaged = |what: &str| {
        format!(
            "{}: {what}. Nothing was changed. Put a sound file in its place, or move it away to begin with nothing used",
            path.display()
        )
    };
    let Contents { begun, policies, records } =
        checked(&bytes).ok_or_else(|| damaged("this is no snapshot, or one that is damaged"))?;
    clock::not_before(begun);
    let policies =
        Policies::decode(policies).ok_or_else(|| damaged("its policies are none that this version knows"))?;
    let kept = read(records, limits).map_err(damaged)?;
    limits.restore_policies(&policies);
    Ok(kept)
}

/// The parts of a file.
struct Contents<'a> {
    /// When it was begun.
    begun: At,
    policies: &'a [u8],
    records: &'a [u8],
}

/// The parts of a file; `None` if its checksum is wrong.
fn checked(bytes: &[u8]) -> Option<Contents<'_>> {
    const NO_POLICIES: &[u8] = &[0];
    let (all, sum) = bytes.split_at_checked(bytes.len().checked_sub(HASH)?)?;
    if *Sha256::digest(all) != *sum {
        return None;
    }
    if let Some(records) = all.strip_prefix(MAGIC_1) {
        return Some(Contents { begun: At::MIN, policies: NO_POLICIES, records });
    }
    let (has_policies, mut rest) = match all.strip_prefix(MAGIC) {
        Some(rest) => (true, rest),
        None => (false, all.strip_prefix(MAGIC_2)?),
    };
    let begun = At::MIN.plus(Span::from_ms(u64::from_le_bytes(take(&mut rest)?)));
    let policies = if has_policies {
        let length = u32::from_le_bytes(take(&mut rest)?);
        split(&mut rest, length)?
    } else {
        NO_POLICIES
    };
    Some(Contents { begun, policies, records: rest })
}

fn read(mut bytes: &[u8], limits: &Embedded) -> Result<u64, &'static str> {
    const SHORT: &str = "a record is cut off";
    let clock = Now::read().wall;
    let (mut count, mut kept) = (0_u64, 0_u64);
    loop {
        let length = u32::from_le_bytes(take(&mut bytes).ok_or(SHORT)?);
        if length == END {
            let written = u64::from_le_bytes(take(&mut bytes).ok_or(SHORT)?);
            return if written == count && bytes.is_empty() {
                Ok(kept)
            } else {
                Err("it does not hold what it says")
            };
        }
        let key = split(&mut bytes, length).ok_or(SHORT)?;
        let expires = u64::from_le_bytes(take(&mut bytes).ok_or(SHORT)?);
        let length = u32::from_le_bytes(take(&mut bytes).ok_or(SHORT)?);
        let value = split(&mut bytes, length).ok_or(SHORT)?;
        let value = Value::decode(value).ok_or("a value is none that this version knows")?;
        let expires = At::MIN.plus(Span::from_ms(expires));
        count = count.saturating_add(1);
        if expires >= clock {
            limits.put(key, value, expires);
            kept = kept.saturating_add(1);
        }
    }
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (first, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*first)
}

fn split<'a>(bytes: &mut &'a [u8], length: u32) -> Option<&'a [u8]> {
    let (first, rest) = bytes.split_at_checked(usize::try_from(length).ok()?)?;
    *bytes = rest;
    Some(first)
}
