//! The keys that were asked for most often, by what they were answered: what [`rl_core::top`] counts.
//!
//! Here is what this server decided itself; what a replica or a file is told of is no request.

use foldhash::quality::RandomState;
use rl_core::grammar::top::Verdict;
use rl_core::top::{Heavy, Top};

use crate::sys::context::{Arg, Context};
use crate::sys::main_thread::MainThread;

/// Nothing until [`load`].
type Counted = MainThread<Option<Top<RandomState>>>;

static ADMITTED: Counted = MainThread::new(None);
static DENIED: Counted = MainThread::new(None);

/// Takes the memory, while the module loads.
pub(crate) fn load() {
    for counted in [&ADMITTED, &DENIED] {
        counted.with(|top| *top = Some(Top::new(RandomState::default())));
    }
}

/// One more request of a key has been answered.
#[inline]
pub(crate) fn count(context: Context<'_>, key: Arg<'_>, verdict: Verdict) {
    of(verdict).with(|top| {
        if let Some(top) = top {
            top.count(context.db(), key.bytes());
        }
    });
}

/// The heaviest keys of the selected database, `most` at most.
pub(crate) fn heaviest(context: Context<'_>, verdict: Verdict, most: usize) -> Vec<Heavy> {
    let of_all = |top: &mut Option<Top<_>>| {
        let all = top.as_ref().map(|top| top.heaviest(context.db(), most));
        all.unwrap_or_default().into_iter().cloned().collect()
    };
    of(verdict).with(of_all).unwrap_or_default()
}

/// Forgets all that was counted.
pub(crate) fn reset() {
    for counted in [&ADMITTED, &DENIED] {
        counted.with(|top| top.as_mut().map(Top::clear));
    }
}

fn of(verdict: Verdict) -> &'static Counted {
    match verdict {
        Verdict::Admitted => &ADMITTED,
        Verdict::Denied => &DENIED,
    }
}
