//! Servers of other kinds: with TLS, behind sentinels, in a cluster, with a password.

use std::fs;
use std::process::{Child, Command, Stdio};

use serde_json::json;

use crate::common::cluster::Cluster;
use crate::common::coordinator::folder;
use crate::common::server::free_port;
use crate::common::{Conn, Coordinator, Server, wait_until};
use crate::ends::waits_now;

/// Checks that requests are answered and wait, and that a wait ends when its client leaves.
fn works(coordinator: &Coordinator, keys: &[&str]) {
    let mut client = coordinator.client();
    for key in keys {
        let body = |wait: Option<&str>| json!({"key": key, "limit": 1, "window": "1h", "wait": wait.unwrap_or("1ms")});
        client.v1("slide", &body(None)).status(200);
        client.v1("slide", &body(None)).status(429);
        let gone = {
            let mut gone = coordinator.client();
            gone.send("POST", "/v1/slide", &body(Some("1h")).to_string());
            gone
        };
        wait_until("it waits", || waits_now(&mut client) == 1);
        let mut waits = coordinator.client();
        waits.send("POST", "/v1/slide", &body(Some("1h")).to_string());
        wait_until("it waits", || waits_now(&mut client) == 2);
        gone.close();
        wait_until("it has gone", || waits_now(&mut client) == 1);
        client.v1("refund", &json!({"key": key, "cost": 1})).status(200);
        waits.receive().status(200);
        assert_eq!(client.v1("peek", &json!({"key": key})).status(200).json()["remaining"], 0);
    }
}

#[test]
fn a_server_with_a_password_and_a_user() {
    let redis = Server::start_tcp(&["user limits on >s3cret:/@ ~* +@all -flushall"]);
    let url = format!("redis://limits:s3cret%3A%2F%40@127.0.0.1:{}", redis.port());
    works(&Coordinator::start("", &["--redis", &url]), &["a"]);
    let wrong = format!("redis://limits:no@127.0.0.1:{}", redis.port());
    let coordinator = Coordinator::start("", &["--redis", &wrong]);
    let slide = json!({"key": "a", "limit": 1, "window": 1});
    coordinator.client().v1("slide", &slide).problem(502, "back_end_refuses");
    assert!(!coordinator.log().contains("s3cret"));
}

#[test]
fn what_is_checked_is_what_is_used() {
    let said = |config: &str| {
        let dir = folder();
        let ended = Coordinator::try_start(&dir, config, &["--check"]);
        std::fs::remove_dir_all(dir).unwrap();
        ended.err().expect("it ends")
    };
    assert_eq!(said("[redis]\nurl = \"redis://127.0.0.1:1\"\n"), "");
    assert!(said("[redis]\nurl = \"http://127.0.0.1:1\"\n").contains("the URL of Redis"));
    assert!(said("[tls]\ncert = \"not-there.pem\"\nkey = \"not-there.key\"\n").contains("not-there.pem"));
}

#[test]
fn a_user_without_the_right_gets_an_error() {
    let redis = Server::start_tcp(&["user limits on >secret ~* +@all -rl.slide"]);
    let url = format!("redis://limits:secret@127.0.0.1:{}", redis.port());
    let coordinator = Coordinator::start("", &["--redis", &url]);
    let slide = json!({"key": "a", "limit": 1, "window": 1});
    coordinator.client().v1("slide", &slide).problem(502, "back_end_refuses");
    redis.connect().done("SET s text");
    coordinator
        .client()
        .v1("bucket", &json!({"key": "s", "capacity": 1, "refill": 1}))
        .problem(409, "wrong_algorithm");
}

#[test]
fn a_server_on_a_socket_and_one_without_the_module() {
    let socket = |server: &Server| format!("redis+unix://{}", server.socket().display());
    let redis = Server::start(&[]);
    works(&Coordinator::start("", &["--redis", &socket(&redis)]), &["a"]);
    let bare = Server::start_without_module();
    let coordinator = Coordinator::start("", &["--redis", &socket(&bare)]);
    let mut client = coordinator.client();
    let answer = client.ask("POST", "/allow", "").problem(502, "back_end_without_module");
    assert!(answer.json()["detail"].as_str().unwrap().starts_with("the back end lacks the module"));
    client.get("/readyz").problem(503, "back_end_without_module");
    assert!(client.get("/metrics").text().contains("rl_backend_up 0\n"));
}

