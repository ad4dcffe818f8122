//! Servers that cannot decide: the answer comes within the timeout, by the fail mode, with the cause.

use std::time::{Duration, Instant};

use redis_rl::{Cause, Decision, Error, Fail, Limit, Limiter, Unavailable};

use crate::servers::{MINUTE, PATIENCE, Server, eventually, folder, free_port, limiters};

const TIMEOUT: Duration = Duration::from_millis(300);

/// What a busy machine may add to a timeout.
const SLACK: Duration = Duration::from_secs(2);

/// Puts servers into a state, and asks them in each way.
async fn cannot_decide(cause: Cause, prepare: fn(&mut Server)) {
    let mut server = Server::start();
    let all = limiters(&server, None).await;
    for (_, limiter) in &all {
        assert!(limiter.slide("k", 500, MINUTE).await.unwrap().degraded.is_none());
        assert!(limiter.slide("k", 500, MINUTE).wait(MINUTE).await.unwrap().degraded.is_none());
    }
    prepare(&mut server);
    for (name, limiter) in all {
        if cause == Cause::NoAuth {
            notice_loss(&limiter).await;
        }
        if cause == Cause::NoAuth && !name.starts_with("client") {
            continue; // a connection of the user's own says that it is lost, and not why it cannot connect again
        }
        check(name, &limiter, cause).await;
    }
}

/// Makes calls until each connection that the server has closed is found to be closed.
async fn notice_loss(limiter: &Limiter) {
    for _ in 0..3 {
        _ = limiter.slide("k", 5, MINUTE).await.unwrap();
        _ = limiter.slide("k", 5, MINUTE).wait(Duration::from_millis(1)).await.unwrap();
    }
}

async fn check(name: &str, limiter: &Limiter, cause: Cause) {
    // A server that answers is waited for: a busy machine stalls for longer than the timeout.
    let timeout = if cause == Cause::Down { TIMEOUT } else { PATIENCE };
    let limiter = &limiter.clone().timeout(timeout);
    let before = limiter.stats();
    let (open, closed) = (limiter.clone().fail(Fail::Open), limiter.clone());
    let slide = async |limiter: &Limiter, wait: u64| -> Decision {
        let begin = Instant::now();
        let decision = limiter.slide("k", 5, MINUTE).wait(Duration::from_millis(wait)).await.unwrap();
        assert!(begin.elapsed() < timeout + SLACK, "{name}: it took {:?}", begin.elapsed());
        decision
    };
    let why = |degraded: &Option<Unavailable>| {
        let why = degraded.as_ref().unwrap_or_else(|| panic!("{name}: it was decided"));
        assert_eq!(why.cause, cause, "{name}: {why}");
    };
    for wait in [0, 1] {
        let decision = slide(&open, wait).await;
        assert!(decision.allowed);
        why(&decision.degraded);
        let decision = slide(&closed, wait).await;
        assert!(!decision.allowed && decision.retry_after == Some(Duration::from_secs(1)));
        why(&decision.degraded);
    }
    let call = open.reserve("q", "p").await.unwrap();
    why(&call.decision().degraded);
    call.settle([("output", 1)]).await.unwrap();
    match closed.reserve("q", "p").await {
        Err(Error::Denied(decision)) => why(&decision.degraded),
        other => panic!("{name}: {other:?}"),
    }
    let after = limiter.stats();
    assert_eq!(after.degraded_open - before.degraded_open, 3);
    assert_eq!(after.degraded_closed - before.degraded_closed, 3);
    assert_eq!(after.causes[&cause] - before.causes.get(&cause).unwrap_or(&0), 6);
}

#[tokio::test]
async fn a_server_that_is_gone() {
    cannot_decide(Cause::Down, Server::kill).await;
}

#[tokio::test]
async fn a_server_that_hangs() {
    cannot_decide(Cause::Down, |server| server.signal("STOP")).await;
}

#[tokio::test]
async fn a_server_that_hangs_and_has_no_connection_yet() {
    cannot_decide(Cause::Down, |server| {
        server.drop_clients();
        server.signal("STOP");
    })
    .await;
}

#[tokio::test]
async fn a_server_out_of_memory() {
    cannot_decide(Cause::Oom, |server| drop(server.admin(&["CONFIG", "SET", "maxmemory", "1"]))).await;
}

