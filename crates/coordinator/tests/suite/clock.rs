//! The system's clock is set back and forward; limits in memory take no notice.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value as Json, json};

use crate::common::coordinator::folder;
use crate::common::{Client, Coordinator, wait_until};

/// Adds the seconds in the file `STEP` to the system's clock, as the program reads it.
const SHIM: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
int clock_gettime(clockid_t id, struct timespec *now) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(id, now);
    FILE *file = id == CLOCK_REALTIME ? fopen(getenv("STEP"), "r") : NULL;
    if (file) {
        long step = 0;
        if (fscanf(file, "%ld", &step) == 1) now->tv_sec += step;
        fclose(file);
    }
    return result;
}
"#;

/// The program with a clock that [`step`] sets.
fn start(dir: &Path) -> Coordinator {
    fs::write(dir.join("shim.c"), SHIM).unwrap();
    let made = Command::new("cc")
        .args(["-shared", "-fPIC", "-o", "shim.so", "shim.c", "-ldl"])
        .current_dir(dir)
        .output();
    let made = made.unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    step(dir, 0);
    let path = |file: &str| dir.join(file).display().to_string();
    let variables = [("LD_PRELOAD".to_owned(), path("shim.so")), ("STEP".to_owned(), path("step"))];
    let config = "[snapshot]\npath = \"limits\"\ninterval = \"1h\"\n";
    Coordinator::try_start_with(dir, config, &[], &variables).unwrap()
}

/// Sets the clock this many seconds ahead.
fn step(dir: &Path, seconds: i64) {
    fs::write(dir.join("step.new"), seconds.to_string()).unwrap();
    fs::rename(dir.join("step.new"), dir.join("step")).unwrap();
}

fn slide(key: &str, window: &str) -> Json {
    json!({"key": key, "limit": 1, "window": window})
}

/// The step that the metrics show, in seconds.
fn shown(client: &mut Client) -> i64 {
    let text = client.get("/metrics").status(200).text();
    let ms = text.lines().find_map(|line| line.strip_prefix("rl_clock_step_ms ")).unwrap();
    (ms.parse::<i64>().unwrap() + 500).div_euclid(1_000)
}

#[test]
fn a_step_of_the_clock_locks_nothing_and_frees_nothing() {
    let dir = folder();
    let coordinator = start(&dir);
    let mut client = coordinator.client();
    assert_eq!(shown(&mut client), 0);
    for (key, seconds) in [("back", -3_600), ("forward", 7_200), ("far", 400 * 86_400)] {
        let window = json!({"key": format!("{key}-window"), "limit": 1, "window": "500ms"});
        client.v1("slide", &slide(key, "500ms")).status(200);
        client.v1("window", &window).status(200);
        client.v1("slide", &slide(&format!("{key}-long"), "1h")).status(200);
        step(&dir, seconds);
        assert_eq!(shown(&mut client), seconds);
        wait_until("the window has passed", || client.v1("slide", &slide(key, "500ms")).status == 200);
        wait_until("the window has passed", || client.v1("window", &window).status == 200);
        let answer = client.v1("slide", &slide(&format!("{key}-long"), "1h")).status(429).json();
        let retry = answer["retry_after_ms"].as_u64().unwrap();
        assert!((3_500_000..=3_600_000).contains(&retry), "{key}: {retry}");
    }
}

#[test]
fn a_snapshot_keeps_its_time_though_the_clock_was_set_back() {
    let dir = folder();
    let mut coordinator = start(&dir);
    coordinator.client().v1("slide", &slide("short", "2s")).status(200);
    coordinator.client().v1("slide", &slide("long", "1h")).status(200);
    step(&dir, -3_600);
    assert!(coordinator.end().success());
    coordinator.restart();
    let mut client = coordinator.client();
    let answer = client.v1("slide", &slide("long", "1h")).status(429).json();
    assert!((3_500_000..=3_600_000).contains(&answer["retry_after_ms"].as_u64().unwrap()), "{answer}");
    wait_until("the window has passed", || client.v1("slide", &slide("short", "2s")).status == 200);
}
