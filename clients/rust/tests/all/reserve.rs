//! Reservations: what stays charged after each way to end, and what a program that dies leaves.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use redis_rl::{Error, Limit, Limiter};

use crate::servers::{MINUTE, Server, eventually, free_port, limiters};

fn llm() -> [Limit; 4] {
    [
        Limit::slide("rpm", 10, MINUTE),
        Limit::slide("input", 1_000, MINUTE).unit("input"),
        Limit::slide("output", 1_000, MINUTE).unit("output"),
        Limit::in_flight("calls", 2),
    ]
}

const ESTIMATE: [(&str, u64); 2] = [("input", 300), ("output", 400)];

/// Runs a test with each way to ask. The policy llm is set. Each has a key of its own.
async fn each(test: impl AsyncFn(&Limiter, &str)) {
    let (server, coordinator) = (Server::start(), Server::coordinator());
    for (name, limiter) in limiters(&server, Some(&coordinator)).await {
        limiter.policies().set("llm", &llm()).await.unwrap();
        test(&limiter, &format!("{{{name}}}")).await;
    }
}

/// Checks what remains of limits of a key.
async fn remains(limiter: &Limiter, key: &str, expected: &[(&str, u64)]) {
    for (name, n) in expected {
        assert_eq!(remaining(limiter, key, name).await, *n, "{key}: {name}");
    }
}

async fn remaining(limiter: &Limiter, key: &str, name: &str) -> u64 {
    limiter.peek_quota(key).await.unwrap().unwrap().limit(name).unwrap().remaining
}

#[tokio::test]
async fn a_reservation_that_is_settled() {
    each(async |limiter, key| {
        let call = limiter.reserve(key, "llm").costs(ESTIMATE).await.unwrap();
        assert_eq!(call.key(), Some(key));
        remains(limiter, key, &[("rpm", 9), ("input", 700), ("output", 600), ("calls", 1)]).await;
        call.settle([("output", 50)]).await.unwrap();
        remains(limiter, key, &[("rpm", 9), ("input", 700), ("output", 950), ("calls", 2)]).await;
    })
    .await;
}

#[tokio::test]
async fn a_reservation_that_is_dropped_leaves_the_estimate() {
    each(async |limiter, key| {
        let failed: Result<(), &str> = async {
            let _call = limiter.reserve(key, "llm").costs(ESTIMATE).await.unwrap();
            Err("the call failed")?;
            Ok(())
        }
        .await;
        assert_eq!(failed, Err("the call failed"));
        eventually("the slot is free", async || remaining(limiter, key, "calls").await == 2).await;
        remains(limiter, key, &[("rpm", 9), ("input", 700), ("output", 600)]).await;
    })
    .await;
}

#[tokio::test]
async fn a_reservation_that_is_dropped_settles_what_was_used() {
    each(async |limiter, key| {
        {
            let mut call = limiter.reserve(key, "llm").costs(ESTIMATE).await.unwrap();
            call.used("output", 7).used("output", 90);
        }
        eventually("the slot is free", async || remaining(limiter, key, "calls").await == 2).await;
        remains(limiter, key, &[("input", 700), ("output", 910)]).await;
    })
    .await;
}

#[tokio::test]
async fn a_settlement_is_sent_though_its_future_is_dropped() {
    each(async |limiter, key| {
        let call = limiter.reserve(key, "llm").costs(ESTIMATE).await.unwrap();
        let settle = call.settle([("output", 50)]);
        _ = tokio::time::timeout(Duration::ZERO, settle).await;
        eventually("it is settled", async || remaining(limiter, key, "output").await == 950).await;
    })
    .await;
}

#[tokio::test]
async fn a_reservation_that_is_cancelled() {
    each(async |limiter, key| {
        let call = limiter.reserve(key, "llm").costs(ESTIMATE).await.unwrap();
        call.cancel().await.unwrap();
        remains(limiter, key, &[("rpm", 10), ("input", 1_000), ("output", 1_000), ("calls", 2)]).await;
    })
    .await;
}

