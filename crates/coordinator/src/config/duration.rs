//! Durations in the configuration, spelled as in commands: `"250ms"`, `"10s"`, `"5m"`, `"1h"`.

use std::time::Duration;

use rl_core::fault::Fault;
use rl_core::number;
use rl_core::time::Span;
use serde::{Deserialize, Deserializer, de};

/// A duration that is read from a string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ConfigDuration(pub(crate) Duration);

impl ConfigDuration {
    /// The duration of a text; `None` if it is not one.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let span = number::duration(text.as_bytes(), Fault::Window).ok()?;
        Some(Self(Duration::from_millis(span.ms())))
    }

    /// The duration as limits use it.
    pub(crate) fn span(self) -> Span {
        Span::from_ms(u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX))
    }
}

impl<'de> Deserialize<'de> for ConfigDuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            de::Error::custom("expected a duration such as \"250ms\", \"10s\", \"5m\" or \"1h\"")
        })
    }
}
