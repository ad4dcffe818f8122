//! Asks the server whether it decides requests.

use rl_core::fault::Fault;

use super::{Redis, reply, words};
use crate::reply::Failure;
use crate::undecided::Cause;

/// Requests for admission that change nothing. A user may be permitted some of these commands only.
const PROBES: [&[&str]; 4] = [
    &["RL.SLIDE", "rl-coordinator:ready", "1", "1", "COST", "0"],
    &["RL.QUOTA", "rl-coordinator:ready", "LIMIT", "a", "1", "1", "COST", "requests", "0"],
    &["RL.WINDOW", "rl-coordinator:ready", "1", "1", "COST", "0"],
    &["RL.BUCKET", "rl-coordinator:ready", "1", "1", "1", "COST", "0"],
];

impl Redis {
    /// Whether the server decides. It is asked for a cost of 0, which changes nothing.
    ///
    /// # Errors
    /// Why no request can be decided.
    pub(crate) async fn is_ready(&self) -> Result<(), Failure> {
        const NOT_PERMITTED: Failure = Failure::Fault(Fault::NoPermission);
        for probe in PROBES {
            let probe = words(probe.iter().map(|word| word.as_bytes()));
            let failure = match self.try_ask(&probe).await? {
                Err(error) if !reply::is_about_key(&error) => reply::failure(&error),
                Ok(_) | Err(_) => return Ok(()),
            };
            match Cause::of(failure) {
                Some(_) if failure == NOT_PERMITTED => {} // another command may be permitted
                Some(_) => return Err(failure),
                None => return Ok(()), // the key holds something else, so the command was run
            }
        }
        Err(NOT_PERMITTED)
    }
}
