//! Leases ahead of requests: several programs beside one server, and how each of them may end.

use serde_json::{Value as Json, json};

use crate::common::coordinator::folder;
use crate::common::value::Value;
use crate::common::{Client, Conn, Coordinator, Server, wait_until};

fn sidecar(server: &Server) -> Coordinator {
    let url = format!("redis://127.0.0.1:{}", server.port());
    Coordinator::start("lease_ttl = \"500ms\"\nlease_holders = 2\n", &["--redis", &url, "--lease", "on"])
}

fn hot(limit: u64, window: &str) -> Json {
    json!({"key": "hot", "limits": [{"name": "a", "limit": limit, "window": window}]})
}

/// How often the server has run a command.
fn calls(conn: &mut Conn, command: &str) -> u64 {
    let stats = conn.ask("INFO commandstats").text().to_lowercase();
    let begin = format!("cmdstat_{command}:calls=");
    let calls = stats.split(&begin).nth(1).and_then(|rest| rest.split(',').next());
    calls.map_or(0, |calls| calls.parse().unwrap())
}

/// Asks so often; returns how many were admitted, and how many answers came from a lease.
fn ask(client: &mut Client, body: &Json, times: u64) -> [u64; 2] {
    let mut counts = [0, 0];
    for _ in 0..times {
        let answer = client.v1("quota", body).json();
        counts[0] += u64::from(answer["allowed"] == json!(true));
        counts[1] += u64::from(answer["lease"] == json!(true));
    }
    counts
}

fn remaining(conn: &mut Conn) -> Option<i64> {
    match conn.ask("RL.PEEK hot") {
        Value::Nil => None,
        reply => Some(reply.list()[3].list()[0].list()[2].int()),
    }
}

#[test]
fn two_sidecars_admit_no_more_than_the_limit() {
    let server = Server::start_tcp(&[]);
    let mut conn = server.connect();
    let mut sidecars = [sidecar(&server), sidecar(&server)];
    let mut clients = [sidecars[0].client(), sidecars[1].client()];
    let body = hot(3_000, "1h");
    let (mut admitted, mut leased) = (0, 0);
    for _ in 0..20 {
        for client in &mut clients {
            let [more, local] = ask(client, &body, 50);
            (admitted, leased) = (admitted + more, leased + local);
        }
    }
    assert_eq!(admitted, 2_000, "there is room for all of them");
    assert!(leased >= 1_800, "{leased} of 2000");
    let commands = calls(&mut conn, "rl.quota") + calls(&mut conn, "rl.settle");
    assert!(commands <= 400, "{commands} commands for 2000 decisions");
    println!("{commands} commands, {leased} of 2000 decided by leases");
    for _ in 0..40 {
        for client in &mut clients {
            admitted += ask(client, &body, 50)[0];
        }
    }
    assert!((2_900..=3_000).contains(&admitted), "{admitted}");
    let metrics = clients[0].get("/metrics").status(200).text();
    for line in
        ["rl_lease_decisions_total{outcome=\"admitted\"} ", "rl_lease_fetches_total{outcome=\"granted\"} "]
    {
        let value = metrics.lines().find_map(|known| known.strip_prefix(line)).unwrap();
        assert!(value.parse::<u64>().unwrap() > 0, "{line}{value}");
    }
    for sidecar in &mut sidecars {
        assert!(sidecar.end().success());
    }
    assert_eq!(conn.ask("RL.INFO hot").get("reservations").int(), 0, "all leases are settled");
    assert_eq!(remaining(&mut conn), Some(3_000 - i64::try_from(admitted).unwrap()), "with what was used");
}

#[test]
fn what_a_killed_sidecar_has_leased_comes_back() {
    let server = Server::start_tcp(&[]);
    let mut conn = server.connect();
    let mut sidecar = sidecar(&server);
    let mut client = sidecar.client();
    let body = hot(100_000, "10s");
    // Until a lease is open, of which not all is used.
    wait_until("a lease is open", || {
        ask(&mut client, &body, 20);
        matches!(conn.ask("RL.INFO hot"), Value::Array(_))
            && conn.ask("RL.INFO hot").get("reservations").int() > 0
    });
    sidecar.kill();
    wait_until("its leases have ended", || conn.ask("RL.INFO hot").get("reservations").int() == 0);
    assert!(remaining(&mut conn).is_some_and(|left| left < 100_000), "they were charged");
    wait_until("a window has passed", || remaining(&mut conn).is_none_or(|left| left == 100_000));
}

#[test]
fn a_lease_is_used_while_the_server_is_down() {
    let mut server = Server::start_tcp(&[]);
    let url = format!("redis://127.0.0.1:{}", server.port());
    let config = "lease_ttl = \"30s\"\nlease_holders = 1\n";
    let sidecar = Coordinator::start(config, &["--redis", &url, "--lease", "ho,other:"]);
    let mut client = sidecar.client();
    let body = hot(1_000_000, "1d");
    wait_until("a lease has many permits", || {
        let answer = client.v1("quota", &body).json();
        answer["lease"] == json!(true) && answer["limits"][0]["remaining"].as_u64().unwrap() > 20
    });
    server.kill();
    assert_eq!(ask(&mut client, &body, 10), [10, 10]);
    let other = json!({"key": "unleased", "limits": [{"name": "a", "limit": 5, "window": "1h"}]});
    client.v1("quota", &other).problem(503, "back_end_down");
}

#[test]
fn leases_need_a_server() {
    let log = Coordinator::try_start(&folder(), "", &["--lease", "on"]).err().unwrap();
    assert!(log.contains("lease needs a Redis server"), "{log}");
}
