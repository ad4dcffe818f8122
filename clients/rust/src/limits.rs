//! The limits of a quota, as requests and policies spell them out.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::command::Command;
use crate::reply::Fields;
use crate::window::{Offset, Window};

/// How a limit of a quota counts.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Algorithm {
    /// An exact sliding window of this length.
    Slide(Window),
    /// A fixed window, moved by an offset.
    Window(Window, Offset),
    /// A token bucket that gains the limit in each period.
    Bucket {
        /// The most tokens that it holds.
        capacity: u64,
        /// The period in which it gains the limit.
        period: Duration,
    },
    /// The limit is the most reservations that are open at a time.
    InFlight,
}

/// A limit of a quota.
///
/// ```
/// use redis_rl::{Limit, Offset};
/// use std::time::Duration;
///
/// let minute = Duration::from_secs(60);
/// let limits = [
///     Limit::slide("rpm", 1_000, minute),
///     Limit::bucket("tpm", 80_000, minute, 20_000).unit("tokens"),
///     Limit::window("tpd", 2_000_000, Duration::from_secs(86_400)).offset(Offset::from_hours(-8)).unit("tokens").shadow(),
///     Limit::in_flight("calls", 20),
/// ];
/// # assert_eq!(limits[1].unit, "tokens");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limit {
    /// The limit's own name in its quota.
    pub name: String,
    /// The most cost in a window, what a bucket gains in a period, or the most open reservations.
    pub limit: u64,
    /// How it counts.
    pub algorithm: Algorithm,
    /// What it counts.
    pub unit: String,
    /// Whether it counts and denies nobody.
    pub shadow: bool,
}

/// The unit of a limit that names none.
const REQUESTS: &str = "requests";

impl Limit {
    fn new(name: &str, limit: u64, algorithm: Algorithm) -> Self {
        Self { name: name.to_owned(), limit, algorithm, unit: REQUESTS.to_owned(), shadow: false }
    }

    /// Returns a sliding window.
    #[must_use]
    pub fn slide(name: &str, limit: u64, window: impl Into<Window>) -> Self {
        Self::new(name, limit, Algorithm::Slide(window.into()))
    }

    /// Returns a fixed window.
    #[must_use]
    pub fn window(name: &str, limit: u64, window: impl Into<Window>) -> Self {
        Self::new(name, limit, Algorithm::Window(window.into(), Offset::default()))
    }

    /// Returns a token bucket that holds `capacity` and gains `refill` in each period.
    #[must_use]
    pub fn bucket(name: &str, refill: u64, period: Duration, capacity: u64) -> Self {
        Self::new(name, refill, Algorithm::Bucket { capacity, period })
    }

    /// Returns a limit on open reservations.
    #[must_use]
    pub fn in_flight(name: &str, limit: u64) -> Self {
        Self::new(name, limit, Algorithm::InFlight)
    }

    /// Sets what the limit counts. Without it, that is requests.
    #[must_use]
    pub fn unit(mut self, unit: &str) -> Self {
        unit.clone_into(&mut self.unit);
        self
    }

    /// Moves the windows of a fixed window. It changes no other limit.
    #[must_use]
    pub fn offset(mut self, by: Offset) -> Self {
        if let Algorithm::Window(_, offset) = &mut self.algorithm {
            *offset = by;
        }
        self
    }

    /// Makes a limit that counts and denies nobody.
    #[must_use]
    pub fn shadow(mut self) -> Self {
        self.shadow = true;
        self
    }

    fn add_to(&self, command: &mut Command) {
        command.word("LIMIT").word(&self.name).word(self.limit.to_string());
        match &self.algorithm {
            Algorithm::InFlight => command.word("INFLIGHT"),
            Algorithm::Slide(window) | Algorithm::Window(window, _) => command.word(window.word()),
            Algorithm::Bucket { period, .. } => command.word(Window::Of(*period).word()),
        };
        if self.unit != REQUESTS && self.algorithm != Algorithm::InFlight {
            command.word("UNIT").word(&self.unit);
        }
        match &self.algorithm {
            Algorithm::Slide(_) | Algorithm::InFlight => {}
            Algorithm::Window(_, offset) => {
                command.word("WINDOW");
                if *offset != Offset::default() {
                    command.word("OFFSET").word(offset.word());
                }
            }
            Algorithm::Bucket { capacity, .. } => {
                command.word("BUCKET").word(capacity.to_string());
            }
        }
        if self.shadow {
            command.word("SHADOW");
        }
    }

    /// Writes the limit for a body.
    fn body(&self) -> Value {
        let mut body = Map::new();
        let mut field = |name: &str, value: Value| body.insert(name.to_owned(), value);
        field("name", self.name.as_str().into());
        let of = if self.algorithm == Algorithm::InFlight { "inflight" } else { "limit" };
        field(of, self.limit.into());
        match &self.algorithm {
            Algorithm::InFlight => None,
            Algorithm::Slide(window) => field("window", window.word().into()),
            Algorithm::Window(window, offset) => {
                if *offset != Offset::default() {
                    field("offset", offset.word().into());
                }
                field("algorithm", "window".into());
                field("window", window.word().into())
            }
            Algorithm::Bucket { capacity, period } => {
                field("algorithm", "bucket".into());
                field("capacity", (*capacity).into());
                field("window", Window::Of(*period).word().into())
            }
        };
        if self.unit != REQUESTS && self.algorithm != Algorithm::InFlight {
            field("unit", self.unit.as_str().into());
        }
        if self.shadow {
            field("shadow", true.into());
        }
        body.into()
    }

    /// Reads a limit of a reply of RL.POLICY, or of the parameters in that of RL.INFO.
    pub(crate) fn of_reply(name: &str, algorithm: &str, fields: &Fields<'_>) -> Option<Self> {
        let window = || match fields.get("window_ms")?.text() {
            Some(word) if word == "1mo" => Some(Window::Month),
            Some(word) if word == "1w" => Some(Window::Week), // only rl-coordinator writes it
            _ => Some(Window::Of(fields.get("window_ms")?.ms()?)),
        };
        let (limit, algorithm) = match algorithm {
            "slide" => (fields.count("limit")?, Algorithm::Slide(window()?)),
            "window" => {
                let offset = Offset::from_millis(fields.integer("offset_ms").unwrap_or(0));
                (fields.count("limit")?, Algorithm::Window(window()?, offset))
            }
            "bucket" => {
                let (capacity, period) = (fields.count("capacity")?, fields.get("period_ms")?.ms()?);
                // A refill with decimals is only in the reply of RL.INFO, which has it as text as well.
                (fields.count("refill").unwrap_or(0), Algorithm::Bucket { capacity, period })
            }
            "inflight" => (fields.count("limit")?, Algorithm::InFlight),
            _ => return None,
        };
        let mut read = Self::new(name, limit, algorithm);
        if let Some(unit) = fields.text("unit") {
            read.unit = unit;
        }
        read.shadow = fields.integer("shadow") == Some(1);
        Some(read)
    }
}

/// Adds limits to a command.
pub(crate) fn add_limits(command: &mut Command, limits: &[Limit]) {
    for limit in limits {
        limit.add_to(command);
    }
    command.field("limits", || limits.iter().map(Limit::body).collect::<Vec<_>>().into());
}
