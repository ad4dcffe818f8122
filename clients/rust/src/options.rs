//! What a request for admission may say besides its limit.

use std::time::Duration;

use serde_json::Map;

use crate::command::Command;

/// The priority of a request that waits. The first is admitted first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Lane {
    /// Before all others.
    Critical,
    /// Before those without a lane.
    High,
    /// The lane of a request that names none.
    Normal,
    /// After all others.
    Low,
}

impl Lane {
    pub(crate) const ALL: [Self; 4] = [Self::Critical, Self::High, Self::Normal, Self::Low];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::High => "high",
            Self::Normal => "normal",
            Self::Low => "low",
        }
    }
}

/// The options of a request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    pub(crate) costs: Vec<(String, u64)>,
    pub(crate) ttl: Option<Duration>,
    pub(crate) id: Option<String>,
    pub(crate) short: bool,
    pub(crate) wait: Duration,
    pub(crate) lane: Option<Lane>,
    pub(crate) flow: Option<(String, u32)>,
}

impl Options {
    pub(crate) fn lane_or_default(&self) -> Lane {
        self.lane.unwrap_or(Lane::Normal)
    }

    /// Adds what stands between the limits and the wait.
    pub(crate) fn add_to(&self, command: &mut Command) {
        add_costs(command, &self.costs);
        if let Some(ttl) = self.ttl {
            command.word("RESERVE").duration("reserve", ttl);
        }
        if let Some(id) = &self.id {
            command.word("ID").word(id).field("id", || id.as_str().into());
        }
    }

    /// Adds the wait, as far as something of it is left, and what stands behind it.
    pub(crate) fn add_wait(&self, command: &mut Command, wait: Duration) {
        if !wait.is_zero() {
            command.wait = wait;
            command.word("WAIT").duration("wait", wait);
            if let Some(lane) = self.lane {
                command.word("PRIORITY").word(lane.name().to_ascii_uppercase());
                command.field("priority", || lane.name().into());
            }
            if let Some((flow, weight)) = &self.flow {
                command.word("FLOW").word(flow).field("flow", || flow.as_str().into());
                if *weight != 0 {
                    command.word("WEIGHT").number("weight", u64::from(*weight));
                }
            }
        }
        if self.short {
            command.word("REPLY").word("SHORT"); // rl-coordinator has one form of answers only
        }
    }
}

/// Adds the costs of a quota, in the order given.
pub(crate) fn add_costs<U: AsRef<str>>(command: &mut Command, costs: &[(U, u64)]) {
    for (unit, n) in costs {
        command.word("COST").word(unit.as_ref()).word(n.to_string());
    }
    if !costs.is_empty() {
        command.field("cost", || {
            costs
                .iter()
                .map(|(unit, n)| (unit.as_ref().to_owned(), (*n).into()))
                .collect::<Map<_, _>>()
                .into()
        });
    }
}

/// Writes the methods that all requests for admission have, where `$at` are the fields that lead to the options.
macro_rules! waiting {
    ($($at:ident).+) => {
        /// Lets the server hold the request until it is admitted, or until `wait` has passed: then it is denied.
        pub fn wait(mut self, wait: std::time::Duration) -> Self {
            self.$($at).+.wait = wait;
            self
        }

        /// The lane in which the request waits. The default is [`Lane::Normal`].
        pub fn priority(mut self, lane: Lane) -> Self {
            self.$($at).+.lane = Some(lane);
            self
        }

        /// The flow to which a waiting request belongs, such as a tenant. Within a lane, flows share by weight, from 1 to 1000. A
        /// weight of 0 is the default, 1.
        pub fn flow(mut self, id: impl Into<String>, weight: u32) -> Self {
            self.$($at).+.flow = Some((id.into(), weight));
            self
        }
    };
}
pub(crate) use waiting;
