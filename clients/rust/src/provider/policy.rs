//! What is known of a policy: the units that it counts, and its limits. The server would log a cost of a unit that a policy does not count.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::limiter::Limiter;
use crate::limits::Limit;

/// How long it is remembered which limits a policy has.
const KEPT: Duration = Duration::from_secs(30);

/// What a policy may call the unit of a limit, the usual name first.
const UNITS: [(&str, &[&str]); 3] = [
    ("input-tokens", &["input", "input-tokens", "input_tokens"]),
    ("output-tokens", &["output", "output-tokens", "output_tokens"]),
    ("tokens", &["tokens"]),
];

/// What is known of a policy.
#[derive(Debug)]
pub(super) struct Known {
    /// Empty if the server does not say its policies.
    limits: Vec<Limit>,
    is_said: bool,
}

impl Known {
    /// Returns the unit of the policy for what a provider counts under this name. If the server does not say it, that is the usual name.
    pub(super) fn unit(&self, of: &str) -> Option<&'static str> {
        let (_, names) = UNITS.into_iter().find(|(known, _)| *known == of)?;
        let is_counted = |name: &&&str| !self.is_said || self.limits.iter().any(|limit| limit.unit == **name);
        names.iter().find(is_counted).copied()
    }

    pub(super) fn limit(&self, name: &str) -> Option<&Limit> {
        self.limits.iter().find(|limit| limit.name == name)
    }
}

#[derive(Debug, Default)]
pub(super) struct Policies(Mutex<BTreeMap<String, (Arc<Known>, Instant)>>);

impl Policies {
    /// Returns what is known of a policy. The calls of a new policy wait for the first of them. Later one of them asks again, and the others
    /// go by what was known.
    pub(super) async fn of(&self, limiter: &Limiter, name: &str) -> Arc<Known> {
        let mut all = self.0.lock().await;
        let Some((known, until)) = all.get_mut(name) else {
            let found = ask(limiter, name).await.unwrap_or(Known { limits: Vec::new(), is_said: false });
            let found = Arc::new(found);
            all.insert(name.to_owned(), (Arc::clone(&found), Instant::now() + KEPT));
            return found;
        };
        let old = Arc::clone(known);
        if Instant::now() < *until {
            return old;
        }
        *until = Instant::now() + KEPT;
        drop(all);
        let Some(found) = ask(limiter, name).await else { return old };
        let found = Arc::new(found);
        self.0.lock().await.insert(name.to_owned(), (Arc::clone(&found), Instant::now() + KEPT));
        found
    }
}

async fn ask(limiter: &Limiter, name: &str) -> Option<Known> {
    let limits = limiter.policies().get(name).await.ok()??;
    Some(Known { limits, is_said: true })
}
