//! The settings of leases: `lease`, `lease_ttl` and `lease_holders`.

use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

use super::args::Args;
use super::duration::ConfigDuration;
use super::file::File;
use super::{Result, Wrong};

/// The shortest and the longest `lease_ttl`.
const TTL: [Duration; 2] = [Duration::from_millis(20), Duration::from_secs(3_600)];
/// The largest `lease_holders`.
const HOLDERS_MAX: u64 = 100_000;

/// The keys that are leased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LeaseKeys {
    /// None.
    Off,
    /// All.
    All,
    /// Those that begin with one of these.
    Prefixes(Vec<String>),
}

/// How keys are leased.
#[derive(Clone, Debug)]
pub(crate) struct LeaseSettings {
    /// The prefixes of the keys that are leased; one of them may be empty.
    pub(crate) prefixes: Vec<String>,
    /// The longest time of a lease.
    pub(crate) ttl: ConfigDuration,
    /// How many processes lease the same keys.
    pub(crate) holders: u64,
}

impl LeaseKeys {
    fn parse(text: &str) -> Self {
        match text {
            "on" => Self::All,
            "off" => Self::Off,
            prefixes => Self::Prefixes(prefixes.split(',').map(str::to_owned).collect()),
        }
    }

    /// The prefixes; `None` if no key is leased.
    fn prefixes(self) -> Option<Vec<String>> {
        match self {
            Self::Off => None,
            Self::All => Some(vec![String::new()]),
            Self::Prefixes(prefixes) => Some(prefixes),
        }
    }

    /// Whether some prefix is missing or empty.
    fn is_wrong(&self) -> bool {
        match self {
            Self::Off | Self::All => false,
            Self::Prefixes(prefixes) => prefixes.is_empty() || prefixes.iter().any(String::is_empty),
        }
    }
}

impl<'de> Deserialize<'de> for LeaseKeys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Word(String),
            Prefixes(Vec<String>),
        }
        match Written::deserialize(deserializer) {
            Ok(Written::Word(word)) if matches!(&*word, "on" | "off") => Ok(Self::parse(&word)),
            Ok(Written::Prefixes(prefixes)) => Ok(Self::Prefixes(prefixes)),
            Ok(Written::Word(_)) | Err(_) => {
                Err(de::Error::custom("expected \"on\", \"off\" or a list of prefixes such as [\"api:\"]"))
            }
        }
    }
}

impl LeaseSettings {
    /// Reads them; `None` if no key is leased.
    pub(super) fn read(args: &Args, file: &File) -> Result<Option<Self>> {
        let keys = args.lease.as_deref().map(LeaseKeys::parse).or_else(|| file.lease.clone());
        let keys = keys.unwrap_or(LeaseKeys::Off);
        if keys.is_wrong() {
            return Err(Wrong::at("lease", "lease: a prefix is empty; \"on\" leases all keys"));
        }
        let ttl = file.lease_ttl.unwrap_or(ConfigDuration(Duration::from_secs(1)));
        let holders = file.lease_holders.unwrap_or(4);
        let [shortest, longest] = TTL;
        if !(shortest..=longest).contains(&ttl.0) {
            return Err(Wrong::at("lease_ttl", "lease_ttl must be 20ms to 1h"));
        }
        if !(1..=HOLDERS_MAX).contains(&holders) {
            return Err(Wrong::at("lease_holders", format!("lease_holders must be 1 to {HOLDERS_MAX}")));
        }
        let Some(prefixes) = keys.prefixes() else { return Ok(None) };
        if args.redis.is_none() && file.redis.is_none() {
            let why = "lease needs a Redis server that lends permits: set redis.url or --redis. \
                       Limits in memory are decided by this process anyway";
            return Err(Wrong::at("lease", why));
        }
        Ok(Some(Self { prefixes, ttl, holders }))
    }
}
