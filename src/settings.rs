//! `CONFIG`: every setting with its name, default and bounds. Each is also a load argument:
//! `loadmodule libredis_rl.so max-window 31d`.

use std::ffi::CStr;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use rl_core::fault::{Fault, Result};
use rl_core::number;
use rl_core::rule::Rule;
use rl_core::time::Span;

use crate::arguments::Arguments;
use crate::sys::config::{self, Setting};
use crate::sys::context::{Context, Level};

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
    allow_window(rule.longest())
}

/// Whether clients may ask for a window or a period as long as this.
///
/// # Errors
/// [`Fault::MaxWindow`].
pub(crate) fn allow_window(longest: Span) -> Result<()> {
    if longest.ms() > MAX_WINDOW_MS.load(Relaxed) { Err(Fault::MaxWindow) } else { Ok(()) }
}

/// Their names.
pub(crate) fn names() -> impl Iterator<Item = &'static CStr> + Clone {
    ALL.iter().map(|setting| setting.name)
}

/// Registers all settings and takes what the load arguments, then the configuration file say of them.
pub(crate) fn load(context: Context<'_>, arguments: Arguments<'_>) -> bool {
    ALL.iter().all(|setting| {
        let initial = match arguments.get(setting.name) {
            Some(Some(value)) if (setting.set)(value) => config::c_string(value),
            Some(_) => {
                context.log(Level::Warning, setting.refused);
                return false;
            }
            None => Some(setting.default.to_owned()),
        };
        initial.is_some_and(|initial| config::register(context, setting, &initial))
    }) && config::load(context)
}
