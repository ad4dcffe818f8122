//! `CONFIG`: every setting with its name, default and bounds. Each is also a load argument:
//! `loadmodule libredis_rl.so max-window 31d`.

use std::ffi::CStr;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use rl_core::fault::{Fault, Result};
use rl_core::number;
use rl_core::time::Span;

use crate::arguments::Arguments;
use crate::sys::config::{self, Setting};
use crate::sys::context::{Context, Level};
use crate::waiting;

static ALL: &[&Setting] = &[&MAX_WINDOW, &MAX_WAITERS, &MAX_WAITERS_PER_KEY, &LANE_AGING, &CL_THROTTLE];

/// `rl.max-window`: the longest window or period that a client may ask for, 1 ms to 3650 d.
///
/// A window's key lives for at most as long as it; a bucket's until it is full, whatever its period.
/// It is asked of new requests only: what keys hold, and what replicas and files bring, stays.
static MAX_WINDOW: Setting = Setting {
    name: c"max-window",
    default: c"3650d",
    at_run_time: true,
    refused: c"max-window must be a duration from 1ms to 3650d, such as 60, 250ms, 5m, 1h or 1d",
    get: || WINDOW.text(),
    set: |value| WINDOW.set(value, duration(value)),
    shown: AtomicPtr::new(std::ptr::null_mut()),
};
static WINDOW: Value = Value::new();

/// `rl.max-waiters`: how many clients may wait on this server, 0 to 10000000. Lowering it sends nobody away.
static MAX_WAITERS: Setting = Setting {
    name: c"max-waiters",
    default: c"100000",
    at_run_time: true,
    refused: c"max-waiters must be an integer from 0 to 10000000",
    get: || WAITERS.text(),
    set: |value| WAITERS.set(value, waiters(value)),
    shown: AtomicPtr::new(std::ptr::null_mut()),
};
static WAITERS: Value = Value::new();

/// `rl.max-waiters-per-key`: how many may wait for one key, 0 to 10000000.
static MAX_WAITERS_PER_KEY: Setting = Setting {
    name: c"max-waiters-per-key",
    default: c"10000",
    at_run_time: true,
    refused: c"max-waiters-per-key must be an integer from 0 to 10000000",
    get: || WAITERS_PER_KEY.text(),
    set: |value| WAITERS_PER_KEY.set(value, waiters(value)),
    shown: AtomicPtr::new(std::ptr::null_mut()),
};
static WAITERS_PER_KEY: Value = Value::new();

/// `rl.lane-aging`: a waiter rises one lane each time it has waited so long; `off` if it never does.
static LANE_AGING: Setting = Setting {
    name: c"lane-aging",
    default: c"off",
    at_run_time: true,
    refused: c"lane-aging must be off or a duration from 1ms to 3650d, such as 60, 250ms, 5m, 1h or 1d",
    get: || AGING.text(),
    set: |value| {
        let off = value.eq_ignore_ascii_case(b"off").then_some(0);
        let taken = AGING.set(value, off.or_else(|| duration(value)));
        waiting::set_aging(Some(Span::from_ms(AGING.number())).filter(|aging| aging.ms() > 0));
        taken
    },
    shown: AtomicPtr::new(std::ptr::null_mut()),
};
static AGING: Value = Value::new();

/// `rl.cl-throttle`: whether there is the command `CL.THROTTLE`, for clients of redis-cell: `yes` or `no`. Said
/// before the module is loaded, since commands can be made only then.
static CL_THROTTLE: Setting = Setting {
    name: c"cl-throttle",
    default: c"no",
    at_run_time: false,
    refused: c"cl-throttle must be yes or no",
    get: || THROTTLE.text(),
    set: |value| {
        let set = |word: &[u8], number| value.eq_ignore_ascii_case(word) && THROTTLE.set(word, Some(number));
        set(b"yes", 1) || set(b"no", 0)
    },
    shown: AtomicPtr::new(std::ptr::null_mut()),
};
static THROTTLE: Value = Value::new();

/// What a setting is set to: as it was written, and as a number.
struct Value {
    number: AtomicU64,
    text: Mutex<Vec<u8>>,
}

impl Value {
    const fn new() -> Self {
        Self { number: AtomicU64::new(0), text: Mutex::new(Vec::new()) }
    }

    /// Takes a value that was understood as this number; `false` if it was not.
    fn set(&self, value: &[u8], number: Option<u64>) -> bool {
        let Some(number) = number else { return false };
        self.number.store(number, Relaxed);
        *self.text.lock().unwrap_or_else(PoisonError::into_inner) = value.to_vec();
        true
    }

    fn text(&self) -> Vec<u8> {
        self.text.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn number(&self) -> u64 {
        self.number.load(Relaxed)
    }
}

fn duration(value: &[u8]) -> Option<u64> {
    number::duration(value, Fault::Window).ok().map(Span::ms)
}

fn waiters(value: &[u8]) -> Option<u64> {
    number::count(value).filter(|count| *count <= 10_000_000)
}

/// How many may wait: on the server, and for one key.
pub(crate) fn waiters_at_most() -> (usize, usize) {
    let count = |value: &Value| usize::try_from(value.number()).unwrap_or(usize::MAX);
    (count(&WAITERS), count(&WAITERS_PER_KEY))
}

/// Whether `CL.THROTTLE` was asked for.
pub(crate) fn cl_throttle() -> bool {
    THROTTLE.number() == 1
}

/// The longest window or period that clients may ask for.
pub(crate) fn max_window() -> Span {
    Span::from_ms(WINDOW.number())
}

/// Whether clients may ask for a window or a period as long as this.
///
/// # Errors
/// [`Fault::MaxWindow`].
pub(crate) fn allow_window(longest: Span) -> Result<()> {
    if longest > max_window() { Err(Fault::MaxWindow) } else { Ok(()) }
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
