//! The arguments of calls.

use std::time::Duration;

use redis_rl::{Lane, Left, Limit, Offset, Window};
use serde_json::Value;

/// The arguments of a call.
#[derive(Clone, Copy)]
pub(super) struct Args<'a>(pub(super) &'a Value);

impl<'a> Args<'a> {
    pub(super) fn text(self, name: &str) -> &'a str {
        self.0.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    pub(super) fn key(self) -> &'a str {
        self.text("key")
    }

    pub(super) fn number(self, name: &str) -> Option<u64> {
        self.0.get(name).and_then(Value::as_u64)
    }

    pub(super) fn ms(self, name: &str) -> Option<Duration> {
        self.number(name).map(Duration::from_millis)
    }

    pub(super) fn window(self) -> Window {
        match self.text("window") {
            "1w" => Window::Week,
            "1mo" => Window::Month,
            _ => Window::Of(self.ms("window_ms").unwrap_or_default()),
        }
    }

    pub(super) fn length(self) -> Duration {
        self.ms("window_ms").unwrap_or_default()
    }

    pub(super) fn offset(self) -> Offset {
        Offset::from_millis(self.0.get("offset_ms").and_then(Value::as_i64).unwrap_or(0))
    }

    pub(super) fn refill(self) -> f64 {
        match &self.0["refill"] {
            Value::String(text) => text.parse().unwrap(),
            other => other.as_f64().unwrap(),
        }
    }

    pub(super) fn lane(self) -> Option<Lane> {
        let lanes = [
            ("critical", Lane::Critical),
            ("high", Lane::High),
            ("normal", Lane::Normal),
            ("low", Lane::Low),
        ];
        lanes.into_iter().find(|(name, _)| *name == self.text("priority")).map(|(_, lane)| lane)
    }

    pub(super) fn flow(self) -> Option<(&'a str, u32)> {
        let weight = self.number("weight").unwrap_or(0);
        self.0.get("flow")?.as_str().map(|flow| (flow, u32::try_from(weight).unwrap()))
    }

    /// The costs by unit, in their order.
    pub(super) fn costs(self) -> Vec<(String, u64)> {
        let costs = self.0.get("cost").and_then(Value::as_object);
        costs.into_iter().flatten().map(|(unit, n)| (unit.clone(), n.as_u64().unwrap())).collect()
    }

    pub(super) fn keys(self) -> Vec<(&'a str, &'a str)> {
        let keys = self.0["keys"].as_array().unwrap().iter();
        keys.map(|one| (one["key"].as_str().unwrap(), one["policy"].as_str().unwrap())).collect()
    }

    pub(super) fn limits(self) -> Vec<Limit> {
        self.0["limits"].as_array().unwrap().iter().map(|one| Args(one).limit()).collect()
    }

    fn limit(self) -> Limit {
        let (name, n) = (self.text("name"), self.number("limit").unwrap_or(0));
        let mut limit = match (self.number("inflight"), self.text("algorithm")) {
            (Some(most), _) => Limit::in_flight(name, most),
            (None, "window") => Limit::window(name, n, self.window()).offset(self.offset()),
            (None, "bucket") => Limit::bucket(name, n, self.length(), self.number("capacity").unwrap()),
            (None, "" | "slide") => Limit::slide(name, n, self.window()),
            (None, other) => panic!("no algorithm {other}"),
        };
        if let Some(unit) = self.0.get("unit") {
            limit = limit.unit(unit.as_str().unwrap());
        }
        if self.0.get("shadow") == Some(&Value::Bool(true)) { limit.shadow() } else { limit }
    }

    /// What a sync says of one limit.
    pub(super) fn left(self) -> Left {
        let mut left = Left::of(self.0["remaining"].as_i64().unwrap());
        if let Some(of) = self.number("of") {
            left = left.limit(of);
        }
        if let Some(reset) = self.ms("reset_ms") { left.reset(reset) } else { left }
    }
}
