//! Two hundred clients in four lanes on one key, from programs in four languages. Each admission goes to the
//! first waiter of the highest lane.
//!
//! The order of arrivals and admissions is read from one record that the server itself writes, in the order
//! of its own steps: the append-only file. An admission is in the file anyway, with the id or cost that
//! identifies the request. For the arrival, each client sends a write that names the request, followed by the
//! request, in one packet. The server runs the two with nothing between them, and MONITOR confirms this. The
//! steps of the record are therefore in the right order, and the test needs no tolerance.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::common::ledger::Ledger;
use crate::common::oracle::Log;
use crate::common::process::{self, Process};
use crate::common::quota::{Entry, Event, entries};
use crate::common::turns::{self, Step};
use crate::common::{Conn, Random, Server, Value, aof};

/// The number of clients of each program. A quarter of all clients is in each lane.
const CLIENTS: u64 = 50;
/// The number of requests of each client.
const REQUESTS: u64 = 3;
/// The number of programs: one for each of [`LANGUAGES`], and this one.
const PROGRAMS: u64 = 4;
const TOTAL: usize = 600;

/// The base of every cost. A request is known by its cost, and all costs are nearly the same.
const COST: u64 = 1_000_000;

const LANES: [&str; 4] = ["CRITICAL", "HIGH", "NORMAL", "LOW"];

/// The command that runs the program of each language, and the program.
const LANGUAGES: [(&str, &str); 3] = [("python3", "client.py"), ("perl", "client.pl"), ("cc", "client.c")];

/// One request in the form that a program receives it: `client|pause in ms|arrival|request`.
struct Order {
    id: String,
    lane: usize,
    line: String,
}

/// Returns the orders of one program. `request` makes a request from its number and lane.
fn orders(program: u64, request: fn(u64, &str) -> (String, String)) -> Vec<Order> {
    let mut random = Random::new(program);
    let each = (0..CLIENTS).flat_map(|client| (0..REQUESTS).map(move |nth| (client, nth)));
    let order = |(client, nth): (u64, u64)| {
        let nth_client = program * CLIENTS + client;
        let lane = usize::try_from(nth_client % 4).unwrap();
        let (id, request) = request(nth_client * REQUESTS + nth, LANES[lane]);
        let pause = random.between(0, 2_000);
        let line = format!("{client}|{pause}|RPUSH arrivals {id}|{request}");
        Order { id, lane, line }
    };
    each.map(order).collect()
}

#[test]
fn clients_of_a_quota_in_many_languages_are_admitted_in_turn() {
    let request = |number: u64, lane: &str| {
        let id = format!("{lane}-{number}");
        let request = format!("RL.QUOTA k LIMIT rate 50 1 RESERVE 60 ID {id} WAIT 60 PRIORITY {lane}");
        (id, request)
    };
    let server = run(request, |command| match Entry::of(command)?.event {
        Event::Admitted { reserved, .. } => Some(String::from_utf8(reserved?.0).unwrap()),
        _ => None,
    });
    let ledger = Ledger::of(entries(server.dir())); // fails if a window was over-admitted
    assert_eq!(ledger.account("k").total("rate"), u128::try_from(TOTAL).unwrap());
    assert_eq!(ledger.account("k").most("rate"), 50);
}

#[test]
fn clients_of_a_sliding_window_in_many_languages_are_admitted_in_turn() {
    const LIMIT: u64 = 50 * COST + 50_000; // room for fifty requests, whichever they are
    let request = |number: u64, lane: &str| {
        let cost = COST + number;
        (cost.to_string(), format!("RL.SLIDE k {LIMIT} 1 COST {cost} WAIT 60 PRIORITY {lane}"))
    };
    let server = run(request, |command| Some(aof::Effect::of(command)?.cost.to_string()));
    let mut log = Log::default();
    for effect in aof::effects(server.dir()) {
        log.admit(effect.at, effect.cost);
    }
    let most = log.most_sliding(1_000);
    assert!(most <= u128::from(LIMIT), "{most}");
    assert!(most >= u128::from(50 * COST), "nothing was held back");
}

/// Runs all programs, and checks their replies and the record. `admitted` returns the id of the request that
/// a command of the append-only file admits.
fn run(request: fn(u64, &str) -> (String, String), admitted: fn(&[Vec<u8>]) -> Option<String>) -> Server {
    let server = Server::start(&["appendonly yes", "appendfsync no"]);
    let mut monitor = server.connect();
    monitor.done("MONITOR");
    let all: Vec<Vec<Order>> = (0..PROGRAMS).map(|program| orders(program, request)).collect();
    let files: Vec<PathBuf> =
        (0..).zip(&all).map(|(program, orders)| write(&server, program, orders)).collect();
    let own = [server.socket().display().to_string(), files[0].display().to_string()];
    let mut own = Process::start("languages::client", &own);
    let programs: Vec<Program> = LANGUAGES
        .iter()
        .zip(&files[1..])
        .map(|((runner, source), orders)| Program::start(runner, source, &server, orders))
        .collect();
    let mut said = vec![own.reported()];
    said.extend(programs.into_iter().map(Program::said));
    for (orders, said) in all.iter().zip(&said) {
        let mut answers: Vec<&str> = said.iter().map(String::as_str).collect();
        answers.sort_unstable_by_key(|line| {
            line.split(' ').next().map(|number| number.parse::<usize>().unwrap())
        });
        let admitted: Vec<String> = (0..orders.len()).map(|number| format!("{number} 1")).collect();
        assert_eq!(answers, admitted, "each request is answered once, and admitted");
    }
    assert_arrivals_are_next_to_their_requests(&server, &mut monitor);
    let lanes: HashMap<&str, usize> =
        all.iter().flatten().map(|order| (order.id.as_str(), order.lane)).collect();
    let record: Vec<Step> =
        aof::commands(server.dir()).iter().filter_map(|command| step(command, &lanes, admitted)).collect();
    let tally = turns::follow(&record).unwrap_or_else(|at| {
        panic!("a client jumped: {:#?}", &record[at.saturating_sub(9)..=at]);
    });
    assert_eq!((tally.admitted, tally.left), ([TOTAL / 4; 4], 0));
    // There were waiters to jump over, in the same lane and in lower lanes. A jump anywhere is detected.
    assert!(tally.before_own_lane > TOTAL / 4 && tally.before_lower_lanes > TOTAL / 20, "{tally:?}");
    let mut jumps = 0;
    for (at, jumped) in turns::with_a_jump(&record) {
        assert_eq!(turns::follow(&jumped), Err(at));
        jumps += 1;
    }
    assert!(jumps > TOTAL / 4, "{jumps}");
    eprintln!("{tally:?}; {jumps} pairs were admitted one right after the other");
    server
}

