//! The keys that were asked for most often, admitted and denied ones apart, and those that were held most often. [`rl_core::top`] counts them.
//!
//! Only requests that this server decided itself are counted, not what a replica or a file is told of.

use foldhash::quality::RandomState;
use rl_core::grammar::top::{By, Verdict};
use rl_core::top::{Heavy, Top};

use crate::sys::args::Arg;
use crate::sys::context::Context;
use crate::sys::main_thread::{MainThread, MainThreadCell};

/// `None` until [`load`].
type Counted = MainThreadCell<Option<Top<RandomState>>>;

static ADMITTED: Counted = MainThreadCell::new(None);
static DENIED: Counted = MainThreadCell::new(None);
static HELD: Counted = MainThreadCell::new(None);
static ALL: [&Counted; 3] = [&ADMITTED, &DENIED, &HELD];

/// Allocates the memory, while the module loads.
pub(crate) fn load(context: &Context<'_>) {
    for counted in ALL {
        counted.with(context.main_thread(), |top| *top = Some(Top::new(RandomState::default())));
    }
}

/// Counts a request of a key that has been answered.
#[inline]
pub(crate) fn count(context: &Context<'_>, key: Arg<'_>, verdict: Verdict) {
    count_in(of(verdict), context, key);
}

/// Counts that a key was held.
pub(crate) fn count_hold(context: &Context<'_>, key: Arg<'_>) {
    count_in(&HELD, context, key);
}

#[inline]
fn count_in(counted: &Counted, context: &Context<'_>, key: Arg<'_>) {
    counted.with(context.main_thread(), |top| {
        if let Some(top) = top {
            top.count(context.db(), key.bytes());
        }
    });
}

/// The keys of the selected database that lead by something, at most `most`.
pub(crate) fn heaviest(context: &Context<'_>, by: By, most: usize) -> Vec<Heavy> {
    let of_all = |top: &mut Option<Top<_>>| {
        let all = top.as_ref().map(|top| top.heaviest(context.db(), most));
        all.unwrap_or_default().into_iter().cloned().collect()
    };
    let counted = match by {
        By::Verdict(verdict) => of(verdict),
        By::Held => &HELD,
    };
    counted.with(context.main_thread(), of_all).unwrap_or_default()
}

/// Forgets everything that was counted.
pub(crate) fn reset(main_thread: MainThread<'_>) {
    for counted in ALL {
        counted.with(main_thread, |top| top.as_mut().map(Top::clear));
    }
}

fn of(verdict: Verdict) -> &'static Counted {
    match verdict {
        Verdict::Admitted => &ADMITTED,
        Verdict::Denied => &DENIED,
    }
}
