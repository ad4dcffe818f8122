//! Reads the operator's file of policies.
//!
//! A mistake in it refuses the load, and a log line says where it is. Otherwise a server could run without its limits, and
//! somebody would find out late.

use std::ffi::{CStr, OsStr};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf, absolute};

use rl_core::grammar::policy_file;
use rl_core::quota::policy_entry::PolicyEntry;

use crate::arguments::Arguments;
use crate::settings;
use crate::sys::context::Context;
use crate::sys::log::{Level, printable};
use crate::sys::main_thread::{MainThread, MainThreadCell};

/// The load argument that names the file.
pub(crate) const ARGUMENT: &CStr = c"policies";

/// The largest size of the file in bytes. That is far more than people write.
const MAX_BYTES: u64 = 1 << 20;

/// The path of the file, if the load arguments name one. It is absolute, because the server's folder can change.
static PATH: MainThreadCell<Option<PathBuf>> = MainThreadCell::new(None);

/// The policies of the file that the load arguments name, if they name one. Returns `None` to refuse the load.
pub(crate) fn read_file(context: &Context<'_>, arguments: Arguments<'_>) -> Option<Vec<PolicyEntry>> {
    let refuse = |line: &[&[u8]]| {
        context.log(Level::Warning, &printable(&[&[b"redis-rl: ".as_slice()], line].concat().concat()));
    };
    let path = match arguments.get(ARGUMENT) {
        None => return Some(Vec::new()),
        Some(Some(path)) => path,
        Some(None) => {
            refuse(&[b"policies must be the path of a file"]);
            return None;
        }
    };
    let file = Path::new(OsStr::from_bytes(path));
    let policies = read(file).inspect_err(|why| refuse(&[path, b", ", why.as_bytes()])).ok()?;
    PATH.with(context.main_thread(), |known| *known = absolute(file).ok());
    Some(policies)
}

/// Reads again the file that was read when the module was loaded. Returns `None` if there was none.
///
/// # Errors
/// What is wrong with the file, and where.
pub(super) fn read_again(main_thread: MainThread<'_>) -> Option<Result<Vec<PolicyEntry>, String>> {
    PATH.with(main_thread, |path| path.as_deref().map(read)).flatten()
}

fn read(path: &Path) -> Result<Vec<PolicyEntry>, String> {
    let text = bytes(path)?;
    policy_file::parse(&text, |rule| settings::allow_window(rule.longest()))
        .map_err(|wrong| wrong.to_string())
}

fn bytes(path: &Path) -> Result<Vec<u8>, String> {
    let read = || -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(path)?.take(MAX_BYTES.saturating_add(1)).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().map_err(|error| error.to_string())?;
    let fits = u64::try_from(bytes.len()).is_ok_and(|len| len <= MAX_BYTES);
    if fits { Ok(bytes) } else { Err(format!("a file of policies may have {MAX_BYTES} bytes")) }
}
