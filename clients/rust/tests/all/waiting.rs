//! Requests that wait: admitted in time, given up, and in the order of their lanes.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use redis_rl::{Cause, Lane, Limiter};

use crate::servers::{MINUTE, PATIENCE, Server, eventually, limiters};

#[tokio::test]
async fn a_request_that_is_given_up_is_out_of_the_servers_line() {
    let server = Server::start();
    for (name, limiter) in limiters(&server, None).await {
        assert!(limiter.slide(name, 1, MINUTE).await.unwrap().allowed);
        for _ in 0..2 {
            let waiter = tokio::spawn({
                let limiter = limiter.clone();
                async move { limiter.slide(name, 1, MINUTE).wait(MINUTE).await }
            });
            eventually("it waits", async || server.waiters() == 1).await;
            // A request that does not wait is answered meanwhile.
            assert!(!limiter.slide(name, 1, MINUTE).await.unwrap().allowed);
            waiter.abort();
            eventually("it waits no more", async || server.waiters() == 0).await;
        }
    }
}

/// The connections of earlier waiters are kept. If the server has closed them all, that costs one request its decision, and no more.
#[tokio::test]
async fn connections_that_the_server_has_closed_are_given_up_together() {
    let server = Server::start();
    let limiter = Limiter::new(server.client("resp3")).timeout(PATIENCE);
    let wait = async || limiter.slide("k", 100, MINUTE).wait(MINUTE).await.unwrap().degraded;
    limiter.hold("k", MINUTE).await.unwrap(); // so that each waiter opens a connection
    let mut tasks = Vec::new();
    for _ in 0..5 {
        let limiter = limiter.clone();
        tasks.push(tokio::spawn(async move {
            limiter.slide("k", 100, MINUTE).wait(MINUTE).await.unwrap().allowed
        }));
    }
    eventually("they wait", async || server.waiters() == 5).await;
    limiter.hold("k", Duration::ZERO).await.unwrap();
    for task in tasks {
        assert!(task.await.unwrap());
    }
    server.drop_clients();
    assert_eq!(wait().await.unwrap().cause, Cause::Down);
    assert_eq!(wait().await, None);
}

#[tokio::test]
async fn nothing_times_out_under_a_wait() {
    let (server, coordinator) = (Server::start(), Server::coordinator());
    for (name, limiter) in limiters(&server, Some(&coordinator)).await {
        let window = Duration::from_millis(900);
        let slide = || limiter.slide(name, 1, window);
        assert!(slide().await.unwrap().allowed);
        let limiter = limiter.clone().timeout(Duration::from_millis(400));
        let decision = limiter.slide(name, 1, window).wait(Duration::from_secs(20)).await.unwrap();
        assert!(decision.allowed && decision.degraded.is_none(), "{name}: {decision:?}");
    }
}

#[tokio::test]
async fn waiters_beyond_the_bound_go_by_lane() {
    let (server, coordinator) = (Server::start(), Server::coordinator());
    for (name, limiter) in limiters(&server, Some(&coordinator)).await {
        let (limiter, window) = (limiter.max_waiting(1), Duration::from_millis(50));
        limiter.hold(name, MINUTE).await.unwrap(); // until all of them wait
        let order: Arc<Mutex<Vec<Lane>>> = Arc::default();
        let mut tasks = Vec::new();
        // The first stands in the server's line. The others wait here.
        for (n, lane) in [Lane::Normal, Lane::Low, Lane::High, Lane::Critical].into_iter().enumerate() {
            let (asks, order) = (limiter.clone(), Arc::clone(&order));
            tasks.push(tokio::spawn(async move {
                let decision = asks.slide(name, 1, window).wait(MINUTE).priority(lane).await.unwrap();
                assert!(decision.allowed, "{decision:?}");
                order.lock().unwrap().push(lane);
            }));
            eventually("it waits", async || limiter.stats().waiting == n + 1).await;
        }
        limiter.hold(name, Duration::ZERO).await.unwrap();
        for task in tasks {
            task.await.unwrap();
        }
        let order = order.lock().unwrap();
        assert_eq!(order[1..], [Lane::Critical, Lane::High, Lane::Low], "{name}");
    }
}

#[tokio::test]
async fn many_waiters() {
    let (server, coordinator) = (Server::start(), Server::coordinator());
    for (name, limiter) in limiters(&server, Some(&coordinator)).await {
        let limiter = limiter.max_waiting(10);
        let mut tasks = Vec::new();
        for _ in 0..200 {
            let limiter = limiter.clone();
            tasks.push(tokio::spawn(async move {
                limiter
                    .slide(name, 20, Duration::from_millis(100))
                    .wait(MINUTE)
                    .flow("tenant", 3)
                    .await
                    .unwrap()
            }));
        }
        for task in tasks {
            let decision = task.await.unwrap();
            assert!(decision.allowed && decision.degraded.is_none(), "{name}: {decision:?}");
        }
        assert_eq!((limiter.stats().admitted, limiter.stats().waiting), (200, 0));
    }
}