#[tokio::test]
async fn a_reservation_that_is_denied() {
    each(async |limiter, key| {
        let _open = [limiter.reserve(key, "llm").await.unwrap(), limiter.reserve(key, "llm").await.unwrap()];
        match limiter.reserve(key, "llm").await {
            Err(Error::Denied(decision)) => assert_eq!(decision.blocking, ["calls"]),
            other => panic!("{key}: {other:?}"),
        }
        assert!(matches!(limiter.reserve(key, "none").await, Err(Error::NoPolicy(_))));
    })
    .await;
}

#[tokio::test]
async fn a_reservation_is_renewed_while_it_is_open() {
    const TTL: Duration = Duration::from_millis(600);
    each(async |limiter, key| {
        let call = limiter.reserve(key, "llm").ttl(TTL).await.unwrap();
        assert!(limiter.quota(key, "llm").ttl(TTL).await.unwrap().id.is_some());
        // The one that nobody renews runs out, and it is the only one.
        eventually("it runs out", async || remaining(limiter, key, "calls").await == 1).await;
        let end = Instant::now() + 2 * TTL;
        while Instant::now() < end {
            assert_eq!(remaining(limiter, key, "calls").await, 1, "{key}");
            tokio::time::sleep(TTL / 15).await;
        }
        call.close().await.unwrap();
        remains(limiter, key, &[("calls", 2)]).await;
    })
    .await;
}

#[tokio::test]
async fn a_reservation_of_several_keys() {
    each(async |limiter, key| {
        limiter.policies().set("org", &[Limit::slide("tpm", 500, MINUTE).unit("output")]).await.unwrap();
        let keys = [(format!("{key}:org"), "org"), (format!("{key}:user"), "llm")];
        let call = limiter.reserve_all(&keys).cost("output", 400).await.unwrap();
        call.hold(Duration::from_secs(20)).await.unwrap();
        assert_eq!(limiter.mquota(&keys).ttl(MINUTE).await.unwrap().blocking.len(), 5);
        call.hold(Duration::ZERO).await.unwrap();
        call.settle([("output", 100)]).await.unwrap();
        remains(limiter, &keys[0].0, &[("tpm", 400)]).await;
        remains(limiter, &keys[1].0, &[("output", 900), ("calls", 2)]).await;
    })
    .await;
}

#[tokio::test]
async fn a_reservation_at_the_first_key_that_admits() {
    each(async |limiter, key| {
        let keys = [(format!("{key}:opus"), "llm"), (format!("{key}:haiku"), "llm")];
        let preferred = limiter.reserve_first(&keys).cost("output", 800).await.unwrap();
        let other = limiter.reserve_first(&keys).cost("output", 800).await.unwrap();
        assert_eq!((preferred.decision().index, other.decision().index), (Some(0), Some(1)));
        match limiter.reserve_first(&keys).cost("output", 800).await {
            Err(Error::Denied(decision)) => assert_eq!(decision.index, None),
            answer => panic!("{key}: {answer:?}"),
        }
        other.settle([("output", 300)]).await.unwrap();
        preferred.cancel().await.unwrap();
        remains(limiter, &keys[0].0, &[("output", 1_000), ("calls", 2)]).await;
        remains(limiter, &keys[1].0, &[("output", 700), ("calls", 2)]).await;
    })
    .await;
}

#[tokio::test]
async fn a_hold_denies() {
    each(async |limiter, key| {
        let call = limiter.reserve(key, "llm").await.unwrap();
        call.hold(Duration::from_secs(20)).await.unwrap();
        let decision = limiter.quota(key, "llm").ttl(MINUTE).await.unwrap();
        assert!(
            !decision.allowed && decision.retry_after > Some(Duration::from_secs(10)),
            "{key}: {decision:?}"
        );
    })
    .await;
}

