//! The keys that were asked for most often, admitted and denied ones apart. [`rl_core::top`] counts them.
//!
//! Only requests that this server decided itself are counted, not what a replica or a file is told of.

use foldhash::quality::RandomState;
use rl_core::grammar::top::Verdict;
use rl_core::top::{Heavy, Top};

use crate::sys::args::Arg;
use crate::sys::context::Context;
use crate::sys::main_thread::{MainThread, MainThreadCell};

/// `None` until [`load`].
type Counted = MainThreadCell<Option<Top<RandomState>>>;

static ADMITTED: Counted = MainThreadCell::new(None);
static DENIED: Counted = MainThreadCell::new(None);

/// Allocates the memory, while the module loads.
pub(crate) fn load(context: &Context<'_>) {
    for counted in [&ADMITTED, &DENIED] {
        counted.with(context.main_thread(), |top| *top = Some(Top::new(RandomState::default())));
    }
}

/// Counts a request of a key that has been answered.
#[inline]
pub(crate) fn count(context: &Context<'_>, key: Arg<'_>, verdict: Verdict) {
    of(verdict).with(context.main_thread(), |top| {
        if let Some(top) = top {
            top.count(context.db(), key.bytes());
        }
    });
}

/// The keys of the selected database with the most requests, at most `most`.
pub(crate) fn heaviest(context: &Context<'_>, verdict: Verdict, most: usize) -> Vec<Heavy> {
    let of_all = |top: &mut Option<Top<_>>| {
        let all = top.as_ref().map(|top| top.heaviest(context.db(), most));
        all.unwrap_or_default().into_iter().cloned().collect()
    };
    of(verdict).with(context.main_thread(), of_all).unwrap_or_default()
}

/// Forgets everything that was counted.
pub(crate) fn reset(main_thread: MainThread<'_>) {
    for counted in [&ADMITTED, &DENIED] {
        counted.with(main_thread, |top| top.as_mut().map(Top::clear));
    }
}

fn of(verdict: Verdict) -> &'static Counted {
    match verdict {
        Verdict::Admitted => &ADMITTED,
        Verdict::Denied => &DENIED,
    }
}
