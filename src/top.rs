//! The keys that were asked for most often, by what they were answered: what [`rl_core::top`] counts.
//!
//! Here is what this server decided itself; what a replica or a file is told of is no request.

use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use foldhash::quality::RandomState;
use rl_core::request::Outcome;
use rl_core::top::{Heavy, Top};

use crate::sys::context::{Arg, Context};

static ADMITTED: LazyLock<Mutex<Top<RandomState>>> = LazyLock::new(new);
static DENIED: LazyLock<Mutex<Top<RandomState>>> = LazyLock::new(new);

fn new() -> Mutex<Top<RandomState>> {
    Mutex::new(Top::new(RandomState::default()))
}

/// Takes the memory, while the module loads.
pub(crate) fn load() {
    LazyLock::force(&ADMITTED);
    LazyLock::force(&DENIED);
}

/// One more request of a key has been answered.
#[inline]
pub(crate) fn count(context: Context<'_>, key: Arg<'_>, outcome: Outcome) {
    of(outcome).count(context.db(), key.bytes());
}

/// Looks at the heaviest keys of the selected database, `most` at most.
pub(crate) fn heaviest<T>(
    context: Context<'_>,
    outcome: Outcome,
    most: usize,
    look: impl FnOnce(&[&Heavy]) -> T,
) -> T {
    look(&of(outcome).heaviest(context.db(), most))
}

/// Forgets all that was counted.
pub(crate) fn reset() {
    of(Outcome::Admitted).clear();
    of(Outcome::Denied).clear();
}

fn of(outcome: Outcome) -> MutexGuard<'static, Top<RandomState>> {
    let top = match outcome {
        Outcome::Admitted => &ADMITTED,
        Outcome::Denied => &DENIED,
    };
    top.lock().unwrap_or_else(PoisonError::into_inner)
}
