//! `CONFIG`: every setting with its name, default and bounds. Each is also a load argument:
//! `loadmodule libredis_rl.so max-window 31d`.

use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use rl_core::fault::{Fault, Result};
use rl_core::number;
use rl_core::rule::Rule;
use rl_core::time::Span;

use crate::sys::config::{self, Setting};
use crate::sys::context::{Arg, Args, Context, Level};

static ALL: &[&Setting] = &[&MAX_WINDOW];

/// `rl.max-window`: the longest window or period that a client may ask for, 1 ms to 3650 d.
///
/// A window's key lives for at most as long as it; a bucket's until it is full, whatever its period.
/// It is asked of new requests only: what keys hold, and what replicas and files bring, stays.
static MAX_WINDOW: Setting = Setting {
    name: c"max-window",
    default: c"3650d",
    refused: c"max-window must be a duration from 1ms to 3650d, such as 60, 250ms, 5m, 1h or 1d",
    get: || text().clone(),
    set: |value| {
        let Ok(span) = number::duration(value, Fault::Window) else { return false };
        MAX_WINDOW_MS.store(span.ms(), Relaxed);
        *text() = value.to_vec();
        true
    },
    shown: AtomicPtr::new(std::ptr::null_mut()),
};

static MAX_WINDOW_MS: AtomicU64 = AtomicU64::new(Span::MAX.ms());
static MAX_WINDOW_TEXT: Mutex<Vec<u8>> = Mutex::new(Vec::new());

fn text() -> std::sync::MutexGuard<'static, Vec<u8>> {
    MAX_WINDOW_TEXT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether `rule` is one that clients may ask for.
///
/// # Errors
/// [`Fault::MaxWindow`].
pub(crate) fn allow(rule: &Rule) -> Result<()> {
    if rule.longest().ms() > MAX_WINDOW_MS.load(Relaxed) { Err(Fault::MaxWindow) } else { Ok(()) }
}

/// Registers all settings and takes what the load arguments, then the configuration file say of them.
pub(crate) fn load(context: Context<'_>, args: Args<'_>) -> bool {
    if pairs(args).any(|(name, _)| !ALL.iter().any(|setting| names(name, setting))) {
        context
            .log(Level::Warning, c"redis-rl: unknown load argument, expected pairs such as: max-window 31d");
        return false;
    }
    ALL.iter().all(|setting| {
        let given = pairs(args).filter(|(name, _)| names(*name, setting)).last();
        let initial = match given {
            Some((_, Some(value))) if (setting.set)(value.bytes()) => config::c_string(value.bytes()),
            Some(_) => {
                context.log(Level::Warning, setting.refused);
                return false;
            }
            None => Some(setting.default.to_owned()),
        };
        initial.is_some_and(|initial| config::register(context, setting, &initial))
    }) && config::load(context)
}

/// The load arguments in pairs; the last may lack its value.
fn pairs(args: Args<'_>) -> impl Iterator<Item = (Arg<'_>, Option<Arg<'_>>)> {
    (0..args.len()).step_by(2).filter_map(move |at| Some((args.get(at)?, args.get(at.saturating_add(1)))))
}

fn names(name: Arg<'_>, setting: &Setting) -> bool {
    name.bytes().eq_ignore_ascii_case(setting.name.to_bytes())
}
