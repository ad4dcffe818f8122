//! A client of `make test-clients`. It repeats a command and prints what it saw, as tests/clients/README.md says.

use std::collections::BTreeSet;
use std::env;
use std::error::Error;
use std::io;
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use redis::{Client, IntoConnectionInfo, ProtocolVersion, Value, cmd};

fn shape(reply: &Value) -> String {
    match reply {
        Value::Int(_) => "int".into(),
        Value::BulkString(_) => "string".into(),
        Value::Nil => "nil".into(),
        Value::Array(parts) => format!("[{}]", parts.iter().map(shape).collect::<Vec<_>>().join(",")),
        other => format!("{other:?}"),
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [seconds, pause_ms, command @ ..] = &arguments[..] else {
        return Err("load SECONDS PAUSE_MS COMMAND...".into());
    };
    let (seconds, pause_ms): (f64, u64) = (seconds.parse()?, pause_ms.parse()?);
    let info = env::var("REDIS_URL")?.into_connection_info()?;
    let resp3 = env::var("REDIS_PROTOCOL")? == "3";
    let protocol = if resp3 { ProtocolVersion::RESP3 } else { ProtocolVersion::RESP2 };
    let settings = info.redis_settings().clone().set_protocol(protocol);
    let mut redis = Client::open(info.set_redis_settings(settings))?.get_connection()?;
    println!("ready");
    io::stdin().read_line(&mut String::new())?;

    let (mut admitted, mut denied, mut settled) = (0, 0, 0);
    let mut shapes = BTreeSet::new();
    let end = Instant::now() + Duration::from_secs_f64(seconds);
    while Instant::now() < end {
        let reply = cmd(&command[0]).arg(&command[1..]).query::<Value>(&mut redis)?;
        shapes.insert(shape(&reply));
        let Value::Array(parts) = &reply else { return Err("no array".into()) };
        if parts[0] == Value::Int(1) {
            admitted += 1
        } else {
            denied += 1
        }
        if let (true, Some(Value::BulkString(id))) = (command[0] == "RL.QUOTA", parts.get(4)) {
            let settle = cmd("RL.SETTLE")
                .arg(&command[1])
                .arg(id)
                .arg(&["COST", "tokens", "40"])
                .query::<u64>(&mut redis)?;
            settled += settle;
        }
        if pause_ms > 0 {
            let random = u64::from(SystemTime::now().duration_since(UNIX_EPOCH)?.subsec_nanos());
            sleep(Duration::from_millis(random / 1000 % pause_ms));
        }
    }
    let shapes: Vec<String> = shapes.iter().map(|shape| format!("\"{shape}\"")).collect();
    let shapes = shapes.join(",");
    println!(r#"{{"admitted":{admitted},"denied":{denied},"settled":{settled},"shapes":[{shapes}]}}"#);
    Ok(())
}
