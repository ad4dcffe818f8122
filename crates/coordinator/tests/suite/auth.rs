//! Who may ask, and about which keys; also over TLS.

use std::process::Command;

use serde_json::json;

use crate::common::coordinator::folder;
use crate::common::{Client, Coordinator, on_each};

const ALL: &str = "a-token-for-all-keys";
const TEAM: &str = "a-token-for-one-team";

fn tokens() -> String {
    let hash = Command::new("sh").args(["-c", &format!("printf %s {ALL} | sha256sum")]).output().unwrap();
    let hash = String::from_utf8(hash.stdout).unwrap();
    let hash = hash.split(' ').next().unwrap();
    format!(
        "[[token]]\nname = \"all\"\nsha256 = \"{hash}\"\n[[token]]\nname = \"team\"\ntoken = \"{TEAM}\"\nprefixes = [\"team:\", \"shared:\"]\n"
    )
}

fn slide(key: &str) -> serde_json::Value {
    json!({"key": key, "limit": 1000, "window": 60})
}

#[test]
fn a_token_is_for_keys_that_begin_so() {
    on_each(&tokens(), |coordinator| {
        let mut anonymous = coordinator.client();
        for path in ["/v1/slide", "/allow"] {
            let answer =
                anonymous.ask("POST", path, &slide("team:a").to_string()).problem(401, "unauthorized");
            assert_eq!(answer.field("www-authenticate"), Some("Bearer"));
        }
        for path in ["/v1/watch", "/metrics"] {
            anonymous.get(path).problem(401, "unauthorized");
        }
        for path in ["/healthz", "/readyz", "/openapi.json", "/"] {
            anonymous.get(path).status(200);
        }
        for wrong in ["", "a-token-for-all-key", "a-token-for-all-keyss", "A-TOKEN-FOR-ALL-KEYS"] {
            coordinator.client().with_token(wrong).v1("slide", &slide("team:a")).status(401);
        }
        let mut all = coordinator.client().with_token(ALL);
        all.v1("slide", &slide("anything")).status(200);
        all.ask("POST", "/allow", "").status(200);
        all.get("/metrics").status(200);

        let mut team = coordinator.client().with_token(TEAM);
        team.v1("slide", &slide("team:a")).status(200);
        team.v1("slide", &slide("shared:a")).status(200);
        for (command, body) in [
            ("slide", slide("team")),
            ("slide", slide("other:team:")),
            ("peek", json!({"key": "anything"})),
            ("refund", json!({"key": "anything", "cost": 1})),
            ("settle", json!({"key": "anything", "id": "x"})),
        ] {
            team.v1(command, &body).problem(403, "key_forbidden");
        }
        team.ask("POST", "/allow", "").problem(403, "key_forbidden");
        team.get("/metrics").problem(403, "key_forbidden");
        assert_eq!(all.v1("peek", &json!({"key": "anything"})).json()["remaining"], 999);
    });
}

#[test]
fn a_token_sees_its_own_keys_only() {
    on_each(&tokens(), |coordinator| {
        let mut all = coordinator.client().with_token(ALL);
        all.v1("slide", &slide("secret")).status(200);
        all.v1("slide", &slide("team:a")).status(200);
        for (token, sees) in [(ALL, true), (TEAM, false)] {
            let mut watcher = coordinator.client().with_token(token);
            watcher.send("GET", "/v1/watch", "");
            assert_eq!(watcher.head().unwrap().status, 200);
            let data =
                std::iter::repeat_with(|| watcher.line().unwrap()).find(|line| line.starts_with("data: "));
            let data = data.unwrap();
            assert!(data.contains("team:a"));
            assert_eq!(data.contains("secret"), sees, "{data}");
        }
    });
}

#[test]
fn other_machines_are_not_served_without_a_token() {
    let dir = folder();
    let log = Coordinator::try_start(&dir, "", &["--listen", "0.0.0.0:0"]).err().expect("it is refused");
    assert!(log.contains("nobody would need a token or a certificate"), "{log}");
    Coordinator::start("", &["--listen", "0.0.0.0:0", "--insecure-bind-anyway"])
        .client()
        .get("/healthz")
        .status(200);
    Coordinator::start(&tokens(), &["--listen", "0.0.0.0:0"]).client().get("/healthz").status(200);
}

