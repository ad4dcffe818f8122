//! Sends as fast as the server answers. Each connection has a pipeline of requests under way, and sends the next
//! pipeline when all of them are answered.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use crate::command::{Command, Dice, clock};
use crate::connections::{Client, Connections};
use crate::replies::fail;

const WARM_UP: Duration = Duration::from_millis(100);

pub fn run(path: &str, keys: u64, seconds: f64, count: usize, pipeline: usize, mut command: Command) {
    let mut connections = Connections::new(path, count, command.replies());
    let mut control = UnixStream::connect(path).unwrap_or_else(|error| fail(&error.to_string()));
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let mut buffer = Vec::new();
    let mut send = |client: &mut Client| {
        buffer.clear();
        let now = clock();
        for _ in 0..pipeline {
            command.write(&mut buffer, dice.below(keys), now);
            client.asked.push_back(0);
        }
        client.send(&buffer);
    };
    connections.clients.iter_mut().for_each(&mut send);
    let mut during = |length: Duration| {
        let (begin, mut answered) = (Instant::now(), 0_u64);
        while begin.elapsed() < length {
            connections.hear(Some(Duration::from_secs(1)), |client, requests| {
                answered += requests as u64;
                client.asked.drain(..requests);
                if client.asked.is_empty() {
                    send(client);
                }
            });
        }
        (answered, begin.elapsed().as_secs_f64())
    };
    during(WARM_UP);
    let before = cpu(&mut control);
    let (requests, seconds) = during(Duration::from_secs_f64(seconds));
    let cpu = cpu(&mut control) - before;
    println!("{{\"requests\": {requests}, \"seconds\": {seconds:.6}, \"cpu\": {cpu:.6}}}");
}

/// Returns the processor time of the server in seconds: its own time and the system's time for it.
fn cpu(control: &mut UnixStream) -> f64 {
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
