//! Makes calls.

use redis_rl::{Error, Limiter, TopBy};
use serde_json::{Value, json};

use super::answers;
use super::args::Args;

type Answer = Result<Value, Error>;

/// Adds the options that a request for admission has.
macro_rules! options {
    ($request:expr, $args:expr) => {{
        let mut request = $request;
        if let Some(wait) = $args.ms("wait_ms") {
            request = request.wait(wait);
        }
        if let Some(lane) = $args.lane() {
            request = request.priority(lane);
        }
        if let Some((flow, weight)) = $args.flow() {
            request = request.flow(flow, weight);
        }
        request
    }};
}

/// Adds the options that a request of one limit has.
macro_rules! single {
    ($request:expr, $args:expr) => {{
        let mut request = options!($request, $args);
        if let Some(cost) = $args.number("cost") {
            request = request.cost(cost);
        }
        request
    }};
}

/// Adds the options that a request of many limits has.
macro_rules! many {
    ($request:expr, $args:expr) => {{
        let mut request = options!($request, $args).costs($args.costs());
        if let Some(ttl) = $args.ms("reserve_ms") {
            request = request.ttl(ttl);
        }
        if $args.0.get("id").is_some() {
            request = request.id($args.text("id"));
        }
        if $args.0.get("short") == Some(&Value::Bool(true)) { request.short() } else { request }
    }};
}

/// Makes a call, and returns its answer in the neutral form.
pub(crate) async fn run(limiter: &Limiter, call: &str, args: &Value) -> Answer {
    let args = Args(args);
    let key = args.key();
    match call {
        "slide" => {
            let request = single!(limiter.slide(key, args.number("limit").unwrap(), args.length()), args);
            request.await.map(|decision| answers::one(&decision))
        }
        "window" => {
            let request =
                limiter.window(key, args.number("limit").unwrap(), args.window()).offset(args.offset());
            single!(request, args).await.map(|decision| answers::one(&decision))
        }
        "bucket" => {
            let mut request = limiter.bucket(key, args.number("capacity").unwrap(), args.refill());
            if let Some(period) = args.ms("period_ms") {
                request = request.per(period);
            }
            single!(request, args).await.map(|decision| answers::one(&decision))
        }
        "quota" => {
            let limits = if args.0.get("limits").is_some() { args.limits() } else { Vec::new() };
            let policy = args.0.get("policy").and_then(Value::as_str);
            let request = match policy {
                Some(policy) => limiter.quota(key, policy),
                None => limiter.quota(key, &limits),
            };
            many!(request, args).await.map(|decision| answers::many(&decision))
        }
        "mquota" => many!(limiter.mquota(&args.keys()), args).await.map(|decision| answers::many(&decision)),
        "first" => many!(limiter.first(&args.keys()), args).await.map(|decision| answers::first(&decision)),
        "peek" => peek(limiter, args).await,
        "settle" => limiter.settle(key, args.text("id"), &args.costs()).await.map(Value::from),
        "cancel" => limiter.cancel(key, args.text("id")).await.map(Value::from),
        "renew" => limiter.renew(key, args.text("id"), args.ms("ttl_ms").unwrap()).await.map(Value::from),
        "refund" => limiter.refund(key, args.number("cost").unwrap_or(1)).await.map(Value::from),
        "hold" => hold(limiter, args).await,
        "sync" => sync(limiter, args).await,
        _ => operate(limiter, call, args).await,
    }
}

async fn hold(limiter: &Limiter, args: Args<'_>) -> Answer {
    let duration = args.ms("duration_ms").unwrap_or_default();
    let held = match args.0.get("limits").and_then(Value::as_array) {
        None => limiter.hold(args.key(), duration).await,
        Some(names) => {
            let names: Vec<&str> = names.iter().map(|name| name.as_str().unwrap()).collect();
            limiter.hold_limits(args.key(), duration, &names).await
        }
    };
    held.map(answers::ms)
}

async fn sync(limiter: &Limiter, args: Args<'_>) -> Answer {
    let age = args.ms("age_ms");
    let Some(limits) = args.0.get("limits").and_then(Value::as_object) else {
        let left = if args.0.get("remaining").is_some() { args.left() } else { redis_rl::Left::of(0) };
        let tell = limiter.sync(args.key(), left);
        let tell = if let Some(age) = age { tell.age(age) } else { tell };
        return tell.await.map(Value::from);
    };
    let left: Vec<_> = limits.iter().map(|(name, left)| (name, Args(left).left())).collect();
    let tell = limiter.sync_quota(args.key(), &left);
    let tell = if let Some(age) = age { tell.age(age) } else { tell };
    tell.await.map(|used| json!(used))
}

async fn peek(limiter: &Limiter, args: Args<'_>) -> Answer {
    if args.costs().is_empty() {
        let look = limiter.peek(args.key()).cost(args.number("cost").unwrap_or(1));
        match look.await {
            // A key of a quota answers in another form, which peek_quota reads.
            Err(Error::Unavailable(why)) if why.text.contains("the five integers") => {}
            answer => {
                return answer
                    .map(|decision| decision.map_or(Value::Null, |decision| answers::one(&decision)));
            }
        }
    }
    let mut look = limiter.peek_quota(args.key());
    for (unit, n) in args.costs() {
        look = look.cost(unit, n);
    }
    look.await.map(|decision| decision.map_or(Value::Null, |decision| answers::many(&decision)))
}

/// Makes the calls that are for operators.
async fn operate(limiter: &Limiter, call: &str, args: Args<'_>) -> Answer {
    let (policies, name, key) = (limiter.policies(), args.text("name"), args.key());
    let limits = |limits: Option<Vec<redis_rl::Limit>>| {
        json!(limits.map(|all| all.iter().map(answers::limit).collect::<Vec<_>>()))
    };
    match call {
        "info" => limiter.info(key).await.map(|info| info.map_or(Value::Null, |info| answers::info(&info))),
        "top" => {
            let lists = [("denied", TopBy::Denied), ("admitted", TopBy::Admitted), ("held", TopBy::Held)];
            let by = lists.into_iter().find(|(name, _)| *name == args.text("by")).map(|(_, by)| by);
            let keys = limiter.top(by, args.number("count").map(|n| u32::try_from(n).unwrap())).await?;
            let row =
                |key: &redis_rl::TopKey| json!({"key": key.key, "count": key.count, "error": key.error});
            Ok(keys.iter().map(row).collect())
        }
        "top_reset" => limiter.reset_top().await.map(|()| Value::Null),
        "policies" => policies.list().await.map(|names| json!(names)),
        "policy_set" => policies.set(name, &args.limits()).await.map(|()| Value::Null),
        "policy_get" => policies.get(name).await.map(limits),
        "policy_delete" => policies.delete(name).await.map(Value::from),
        "overrides" => policies.overrides(name).await.map(|keys| json!(keys)),
        "override_get" => policies.get_override(name, key).await.map(limits),
        "override_set" => policies.set_override(name, key, &args.limits()).await.map(|()| Value::Null),
        "override_delete" => policies.delete_override(name, key).await.map(|()| Value::Null),
        other => panic!("no call {other}"),
    }
}