#[test]
fn pages_of_other_sites_may_not_ask() {
    let coordinator = Coordinator::start("", &[]);
    for (origin, status) in [
        ("http://evil.example", 403),
        ("null", 403),
        ("http://localhost.evil.example", 403),
        ("http://localhost", 200),
    ] {
        let mut client = coordinator.client();
        client.fields.push(format!("Origin: {origin}"));
        client.ask("POST", "/allow", "").status(status);
    }
    // Nor may a page whose own name leads here: without tokens, only names of this machine are answered.
    for (host, open, status) in [
        ("evil.example", true, 403),
        ("evil.example:8765", true, 403),
        ("127.0.0.1:1", true, 200),
        ("[::1]:1", true, 200),
        ("LOCALHOST", true, 200),
        ("evil.example", false, 401),
    ] {
        let guarded;
        let asked = if open {
            &coordinator
        } else {
            guarded = Coordinator::start(&tokens(), &[]);
            &guarded
        };
        let mut client = asked.client();
        client.send_bytes(
            format!("POST /allow HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n").as_bytes(),
        );
        client.receive().status(status);
    }
    let mut client = coordinator.client();
    client.fields.push("Content-Type: text/plain".to_owned());
    client.v1("slide", &slide("k")).problem(415, "not_json");
}

#[test]
fn a_request_has_one_host() {
    on_each(&tokens(), |coordinator| {
        for (version, hosts, status) in [
            ("1.1", "", 400),
            ("1.1", "Host: localhost\r\nHost: localhost\r\n", 400),
            ("1.1", "Host: evil.example\r\nHost: localhost\r\n", 400),
            ("1.1", "Host: \u{e9}\r\n", 400),
            ("1.0", "Host: localhost\r\nHost: localhost\r\n", 400),
            ("1.1", "Host: localhost\r\n", 200),
            ("1.0", "", 200),
        ] {
            for (method, path) in [("POST", "/allow"), ("GET", "/healthz")] {
                let mut client = coordinator.client();
                let token = format!("Authorization: Bearer {ALL}\r\n");
                let head =
                    format!("{method} {path} HTTP/{version}\r\n{hosts}{token}Content-Length: 0\r\n\r\n");
                client.send_bytes(head.as_bytes());
                let answer = client.receive().status(status);
                if status == 400 {
                    answer.problem(400, "invalid_host");
                }
            }
        }
        let metrics = coordinator.client().with_token(ALL).get("/metrics").text();
        assert!(metrics.contains("rl_http_refused_total{reason=\"invalid_host\"} 10\n"), "{metrics}");
    });
}

#[test]
fn a_client_certificate_is_required_if_an_authority_is_set() {
    let dir = folder();
    let script = r#"
        set -e
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 9 -subj /CN=ca -keyout ca.key -out ca.pem
        for name in server client; do
            openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=$name -keyout $name.key -out $name.csr
            printf 'subjectAltName = DNS:localhost, IP:127.0.0.1\n' >$name.ext
            openssl x509 -req -in $name.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 9 -extfile $name.ext -out $name.pem
        done
    "#;
    let made = Command::new("sh").args(["-c", script]).current_dir(&dir).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let tls = "[tls]\ncert = \"server.pem\"\nkey = \"server.key\"\nclient_ca = \"ca.pem\"\n";
    let coordinator = Coordinator::start_in(&dir, tls, &["--listen", "0.0.0.0:0"]);
    let curl = |more: &[&str]| {
        let url = format!("https://localhost:{}/allow", coordinator.port);
        let output = Command::new("curl")
            .args([
                "-sS",
                "--max-time",
                "20",
                "--cacert",
                "ca.pem",
                "-X",
                "POST",
                "-w",
                " %{http_code} %{http_version}",
                &url,
            ])
            .args(more)
            .current_dir(&dir)
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let with = ["--cert", "client.pem", "--key", "client.key"];
    assert!(curl(&with).ends_with(" 200 2"), "{}", curl(&with));
    assert!(curl(&[&with[..], &["--http1.1"]].concat()).ends_with(" 200 1.1"));
    assert!(curl(&[]).ends_with(" 000 0"), "{}", curl(&[]));
    // Nor does the port answer without TLS.
    let mut plain = Client::to(coordinator.port);
    plain.send("GET", "/healthz", "");
    assert!(plain.try_receive().is_err());
}