/// An end of a reservation that the server does not decide is sent again, and books what was used.
#[tokio::test]
async fn the_end_of_a_reservation_is_repeated() {
    let server = Server::start();
    for (name, limiter) in limiters(&server, None).await {
        let call = limiter.reserve(name, &llm()).costs(ESTIMATE).await.unwrap();
        server.admin(&["ACL", "SETUSER", "default", "-rl.settle"]);
        let ended = call.settle([("output", 50)]).await;
        assert!(matches!(ended, Err(Error::Unavailable(_))), "{name}: {ended:?}");
        server.admin(&["ACL", "SETUSER", "default", "+rl.settle"]);
        let is_settled = async || {
            let info = limiter.info(name).await.unwrap().unwrap();
            info.reservations == 0 && info.limit("output").unwrap().used == 50
        };
        eventually("it is settled", is_settled).await;
    }
}

/// A server that hangs decides at last, though the caller has its error.
#[tokio::test]
async fn the_end_of_a_reservation_while_the_server_hangs() {
    let server = Server::start();
    for (name, limiter) in limiters(&server, None).await {
        let call = limiter.reserve(name, &llm()).costs(ESTIMATE).await.unwrap();
        server.signal("STOP");
        let ended = tokio::time::timeout(Duration::from_millis(100), call.settle([("output", 50)])).await;
        server.signal("CONT");
        assert!(ended.is_err(), "{name}: {ended:?}");
        eventually("it is settled", async || remaining(&limiter, name, "output").await == 950).await;
    }
}

#[tokio::test]
async fn the_first_key_without_a_server_is_the_preferred_one() {
    let nowhere = Limiter::open(&format!("http://127.0.0.1:{}", free_port())).unwrap();
    let keys = [("opus", "opus"), ("haiku", "haiku")];
    let call = nowhere.clone().fail(redis_rl::Fail::Open).reserve_first(&keys).await.unwrap();
    assert_eq!((call.decision().index, call.key()), (Some(0), None));
    assert_eq!(nowhere.first(&keys).await.unwrap().index, None);
}

const DEAD: (&str, &str) = ("REDIS_RL_DIES_AT", "a_slot_of_a_program_that_dies_is_free_after_the_ttl");

/// The same test is the program that dies: it makes a reservation, and is killed.
#[tokio::test]
async fn a_slot_of_a_program_that_dies_is_free_after_the_ttl() {
    const TTL: Duration = Duration::from_secs(1);
    let calls = [Limit::in_flight("calls", 1), Limit::slide("output", 100, MINUTE).unit("output")];
    if let Ok(url) = std::env::var(DEAD.0) {
        let limiter = Limiter::open(&url).unwrap().reservation_ttl(TTL);
        let _call = limiter.reserve("k", &calls).cost("output", 40).await.unwrap();
        std::future::pending::<()>().await;
    }
    let server = Server::start();
    let limiter = Limiter::new(server.client("resp3")).timeout(MINUTE);
    let mut program = Command::new(std::env::current_exe().unwrap());
    program
        .args(["--exact", &format!("reserve::{}", DEAD.1)])
        .env(DEAD.0, server.url("resp2"))
        .stdout(Stdio::null());
    let mut program = program.spawn().unwrap();
    let open = async || limiter.info("k").await.unwrap().is_some_and(|info| info.reservations == 1);
    eventually("the reservation is open", &open).await;
    // It is renewed while the program lives, beyond its ttl.
    let end = Instant::now() + 2 * TTL;
    while Instant::now() < end {
        assert!(open().await);
        tokio::time::sleep(TTL / 20).await;
    }
    program.kill().unwrap();
    program.wait().unwrap();
    let died = Instant::now();
    eventually("the slot is free", async || remaining(&limiter, "k", "calls").await == 1).await;
    assert!(died.elapsed() < TTL + Duration::from_secs(5), "it took {:?}", died.elapsed());
    remains(&limiter, "k", &[("output", 60)]).await;
}