fn write(server: &Server, program: u64, orders: &[Order]) -> PathBuf {
    let file = server.dir().join(format!("orders.{program}"));
    let lines: Vec<&str> = orders.iter().map(|order| order.line.as_str()).collect();
    fs::write(&file, lines.join("\n")).unwrap();
    file
}

/// Parses a step of the record.
fn step(
    command: &[Vec<u8>],
    lanes: &HashMap<&str, usize>,
    admitted: fn(&[Vec<u8>]) -> Option<String>,
) -> Option<Step> {
    if let [name, list, id] = command
        && name.eq_ignore_ascii_case(b"RPUSH")
        && list == b"arrivals"
    {
        let id = String::from_utf8(id.clone()).unwrap();
        return Some(Step::Joined { lane: lanes[id.as_str()], id });
    }
    admitted(command).map(|id| Step::Admitted { id })
}

/// Checks that the server ran each request right after its arrival. MONITOR also shows the commands that the
/// module itself sends when a waiter's turn has come.
fn assert_arrivals_are_next_to_their_requests(server: &Server, monitor: &mut Conn) {
    server.connect().done("PING the-end");
    let line = |value: Value| match value {
        Value::Simple(line) => line,
        other => panic!("no line of MONITOR: {other:?}"),
    };
    let lines = std::iter::repeat_with(|| line(monitor.receive()));
    // On Redis 7.0 the module sends this command before it admits a waiter. The command changes nothing.
    let lines = lines.filter(|line| !line.contains(r#""PEXPIREAT" "#));
    let lines: Vec<String> = lines.take_while(|line| !line.contains("the-end")).collect();
    let mut arrivals = 0;
    for pair in lines.windows(2) {
        if let Some((_, id)) = pair[0].split_once(r#""RPUSH" "arrivals" "#) {
            assert!(pair[1].contains("\"RL.") && pair[1].contains(id), "{pair:?}");
            arrivals += 1;
        }
    }
    assert_eq!(arrivals, TOTAL);
}

/// A program in another language.
struct Program {
    source: &'static str,
    child: Child,
}

impl Program {
    fn start(runner: &str, source: &'static str, server: &Server, orders: &Path) -> Self {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/server/languages").join(source);
        let mut command = Command::new(runner);
        if runner == "cc" {
            let program = server.dir().join("client");
            command.arg("-O1").arg("-o").arg(&program).arg(&file);
            let status = command.status().unwrap_or_else(|error| missing(runner, &error));
            assert!(status.success(), "{source} does not compile");
            command = Command::new(program);
        } else {
            command.arg(&file);
        }
        command.arg(server.socket()).arg(orders).stdout(Stdio::piped());
        let child = command.spawn().unwrap_or_else(|error| missing(runner, &error));
        Self { source, child }
    }

    fn said(mut self) -> Vec<String> {
        let mut said = String::new();
        std::io::Read::read_to_string(self.child.stdout.as_mut().unwrap(), &mut said).unwrap();
        assert!(self.child.wait().unwrap().success(), "{} failed", self.source);
        said.lines().map(str::to_owned).collect()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn missing(runner: &str, error: &std::io::Error) -> ! {
    panic!("{runner} is needed for clients in its language (`.ci/setup.sh languages` installs it): {error}")
}

/// Runs the program in Rust. Does nothing in the process that runs the tests.
#[test]
fn client() {
    let Some(order) = process::order() else { return };
    let mut clients: HashMap<String, Vec<(usize, String)>> = HashMap::new();
    for (number, line) in fs::read_to_string(&order[1]).unwrap().lines().enumerate() {
        let (client, order) = line.split_once('|').unwrap();
        clients.entry(client.to_owned()).or_default().push((number, order.to_owned()));
    }
    let threads: Vec<_> = clients
        .into_values()
        .map(|orders| {
            let conn = Conn::unix(Path::new(&order[0])).unwrap();
            thread::spawn(move || carry_out(conn, &orders))
        })
        .collect();
    let answers: Vec<String> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
    process::report(&answers);
}

fn carry_out(mut conn: Conn, orders: &[(usize, String)]) -> Vec<String> {
    let mut carry_out = |(number, order): &(usize, String)| {
        let [pause, arrival, request]: [&str; 3] = order.split('|').collect::<Vec<_>>().try_into().unwrap();
        thread::sleep(Duration::from_millis(pause.parse().unwrap()));
        conn.send(&crate::common::conn::words(arrival));
        conn.send(&crate::common::conn::words(request));
        conn.receive().int();
        let allowed = conn.receive().list()[0].int();
        format!("{number} {allowed}")
    };
    orders.iter().map(&mut carry_out).collect()
}
