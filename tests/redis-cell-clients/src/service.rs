//! `tower-redis-cell`: a layer in front of a service.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use redis::Client;
use redis::aio::MultiplexedConnection;
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_redis_cell::redis_cell::Policy;
use tower_redis_cell::{Error, ProvideRule, ProvideRuleResult, RateLimitConfig, RateLimitLayer, Rule};

const POLICY: Policy = Policy::from_tokens_per_day(1).max_burst(4).name("five in a burst");

/// A provider of rules. A request is the name of its key, and a request without a name has no rule.
#[derive(Clone)]
struct ByName;

impl ProvideRule<String> for ByName {
    fn provide<'a>(&self, request: &'a String) -> ProvideRuleResult<'a> {
        Ok((!request.is_empty()).then(|| Rule::new(request.as_str(), POLICY)))
    }
}

/// Returns a configuration whose replies are readable text.
fn config() -> RateLimitConfig<ByName, String, String, String> {
    let on_error = |error: Error<'_>, _: &String| match error {
        Error::RateLimit(blocked) => {
            let told = blocked.details;
            let later = told.reset_after - told.retry_after;
            format!("blocked: {} of {}, full {later} s later", told.remaining, told.total)
        }
        error => format!("error: {error}"),
    };
    RateLimitConfig::new(ByName, on_error)
        .on_success(|allowed, response: &mut String| {
            let told = allowed.details;
            response.push_str(&format!(
                ", {} of {} left, full in {} s",
                told.remaining, told.total, told.reset_after
            ));
        })
        .on_unruled(|response: &mut String| response.push_str(", as there is no rule"))
}

async fn connection(client: &Client) -> MultiplexedConnection {
    client.get_multiplexed_async_connection().await.unwrap()
}

/// Returns the layer around a service that counts its calls.
async fn limited(
    client: &Client,
    calls: Arc<AtomicUsize>,
) -> impl Service<String, Response = String, Error = Infallible, Future: Send> + Clone + Send + 'static {
    let layer = RateLimitLayer::new(config(), connection(client).await);
    layer.layer(service_fn(move |_: String| {
        calls.fetch_add(1, Ordering::Relaxed);
        std::future::ready(Ok::<_, Infallible>("served".to_owned()))
    }))
}

pub async fn requests_are_let_through_or_answered(client: &Client, protocol: &str) {
    let calls = Arc::new(AtomicUsize::new(0));
    let service = limited(client, Arc::clone(&calls)).await;
    let key = format!("{protocol} service");
    for taken in 1..=5 {
        let told = service.clone().oneshot(key.clone()).await.unwrap();
        assert_eq!(told, format!("served, {} of 5 left, full in {} s", 5 - taken, taken * 86_400));
    }
    let told = service.clone().oneshot(key).await.unwrap();
    assert_eq!(told, format!("blocked: 0 of 5, full {} s later", 4 * 86_400));
    assert_eq!(service.oneshot(String::new()).await.unwrap(), "served, as there is no rule");
    assert_eq!(calls.load(Ordering::Relaxed), 6);
}

pub async fn many_at_once_are_let_through_as_often_as_the_limit_says(client: &Client, protocol: &str) {
    let calls = Arc::new(AtomicUsize::new(0));
    let service = limited(client, Arc::clone(&calls)).await;
    let key = format!("{protocol} many at once in a service");
    let tasks: Vec<_> = (0..200).map(|_| tokio::spawn(service.clone().oneshot(key.clone()))).collect();
    let mut blocked = 0;
    for task in tasks {
        blocked += usize::from(task.await.unwrap().unwrap().starts_with("blocked"));
    }
    assert_eq!((calls.load(Ordering::Relaxed), blocked), (5, 195));
}

/// Checks an error that would have crashed a server with redis-cell, and disconnected all its clients.
pub async fn an_error_of_the_server_reaches_the_handler(client: &Client, protocol: &str) {
    let key = format!("{protocol} a list");
    redis::cmd("RPUSH").arg(&key).arg("x").query::<()>(&mut client.get_connection().unwrap()).unwrap();
    let told = limited(client, Arc::default()).await.oneshot(key).await.unwrap();
    assert!(told.starts_with("error: ") && told.contains("WRONGTYPE"), "{told}");
}
