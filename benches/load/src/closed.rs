//! Sends as fast as the server answers. Each connection has a pipeline of requests under way, and sends the next
//! pipeline when all of them are answered.

use std::time::{Duration, Instant};

use crate::command::{Command, Dice, clock};
use crate::connections::{Client, Connections};
use crate::cpu::Cpu;

const WARM_UP: Duration = Duration::from_millis(100);

pub fn run(server: &str, keys: u64, seconds: f64, count: usize, pipeline: usize, mut command: Command) {
    let (path, process) = server.split_once('@').map_or((server, None), |(path, pid)| (path, Some(pid)));
    let mut connections = Connections::new(path, count, command.replies());
    let mut used = Cpu::of(path, process);
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
    let before = used.seconds();
    let (requests, seconds) = during(Duration::from_secs_f64(seconds));
    let cpu = used.seconds() - before;
    println!("{{\"requests\": {requests}, \"seconds\": {seconds:.6}, \"cpu\": {cpu:.6}}}");
}
