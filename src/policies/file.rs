//! Reads the operator's file of policies. Whatever is wrong with it is a line in the log that says
//! where, and refuses the load: a server that came up without its limits would be found out late.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use rl_core::grammar::policy_file;
use rl_core::quota::shape::Shape;

use crate::settings;
use crate::sys::context::{Context, Level, printable};

/// A file has so many bytes at most, which is far more than one that people write.
const MOST: u64 = 1 << 20;

/// The policies of a file.
pub(super) fn read(context: Context<'_>, path: &[u8]) -> Option<Vec<Arc<Shape>>> {
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
        File::open(path)?.take(MOST.saturating_add(1)).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().map_err(|error| error.to_string())?;
    let fits = u64::try_from(bytes.len()).is_ok_and(|len| len <= MOST);
    if fits { Ok(bytes) } else { Err(format!("a file of policies may have {MOST} bytes")) }
}