#[tokio::test]
async fn a_server_that_wants_a_password() {
    cannot_decide(Cause::NoAuth, |server| {
        server.admin(&["ACL", "SETUSER", "operator", "on", "nopass", "~*", "+@all"]);
        let mut connection = server.client("resp2").get_connection().unwrap();
        let mut say = |words: &[&str]| {
            redis::cmd(words[0]).arg(&words[1..]).query::<redis::Value>(&mut connection).unwrap()
        };
        say(&["AUTH", "operator", "any"]);
        say(&["CONFIG", "SET", "requirepass", "secret"]);
        say(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    })
    .await;
}

#[tokio::test]
async fn a_server_that_does_not_permit_it() {
    cannot_decide(Cause::NoPerm, |server| {
        drop(server.admin(&["ACL", "SETUSER", "default", "-rl.slide", "-rl.quota"]));
    })
    .await;
}

#[tokio::test]
async fn a_replica() {
    cannot_decide(Cause::ReadOnly, |server| drop(server.admin(&["REPLICAOF", "127.0.0.1", "1"]))).await;
}

#[tokio::test]
async fn a_server_without_the_module() {
    let server = Server::with(&[], free_port());
    for (name, limiter) in limiters(&server, None).await {
        check(name, &limiter, Cause::NoModule).await;
    }
}

#[tokio::test]
async fn a_server_that_loads() {
    let (port, dir) = (free_port(), folder());
    let module = std::env::var("REDIS_RL_MODULE").unwrap();
    let common = ["--loadmodule", &module, "--dir", dir.to_str().unwrap(), "--enable-debug-command", "yes"];
    let mut server = Server::with(&common, port);
    let all = limiters(&server, None).await;
    server.admin(&["DEBUG", "POPULATE", "200000"]);
    server.admin(&["SAVE"]);
    server.kill();
    let slowly = ["--key-load-delay", "200", "--loading-process-events-interval-bytes", "1024"];
    let _loading = Server::with(&[&common[..], &slowly].concat(), port);
    for (name, limiter) in all {
        let decision = limiter.clone().fail(Fail::Open).timeout(TIMEOUT).slide("k", 5, MINUTE).await.unwrap();
        assert!(
            decision.allowed && decision.degraded.as_ref().unwrap().cause == Cause::Down,
            "{name}: {decision:?}"
        );
        let decision = limiter.timeout(TIMEOUT).slide("k", 5, MINUTE).await.unwrap();
        assert!(
            !decision.allowed && decision.degraded.as_ref().unwrap().cause == Cause::Down,
            "{name}: {decision:?}"
        );
    }
}

#[tokio::test]
async fn a_server_that_comes_back() {
    let mut server = Server::start();
    let all = limiters(&server, None).await;
    let port = server.port;
    server.kill();
    for (name, limiter) in &all {
        assert!(limiter.slide("k", 500, MINUTE).await.unwrap().degraded.is_some(), "{name}");
    }
    let _again = Server::with(&["--loadmodule", &std::env::var("REDIS_RL_MODULE").unwrap()], port);
    for (name, limiter) in all {
        // A MultiplexedConnection of the user's own stays lost: redis-rs has the ConnectionManager for that.
        if name != "multiplexed-resp3" {
            let decides = async || limiter.slide("k", 500, MINUTE).await.unwrap().degraded.is_none();
            eventually(name, decides).await;
        }
    }
}

#[tokio::test]
async fn calls_that_ask_for_no_admission_return_the_error() {
    let limiter = Limiter::open(&format!("redis://127.0.0.1:{}", free_port())).unwrap().fail(Fail::Open);
    let limits = [Limit::slide("rpm", 5, MINUTE)];
    let errors = [
        limiter.peek("k").await.map(drop),
        limiter.refund("k", 1).await.map(drop),
        limiter.policies().set("p", &limits).await,
        limiter.settle("k", "i", &[("output", 1)]).await.map(drop),
    ];
    for error in errors {
        assert!(
            matches!(error, Err(Error::Unavailable(Unavailable { cause: Cause::Down, .. }))),
            "{error:?}"
        );
    }
    assert_eq!(limiter.stats(), redis_rl::Stats::default());
}
