//! What all ways in share: asking the back end, counting what it answers, and what to do where it does not.

use std::sync::Arc;
use std::time::Instant;

use rl_core::fault::Fault;
use rl_core::time::Span;
use serde::Deserialize;
use tokio::sync::{Semaphore, watch};

use crate::auth::Auth;
use crate::backend::Backend;
use crate::command::Command;
use crate::config::{Allow, Bounds};
use crate::crowd::Crowd;
use crate::metrics::{Metrics, Outcome};
use crate::reply::{Failure, Reply};
use crate::top::Top;

/// What becomes of requests for admission while the back end is down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OnError {
    /// They are allowed, and counted nowhere: fail-open.
    Allow,
    /// They are denied: fail-closed.
    Deny,
}

/// What a request is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// What the back end says.
    Reply(Reply),
    /// Nothing was decided.
    Failure(Failure),
    /// The back end is down; this is what was asked for then.
    Degraded(OnError),
}

/// See the head of this file.
pub(crate) struct App {
    /// Who decides.
    pub(crate) backend: Backend,
    /// Who may ask.
    pub(crate) auth: Auth,
    /// Whether nobody needs a token, and only this machine is served.
    pub(crate) is_local: bool,
    /// Who waits.
    pub(crate) crowd: Arc<Crowd>,
    /// What is counted.
    pub(crate) metrics: Arc<Metrics>,
    /// The keys that are asked for most often.
    pub(crate) top: Top,
    /// The limit of `/allow`.
    pub(crate) allow: Allow,
    /// How much of everything there may be.
    pub(crate) bounds: Bounds,
    /// Where a request does not say.
    pub(crate) on_error: OnError,
    /// The longest window that clients may ask for.
    pub(crate) max_window: Span,
    /// Room for the bodies that are being read, a permit for each byte.
    pub(crate) bodies: Semaphore,
    /// Whether the program ends.
    pub(crate) ending: watch::Receiver<bool>,
}

impl App {
    /// Asks the back end, and waits if the request does.
    pub(crate) async fn ask(&self, command: &Arc<Command>, on_error: Option<OnError>) -> Answer {
        let verb = command.verb();
        if command.longest() > self.max_window {
            self.metrics.count(verb, Outcome::Error);
            return Answer::Failure(Failure::Fault(Fault::MaxWindow));
        }
        let began = Instant::now();
        let result = self.backend.run(command).await;
        if command.wait().is_none() {
            self.metrics.took(began.elapsed());
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
            Err(Failure::Down) if verb.decides() => match on_error.unwrap_or(self.on_error) {
                OnError::Allow => (Answer::Degraded(OnError::Allow), Outcome::DegradedAllow),
                OnError::Deny => (Answer::Degraded(OnError::Deny), Outcome::DegradedDeny),
            },
            Err(failure) => (Answer::Failure(failure), Outcome::Error),
        };
        self.metrics.count(verb, outcome);
        if matches!(outcome, Outcome::Admitted | Outcome::Denied) {
            self.top.count(command.key(), outcome == Outcome::Admitted);
        }
        answer
    }
}
