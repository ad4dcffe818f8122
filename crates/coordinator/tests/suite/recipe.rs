//! The client of the usual recipe for a coordinator, unchanged except for its call to the provider. It must get its slots,
//! wait as long as the answers say, and never exceed the limit.

use std::fs;
use std::process::Command;

use crate::common::coordinator::folder;
use crate::common::{Coordinator, on_each};

/// The recipe's client, line by line. It reads the clock instead of calling the provider.
const CLIENT: &str = r#"
import json
import sys
import time
import urllib.request

class Message:
    def __init__(self): self.content = [type("Text", (), {"text": str(time.time())})()]
class client:
    class messages:
        create = staticmethod(lambda **_: Message())

def request_quota_slot(coordinator_url: str = "http://localhost:8765") -> tuple[bool, float]:
    """Ask the coordinator for permission to make one API call."""
    try:
        req = urllib.request.Request(
            f"{coordinator_url}/allow",
            method="POST",
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(req, timeout=2) as resp:
            data = json.loads(resp.read())
            return data["allowed"], data.get("retry_after", 0.0)
    except Exception as e:
        # If coordinator is down, fail open (allow the request)
        print(f"  Coordinator unavailable ({e}), allowing request")
        return True, 0.0

def make_rate_coordinated_call(messages: list[dict]) -> str:
    """Make API call, coordinating quota with all other instances."""
    max_wait = 30.0
    waited = 0.0

    while waited < max_wait:
        allowed, retry_after = request_quota_slot()
        if allowed:
            return client.messages.create(
                model="claude-sonnet-4-6",
                max_tokens=256,
                messages=messages,
            ).content[0].text

        wait = min(retry_after, max_wait - waited)
        print(f"  Coordinator denied request. Retry after {wait:.1f}s")
        time.sleep(wait)
        waited += wait

    raise TimeoutError("Could not obtain quota slot within 30s")
"#;

/// Runs it on another port.
const DRIVER: &str = r#"
request_quota_slot.__defaults__ = (sys.argv[1],)
for _ in range(int(sys.argv[2])):
    print("at", make_rate_coordinated_call([{"role": "user", "content": "Hello"}]))
"#;

#[test]
fn the_client_of_the_recipe_works_unchanged() {
    on_each("[allow]\nlimit = 10\nwindow = \"2s\"\n", |coordinator| {
        let dir = folder();
        fs::write(dir.join("client.py"), [CLIENT, DRIVER].concat()).unwrap();
        let url = format!("http://localhost:{}", coordinator.port);
        let run = |_| {
            Command::new("python3")
                .args(["client.py", &url, "8"])
                .current_dir(&dir)
                .stdout(std::process::Stdio::piped())
                .spawn()
                .unwrap()
        };
        let all: Vec<_> = (0..4).map(run).collect();
        let mut out = String::new();
        for child in all {
            let output = child.wait_with_output().unwrap();
            assert!(output.status.success());
            out += &String::from_utf8(output.stdout).unwrap();
        }
        assert!(!out.contains("unavailable"), "{out}");
        assert!(out.contains("denied request. Retry after"), "{out}");
        let mut at: Vec<f64> =
            out.lines().filter_map(|line| line.strip_prefix("at ")?.parse().ok()).collect();
        at.sort_by(f64::total_cmp);
        assert_eq!(at.len(), 32);
        // The client reads its clock after the answer, so a little after the decision.
        assert!(at[31] - at[0] > 5.5, "{at:?}");
        let _ = fs::remove_dir_all(dir);
    });
}

#[test]
fn the_answer_has_what_the_recipe_has() {
    on_each("[allow]\nlimit = 2\nwindow = \"1h\"\n", |coordinator: &mut Coordinator| {
        let mut client = coordinator.client();
        for count in [1, 2, 2] {
            // With any body or none, and without a content type.
            let answer = client.ask("POST", "/allow", if count == 1 { "" } else { "no JSON" }).status(200);
            assert_eq!(answer.field("content-type"), Some("application/json"));
            let told = answer.json();
            assert_eq!((told["count"].as_u64(), told["max"].as_u64()), (Some(count), Some(2)));
            let retry = told["retry_after"].as_f64().unwrap();
            assert!(
                if told["allowed"] == true { retry == 0.0 } else { (3_590.0..=3_600.0).contains(&retry) },
                "{told}"
            );
        }
        assert_eq!(client.ask("POST", "/allow", "").json()["allowed"], false);
    });
}
