//! The settings of leases: `lease`, `lease_ttl` and `lease_holders`.

use std::time::Duration;

use super::args::Args;
use super::duration::ConfigDuration;
use super::file::File;
use super::lease_keys::LeaseKeys;
use super::wrong::Wrong;

/// The shortest and the longest `lease_ttl`.
const TTL: [Duration; 2] = [Duration::from_millis(20), Duration::from_secs(3_600)];
/// The largest `lease_holders`.
const HOLDERS_MAX: u64 = 100_000;

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

impl LeaseSettings {
    /// Reads them; `None` if no key is leased.
    pub(super) fn read(args: &Args, file: &File) -> Result<Option<Self>, Wrong> {
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
