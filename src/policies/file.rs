//! Reads the operator's file of policies.
//!
//! A mistake in it refuses the load, and a log line says where it is. Otherwise a server could run without its limits, and
//! somebody would find out late.

use std::ffi::{CStr, OsStr};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use rl_core::grammar::policy_file;
use rl_core::quota::shape::Shape;

use crate::arguments::Arguments;
use crate::settings;
use crate::sys::context::Context;
use crate::sys::log::{Level, printable};

/// The load argument that names the file.
pub(crate) const ARGUMENT: &CStr = c"policies";

/// The largest size of the file in bytes. That is far more than people write.
const MAX_BYTES: u64 = 1 << 20;

/// The policies of the file that the load arguments name, if they name one. Returns `None` to refuse the load.
pub(crate) fn read_file(context: &Context<'_>, arguments: Arguments<'_>) -> Option<Vec<Arc<Shape>>> {
    match arguments.get(ARGUMENT) {
        None => Some(Vec::new()),
        Some(Some(path)) => read(context, path),
        Some(None) => {
            context.log(Level::Warning, c"redis-rl: policies must be the path of a file");
            None
        }
    }
}

fn read(context: &Context<'_>, path: &[u8]) -> Option<Vec<Arc<Shape>>> {
    let policies = bytes(Path::new(OsStr::from_bytes(path))).and_then(|text| {
        policy_file::parse(&text, |rule| settings::allow_window(rule.longest()))
            .map_err(|wrong| wrong.to_string())
    });
    let refuse = |why: &String| {
        let line = [b"redis-rl: ", path, b", ", why.as_bytes()].concat();
        context.log(Level::Warning, &printable(&line));
    };
    policies.inspect_err(refuse).ok()
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