#[test]
fn a_server_with_tls() {
    let dir = folder();
    let script = "
        set -e
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 9 -subj /CN=ca -keyout ca.key -out ca.pem
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=server -keyout server.key -out server.csr
        printf 'subjectAltName = DNS:localhost, IP:127.0.0.1\\n' >ext
        openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 9 -extfile ext -out server.pem
    ";
    let made = Command::new("sh").args(["-c", script]).current_dir(&dir).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let (port, at) = (free_port(), dir.display());
    let redis = Server::start(&[
        &format!("tls-port {port}"),
        &format!("tls-cert-file {at}/server.pem"),
        &format!("tls-key-file {at}/server.key"),
        &format!("tls-ca-cert-file {at}/ca.pem"),
        "tls-auth-clients no",
    ]);
    let config = "[redis]\nurl = \"unused://\"\nca = \"ca.pem\"\n";
    let url = format!("rediss://localhost:{port}");
    works(&Coordinator::start_in(&dir, config, &["--redis", &url]), &["a"]);
    // Another authority's certificate is refused.
    let coordinator = Coordinator::start("", &["--redis", &url]);
    coordinator.client().ask("POST", "/allow", "").status(503);
    drop(redis);
}

#[test]
fn a_cluster() {
    let cluster = Cluster::start(3);
    let hosts: Vec<String> = cluster.nodes.iter().map(|node| format!("127.0.0.1:{}", node.port())).collect();
    let url = format!("redis-cluster://{}", hosts.join(","));
    let coordinator = Coordinator::start("", &["--redis", &url]);
    // Some keys of each node.
    works(&coordinator, &["a", "b", "c", "d", "e", "f"]);
    let keys = |node: &Server| node.connect().ask("DBSIZE").int();
    assert!(cluster.nodes.iter().all(|node| keys(node) > 0));
    // A key that has moved to another node is found.
    let slot = u16::try_from(cluster.nodes[0].connect().ask("CLUSTER KEYSLOT a").int()).unwrap();
    let target = (cluster.owner(slot) + 1) % 3;
    cluster.migrate(slot, &cluster.nodes[target]);
    let mut client = coordinator.client();
    client.v1("slide", &json!({"key": "a", "limit": 1, "window": "1h"})).status(429);
    assert_eq!(client.v1("refund", &json!({"key": "a", "cost": 1})).status(200).json()["remaining"], 1);
}

/// A sentinel that ends with the test.
struct Sentinel(Child);

impl Drop for Sentinel {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn sentinels_lead_to_the_current_primary() {
    let mut primary = Server::start_tcp(&[]);
    let replica = Server::start_tcp(&[&format!("replicaof 127.0.0.1 {}", primary.port())]);
    wait_until("the replica follows", || {
        replica.connect().info("master_link_status").as_deref() == Some("up")
    });
    let (dir, port) = (folder(), free_port());
    let config = format!(
        "port {port}\ndir {}\nsentinel monitor limits 127.0.0.1 {} 1\nsentinel down-after-milliseconds limits 500\nsentinel failover-timeout limits 3000\n",
        dir.display(),
        primary.port()
    );
    fs::write(dir.join("sentinel.conf"), config).unwrap();
    let program = std::env::var_os("REDIS_RL_SERVER").unwrap_or_else(|| "redis-server".into());
    let child = Command::new(program)
        .args(["sentinel.conf", "--sentinel"])
        .current_dir(&dir)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let _sentinel = Sentinel(child);
    let ask = |line: &str| Conn::tcp(port).map(|mut conn| conn.ask(line));
    wait_until("the sentinel knows both", || {
        ask("SENTINEL REPLICAS limits")
            .is_ok_and(|replicas| !replicas.is_error() && replicas.list().len() == 1)
    });
    let url = format!("redis-sentinel://127.0.0.1:{port}/limits");
    let coordinator = Coordinator::start("", &["--redis", &url]);
    works(&coordinator, &["a"]);
    let mut client = coordinator.client();
    client.v1("slide", &json!({"key": "b", "limit": 5, "window": "1h", "cost": 2})).status(200);
    wait_until("the replica has it", || replica.connect().ask("EXISTS b").int() == 1);
    primary.kill();
    // It finds the new primary by itself, and the limit is unchanged there.
    wait_until("the other is the primary", || {
        client.v1("slide", &json!({"key": "b", "limit": 5, "window": "1h"})).status == 200
    });
    assert_eq!(client.v1("peek", &json!({"key": "b"})).status(200).json()["remaining"], 2);
    let _ = fs::remove_dir_all(dir);
}
