//! Writes answers in the neutral form.

use std::time::Duration;

use redis_rl::{Algorithm, Decision, Info, Limit, LimitInfo, QuotaDecision, Window};
use serde_json::{Map, Value, json};

pub(super) fn ms(length: Duration) -> Value {
    u64::try_from(length.as_millis()).unwrap().into()
}

fn row(decision: &Decision) -> Map<String, Value> {
    let fields = json!({
        "limit": decision.limit,
        "remaining": decision.remaining,
        "retry_after_ms": decision.retry_after.map(ms),
        "reset_after_ms": ms(decision.reset_after),
    });
    fields.as_object().unwrap().clone()
}

pub(super) fn one(decision: &Decision) -> Value {
    let mut fields = row(decision);
    fields.insert("allowed".into(), decision.allowed.into());
    fields.insert("degraded".into(), decision.degraded.is_some().into());
    fields.into()
}

pub(super) fn many(decision: &QuotaDecision) -> Value {
    let limits: Map<_, Value> =
        decision.limits.iter().map(|(name, limit)| (name.clone(), row(limit).into())).collect();
    json!({
        "allowed": decision.allowed,
        "retry_after_ms": decision.retry_after.map(ms),
        "blocking": decision.blocking,
        "limits": limits,
        "id": decision.id,
        "degraded": decision.degraded.is_some(),
    })
}

pub(super) fn first(decision: &QuotaDecision) -> Value {
    let mut fields = many(decision);
    fields["index"] = decision.index.map_or(json!(-1), |index| json!(index));
    fields
}

fn window(window: Window) -> (&'static str, Value) {
    match window {
        Window::Of(length) => ("window_ms", ms(length)),
        Window::Week => ("window", "1w".into()),
        Window::Month => ("window", "1mo".into()),
    }
}

/// Writes a limit of a policy.
pub(super) fn limit(limit: &Limit) -> Value {
    let mut fields = json!({"name": limit.name, "limit": limit.limit, "unit": limit.unit});
    let mut set = |name: &str, value: Value| fields[name] = value;
    match &limit.algorithm {
        Algorithm::InFlight => fields = json!({"name": limit.name, "inflight": limit.limit}),
        Algorithm::Slide(of) => {
            set("algorithm", "slide".into());
            set(window(*of).0, window(*of).1);
        }
        Algorithm::Window(of, offset) => {
            set("algorithm", "window".into());
            set(window(*of).0, window(*of).1);
            if offset.as_millis() != 0 {
                set("offset_ms", offset.as_millis().into());
            }
        }
        Algorithm::Bucket { capacity, period } => {
            set("algorithm", "bucket".into());
            set("window_ms", ms(*period));
            set("capacity", (*capacity).into());
        }
        other => panic!("no algorithm {other:?}"),
    }
    if limit.shadow {
        fields["shadow"] = true.into();
    }
    fields
}

/// Writes the fields of RL.INFO.
pub(super) fn info(info: &Info) -> Value {
    let by_field = |of: fn(&LimitInfo) -> Value| -> Value {
        if info.algorithm != "quota" {
            return of(info.limit("").unwrap());
        }
        info.limits.iter().map(|(name, limit)| (name.clone(), of(limit))).collect::<Map<_, _>>().into()
    };
    let waiting: Map<_, Value> =
        info.waiting.iter().map(|(lane, n)| (format!("{lane:?}").to_lowercase(), (*n).into())).collect();
    let parameters = if info.algorithm == "quota" {
        by_field(|limit| parameters(limit, true))
    } else {
        by_field(|limit| parameters(limit, false))
    };
    json!({
        "algorithm": info.algorithm,
        "policy": info.policy,
        "parameters": parameters,
        "used": by_field(|limit| limit.used.into()),
        "remaining": by_field(|limit| limit.remaining.into()),
        "held_ms": by_field(|limit| ms(limit.held)),
        "used_elsewhere": by_field(|limit| limit.used_elsewhere.into()),
        "elsewhere_ms": by_field(|limit| ms(limit.elsewhere)),
        "waiting": waiting,
        "head_wait_ms": info.head_wait.map(ms),
        "reservations": info.reservations,
        "bytes": info.bytes,
    })
}

/// Writes those of a limit as RL.INFO does.
fn parameters(of: &LimitInfo, is_quota: bool) -> Value {
    let mut fields = Map::new();
    let Some(limit) = &of.limit else { return fields.into() };
    let window_ms = |of: Window| if let Window::Of(length) = of { ms(length) } else { window(of).1 };
    let mut set = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    let name = match &limit.algorithm {
        Algorithm::Slide(of) => {
            set("limit", limit.limit.into());
            set("window_ms", window_ms(*of));
            "slide"
        }
        Algorithm::Window(of, offset) => {
            set("limit", limit.limit.into());
            set("window_ms", window_ms(*of));
            set("offset_ms", offset.as_millis().into());
            "window"
        }
        Algorithm::Bucket { capacity, period } => {
            set("capacity", (*capacity).into());
            set("refill", of.refill.clone().into());
            set("period_ms", ms(*period));
            "bucket"
        }
        Algorithm::InFlight => {
            set("limit", limit.limit.into());
            "inflight"
        }
        other => panic!("no algorithm {other:?}"),
    };
    if is_quota {
        set("algorithm", name.into());
        if limit.algorithm != Algorithm::InFlight {
            set("unit", limit.unit.as_str().into());
        }
        if limit.shadow {
            set("shadow", 1.into());
        }
    }
    fields.into()
}
