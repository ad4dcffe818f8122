//! What both interfaces (HTTP and Envoy's) share: they ask the back end here, and requests are counted here.

use std::sync::Arc;
use std::time::Instant;

use rl_core::fault::Fault;
use rl_core::quota::name::Name;
use rl_core::quota::policy_entry::PolicyEntry;
use rl_core::quota::shape::Shape;
use tokio::sync::watch;

use crate::backend::Backend;
use crate::body_budget::BodyBudget;
use crate::command::Command;
use crate::live::{Live, Settings};
use crate::metrics::{Metrics, Outcome};
use crate::on_error::OnError;
use crate::reply::{Failure, Reply};
use crate::top_keys::TopKeys;
use crate::undecided::{Cause, CauseLog};
use crate::waiter_limits::WaiterLimits;

/// The answer to a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The reply of the back end.
    Reply(Reply),
    /// An error.
    Failure(Failure),
    /// The back end could not decide, and `on_error` has.
    Degraded(OnError, Failure),
}

/// Why a policy is not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PolicyRefusal {
    /// The file of policies has one of this name.
    OfFile,
    /// The back end could not.
    Failure(Failure),
}

impl From<Failure> for PolicyRefusal {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

/// The running program.
pub(crate) struct App {
    /// Keeps the limits.
    pub(crate) backend: Backend,
    /// The settings in force.
    pub(crate) live: Arc<Live>,
    /// The waiters.
    pub(crate) waiter_limits: Arc<WaiterLimits>,
    /// Prometheus metrics.
    pub(crate) metrics: Arc<Metrics>,
    /// The keys with the most requests.
    pub(crate) top_keys: TopKeys,
    /// The memory for bodies that are being read.
    pub(crate) bodies: BodyBudget,
    /// Why requests could not be decided.
    pub(crate) causes: CauseLog,
    /// Whether the program is ending.
    pub(crate) ending: watch::Receiver<bool>,
}

impl App {
    /// The settings in force now. A request uses those of the moment it came.
    pub(crate) fn settings(&self) -> Arc<Settings> {
        self.live.get()
    }

    /// Deletes a key. Returns whether there was one.
    ///
    /// # Errors
    /// Why it could not be deleted.
    pub(crate) async fn delete(&self, key: &[u8]) -> Result<bool, Failure> {
        let deleted = self.noted(self.backend.delete(key).await);
        self.metrics.deleted(*deleted.as_ref().unwrap_or(&false));
        deleted
    }

    /// Sets a policy.
    ///
    /// # Errors
    /// The file of policies has one of this name, or why it could not be set.
    pub(crate) async fn set_policy(&self, policy: &PolicyEntry) -> Result<(), PolicyRefusal> {
        let done = match &self.backend {
            Backend::Embedded(embedded) => embedded.set_policy(policy).map_err(Failure::from),
            Backend::Redis(redis) => redis.set_policy(policy).await.map(|()| true),
        };
        if !self.noted(done)? {
            return Err(PolicyRefusal::OfFile);
        }
        self.metrics.policy_changed(true);
        Ok(())
    }

    /// Deletes a policy. Returns whether there was one.
    ///
    /// # Errors
    /// The file of policies has it, or why it could not be deleted.
    pub(crate) async fn delete_policy(&self, name: &[u8]) -> Result<bool, PolicyRefusal> {
        let done = match &self.backend {
            Backend::Embedded(embedded) if embedded.is_policy_of_file(name) => {
                return Err(PolicyRefusal::OfFile);
            }
            Backend::Embedded(embedded) => embedded.delete_policy(name).map_err(Failure::from),
            Backend::Redis(redis) => redis.delete_policy(name).await,
        };
        let done = self.noted(done)?;
        if done {
            self.metrics.policy_changed(false);
        }
        Ok(done)
    }

    /// Gives a key limits of its own under a policy.
    ///
    /// # Errors
    /// The file of policies has this policy, or why they could not be set.
    pub(crate) async fn set_override(
        &self,
        name: &Name,
        key: &[u8],
        shape: Arc<Shape>,
    ) -> Result<(), PolicyRefusal> {
        let done = match &self.backend {
            Backend::Embedded(embedded) => embedded.set_override(key, shape).map_err(Failure::from),
            Backend::Redis(redis) => {
                redis.set_override(name.as_bytes(), key, Some(&shape)).await.map(|()| true)
            }
        };
        if !self.noted(done)? {
            return Err(PolicyRefusal::OfFile);
        }
        self.metrics.policy_changed(true);
        Ok(())
    }

    /// Takes a key's own limits under a policy away. Returns whether it had any.
    ///
    /// # Errors
    /// The file of policies has this policy, or why they could not be taken away.
    pub(crate) async fn delete_override(&self, name: &[u8], key: &[u8]) -> Result<bool, PolicyRefusal> {
        let done = match &self.backend {
            Backend::Embedded(embedded) if embedded.is_policy_of_file(name) => {
                return Err(PolicyRefusal::OfFile);
            }
            Backend::Embedded(embedded) => embedded.delete_override(name, key).map_err(Failure::from),
            Backend::Redis(redis) => match redis.policy_override(name, key).await {
                Ok(had) => redis.set_override(name, key, None).await.map(|()| had.is_some()),
                Err(failure) => Err(failure),
            },
        };
        let done = self.noted(done)?;
        if done {
            self.metrics.policy_changed(false);
        }
        Ok(done)
    }

    /// Counts why something could not be done.
    fn noted<T>(&self, done: Result<T, Failure>) -> Result<T, Failure> {
        if let Some(cause) = done.as_ref().err().and_then(|failure| Cause::of(*failure)) {
            self.metrics.undecided(cause);
            self.causes.note(cause, Outcome::Error.name());
        }
        done
    }

    /// Asks the back end, and waits if the request does.
    pub(crate) async fn ask(
        &self,
        settings: &Settings,
        command: &Arc<Command>,
        on_error: Option<OnError>,
    ) -> Answer {
        let verb = command.verb();
        if command.longest() > settings.max_window {
            self.metrics.count(verb, Outcome::Error);
            return Answer::Failure(Failure::Fault(Fault::MaxWindow));
        }
        let started = Instant::now();
        let result = self.backend.run(command).await;
        if command.wait().is_none() {
            self.metrics.took(started.elapsed());
        }
        let (answer, outcome) = match result {
            Ok(reply) => {
                let outcome = match reply.allowed().filter(|_| verb.decides()) {
                    Some(true) => Outcome::Admitted,
                    Some(false) => Outcome::Denied,
                    None => Outcome::Answered,
                };
                (Answer::Reply(reply), outcome)
            }
            Err(failure) => {
                let cause = Cause::of(failure);
                let on_error = on_error.unwrap_or(settings.on_error);
                let (answer, outcome) = match (cause.filter(|_| verb.decides()), on_error) {
                    (Some(_), OnError::Allow) => {
                        (Answer::Degraded(on_error, failure), Outcome::DegradedAllow)
                    }
                    (Some(_), OnError::Deny) => (Answer::Degraded(on_error, failure), Outcome::DegradedDeny),
                    (None, OnError::Allow | OnError::Deny) => (Answer::Failure(failure), Outcome::Error),
                };
                if let Some(cause) = cause {
                    self.metrics.undecided(cause);
                    self.causes.note(cause, outcome.name());
                }
                (answer, outcome)
            }
        };
        self.metrics.count(verb, outcome);
        if matches!(outcome, Outcome::Admitted | Outcome::Denied) {
            command.keys().for_each(|key| self.top_keys.count(key, outcome == Outcome::Admitted));
        }
        answer
    }
}
