//! Rate limits with redis-rs. Its function `redis::cmd` sends any command.
//!
//! REDIS_URL is the address of the server. REDIS_PROTOCOL=3 selects RESP3. REDIS_CLUSTER=yes selects a cluster.

use std::env;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use redis::cluster::ClusterClientBuilder;
use redis::{
    Client, ConnectionInfo, ConnectionLike, IntoConnectionInfo, ProtocolVersion, RedisResult, Value, cmd,
};

/// Allowed, limit, remaining, retry_after_ms, reset_after_ms.
type Reply = (i64, i64, i64, i64, i64);

/// Returns a connection that waits for a reply for at most `timeout`.
fn connect(timeout: Duration) -> RedisResult<Box<dyn ConnectionLike>> {
    let info = info(&env::var("REDIS_URL").unwrap_or("redis://127.0.0.1:6379".into()))?;
    if env::var("REDIS_CLUSTER").is_ok_and(|value| value == "yes") {
        let client =
            ClusterClientBuilder::new([info]).use_protocol(protocol()).response_timeout(timeout).build()?;
        return Ok(Box::new(client.get_connection()?));
    }
    let connection = Client::open(info)?.get_connection_with_timeout(Duration::from_secs(2))?;
    connection.set_read_timeout(Some(timeout))?;
    Ok(Box::new(connection))
}

fn info(url: &str) -> RedisResult<ConnectionInfo> {
    let info = url.into_connection_info()?;
    let settings = info.redis_settings().clone().set_protocol(protocol());
    Ok(info.set_redis_settings(settings))
}

fn protocol() -> ProtocolVersion {
    match env::var("REDIS_PROTOCOL").as_deref() {
        Ok("3") => ProtocolVersion::RESP3,
        _ => ProtocolVersion::RESP2,
    }
}

fn tell(name: &str, (allowed, limit, remaining, retry_ms, _reset_ms): Reply) {
    if allowed == 1 {
        println!("{name}: admitted, {remaining} of {limit} left");
    } else {
        println!("{name}: denied, ask again in {retry_ms} ms");
    }
}

/// Admits at most 3 requests in any 60 seconds.
fn slide(redis: &mut dyn ConnectionLike, key: &str) -> RedisResult<()> {
    tell("slide", cmd("RL.SLIDE").arg(key).arg(3).arg(60).query(redis)?);
    Ok(())
}

/// Admits bursts of 2 requests, and one more request every 60 seconds.
fn bucket(redis: &mut dyn ConnectionLike, key: &str) -> RedisResult<()> {
    tell("bucket", cmd("RL.BUCKET").arg(key).arg(2).arg(1).arg(60).query(redis)?);
    Ok(())
}

struct Reservation {
    key: String,
    id: String,
}

/// Reserves a call at the first model that has room.
fn reserve(redis: &mut dyn ConnectionLike, run: &str, tokens: u64) -> RedisResult<Option<Reservation>> {
    for model in ["large", "small"] {
        let key = format!("example:{run}:{model}");
        let (_, _, blocking, _, id): (i64, i64, Vec<String>, Value, Option<String>) = cmd("RL.QUOTA")
            .arg(&key)
            .arg(&["LIMIT", "rpm", "10", "60"])
            .arg(&["LIMIT", "tpm", "5000", "60", "UNIT", "tokens"])
            .arg(&["LIMIT", "calls", "5", "INFLIGHT"])
            .arg(&["COST", "tokens"])
            .arg(tokens)
            .arg(&["RESERVE", "60"])
            .query(redis)?;
        if let Some(id) = id {
            println!("quota: {model} takes it");
            return Ok(Some(Reservation { key, id }));
        }
        println!("quota: {model} is full ({})", blocking.join(", "));
    }
    Ok(None)
}

/// Reports the real cost of the call. The rest is free again.
fn settle(redis: &mut dyn ConnectionLike, call: &Reservation, used: u64) -> RedisResult<()> {
    cmd("RL.SETTLE").arg(&call.key).arg(&call.id).arg("COST").arg("tokens").arg(used).exec(redis)?;
    println!("settle: {used} tokens used");
    Ok(())
}

/// Waits in line for up to 10 seconds, before waiters of lower lanes. The timeout of the connection must be longer.
fn wait(redis: &mut dyn ConnectionLike, key: &str) -> RedisResult<()> {
    cmd("RL.SLIDE").arg(key).arg(1).arg(3).exec(redis)?;
    let began = Instant::now();
    let (allowed, ..): Reply =
        cmd("RL.SLIDE").arg(key).arg(1).arg(3).arg(&["WAIT", "10", "PRIORITY", "HIGH"]).query(redis)?;
    let verdict = if allowed == 1 { "admitted" } else { "denied" };
    println!("wait: {verdict} after {} ms in line", began.elapsed().as_millis());
    Ok(())
}

/// What to do if Redis does not answer.
#[derive(Clone, Copy, PartialEq)]
enum IfAway {
    Admit,
    Refuse,
}

/// Returns true if the call may proceed.
fn may_i(client: &Client, key: &str, if_away: IfAway) -> RedisResult<bool> {
    let second = Duration::from_secs(1);
    let ask = || -> RedisResult<Reply> {
        let mut redis = client.get_connection_with_timeout(second)?;
        redis.set_read_timeout(Some(second))?;
        cmd("RL.SLIDE").arg(key).arg(100).arg(60).query(&mut redis)
    };
    match ask() {
        Ok((allowed, ..)) => Ok(allowed == 1),
        Err(error) if error.is_io_error() => Ok(if_away == IfAway::Admit),
        Err(error) => Err(error), // Redis answers that the request is wrong
    }
}

fn main() -> RedisResult<()> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let run = format!("{:x}-{:x}", std::process::id(), now.as_nanos());
    let redis = &mut *connect(Duration::from_secs(2))?;

    for _ in 0..4 {
        slide(redis, &format!("example:{run}:slide"))?;
    }
    for _ in 0..3 {
        bucket(redis, &format!("example:{run}:bucket"))?;
    }

    let full = "one of the two has room";
    let large = reserve(redis, &run, 4000)?.expect(full);
    let small = reserve(redis, &run, 4000)?.expect(full);
    settle(redis, &large, 800)?;
    let again = reserve(redis, &run, 4000)?.expect(full);
    settle(redis, &small, 3000)?;
    settle(redis, &again, 4200)?; // the excess over the reservation also counts

    wait(&mut *connect(Duration::from_secs(12))?, &format!("example:{run}:wait"))?;

    let away = env::var("REDIS_AWAY_URL").unwrap_or("redis://127.0.0.1:1".into()); // no server answers here
    let away = Client::open(away)?;
    for (choice, if_away) in [("open", IfAway::Admit), ("closed", IfAway::Refuse)] {
        let go_on = may_i(&away, &format!("example:{run}:away"), if_away)?;
        println!("away, fail {choice}: {}", if go_on { "admitted" } else { "refused" });
    }
    Ok(())
}
