//! The processor time of the server: its own time and the system's time for it.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use crate::replies::fail;

/// Where the processor time is read.
pub enum Cpu {
    /// `INFO cpu` of a Redis server.
    Info(UnixStream),
    /// The threads of a process, by its id (Linux). For a server that has no `INFO`.
    Process(u64),
}

impl Cpu {
    /// Reads from the process if there is one, else asks the server on the Unix socket `path`.
    pub fn of(path: &str, process: Option<&str>) -> Self {
        match process.map(|pid| pid.parse().unwrap_or_else(|_| fail("a process id is wanted after @"))) {
            Some(pid) => Self::Process(pid),
            None => Self::Info(UnixStream::connect(path).unwrap_or_else(|error| fail(&error.to_string()))),
        }
    }

    /// Returns the processor time so far, in seconds.
    pub fn seconds(&mut self) -> f64 {
        match self {
            Self::Info(control) => info(control),
            Self::Process(pid) => threads(*pid).unwrap_or_else(|error| fail(&error.to_string())),
        }
    }
}

fn info(control: &mut UnixStream) -> f64 {
    let mut read = || -> std::io::Result<String> {
        control.write_all(b"INFO cpu\r\n")?;
        let mut bytes = vec![0; 4096];
        let count = control.read(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes[..count]).into_owned())
    };
    let text = read().unwrap_or_else(|error| fail(&error.to_string()));
    let field = |name| {
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        value
            .and_then(|value| value.parse::<f64>().ok())
            .unwrap_or_else(|| fail("INFO cpu is not as expected"))
    };
    field("used_cpu_user") + field("used_cpu_sys")
}

/// Adds up the threads of a process. The first number of their `schedstat` is the time on a processor, in nanoseconds.
fn threads(pid: u64) -> std::io::Result<f64> {
    let mut nanos = 0;
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        let text = fs::read_to_string(thread?.path().join("schedstat"))?;
        nanos += text.split(' ').next().and_then(|first| first.parse::<u64>().ok()).unwrap_or(0);
    }
    Ok(nanos as f64 / 1e9)
}
