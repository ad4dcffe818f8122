//! The settings, each with its name, default and bounds. `CONFIG` reads and changes them. Each is also a load argument:
//! `loadmodule libredis_rl.so max-window 31d`.

use std::ffi::CStr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use rl_core::fault::{Fault, Result};
use rl_core::number;
use rl_core::time::Span;

use crate::arguments::Arguments;
use crate::sys::config::{self, Setting, Shown};
use crate::sys::context::Context;
use crate::sys::log::Level;
use crate::sys::main_thread::{MainThread, MainThreadCell};

static ALL: &[&Setting] = &[
    &MAX_WINDOW,
    &MAX_WAITERS,
    &MAX_WAITERS_PER_KEY,
    &MAX_FLOWS,
    &LANE_AGING,
    &CL_THROTTLE,
    &NEAR_PERCENT,
    &AOF_LOAD_INVALID,
    &APPLY_FROM_CLIENTS,
];

/// `rl.max-window`: the longest window or period that a client may ask for, 1 ms to 3650 d.
///
/// The key of a window lives at most that long. The key of a bucket lives until the bucket is full, whatever its period.
/// Only new requests are checked. What keys hold, and what replicas and files bring, stays.
static MAX_WINDOW: Setting = Setting {
    name: c"max-window",
    default: c"3650d",
    at_run_time: true,
    refused: c"max-window must be a duration from 1ms to 3650d, such as 60, 250ms, 5m, 1h or 1d",
    get: |main_thread| WINDOW.text(main_thread),
    set: |main_thread, value| WINDOW.set(main_thread, value, duration(value)),
    shown: Shown::new(),
};
static WINDOW: Value = Value::new();

/// `rl.max-waiters`: how many clients may wait on this server, 0 to 10000000. A lower value removes no waiter.
static MAX_WAITERS: Setting = Setting {
    name: c"max-waiters",
    default: c"100000",
    at_run_time: true,
    refused: c"max-waiters must be an integer from 0 to 10000000",
    get: |main_thread| WAITERS.text(main_thread),
    set: |main_thread, value| WAITERS.set(main_thread, value, waiters(value)),
    shown: Shown::new(),
};
static WAITERS: Value = Value::new();

/// `rl.max-waiters-per-key`: how many clients may wait for one key, 0 to 10000000.
static MAX_WAITERS_PER_KEY: Setting = Setting {
    name: c"max-waiters-per-key",
    default: c"10000",
    at_run_time: true,
    refused: c"max-waiters-per-key must be an integer from 0 to 10000000",
    get: |main_thread| WAITERS_PER_KEY.text(main_thread),
    set: |main_thread, value| WAITERS_PER_KEY.set(main_thread, value, waiters(value)),
    shown: Shown::new(),
};
static WAITERS_PER_KEY: Value = Value::new();

/// `rl.max-flows`: how many flows may wait or owe on this server, 0 to 10000000. One that waits in two lines counts twice.
static MAX_FLOWS: Setting = Setting {
    name: c"max-flows",
    default: c"10000",
    at_run_time: true,
    refused: c"max-flows must be an integer from 0 to 10000000",
    get: |main_thread| FLOWS.text(main_thread),
    set: |main_thread, value| FLOWS.set(main_thread, value, waiters(value)),
    shown: Shown::new(),
};
static FLOWS: Value = Value::new();

/// `rl.lane-aging`: a waiter rises by one lane each time it has waited that long. With `off` it never does.
static LANE_AGING: Setting = Setting {
    name: c"lane-aging",
    default: c"off",
    at_run_time: true,
    refused: c"lane-aging must be off or a duration from 1ms to 3650d, such as 60, 250ms, 5m, 1h or 1d",
    get: |main_thread| AGING.text(main_thread),
    set: |main_thread, value| {
        let off = value.eq_ignore_ascii_case(b"off").then_some(0);
        let taken = AGING.set(main_thread, value, off.or_else(|| duration(value)));
        if let Some(changed) = ON_LANE_AGING.get() {
            changed(main_thread, Some(Span::from_ms(AGING.number())).filter(|aging| aging.ms() > 0));
        }
        taken
    },
    shown: Shown::new(),
};
static AGING: Value = Value::new();
static ON_LANE_AGING: OnceLock<LaneAgingChanged> = OnceLock::new();

/// Called with the new `rl.lane-aging`; `None` if it is off.
pub(crate) type LaneAgingChanged = fn(MainThread<'_>, Option<Span>);

/// `rl.cl-throttle`: whether the module has the command `CL.THROTTLE`, for clients of redis-cell: `yes` or `no`. It cannot be
/// set later, since commands are registered only while the module loads.
static CL_THROTTLE: Setting = Setting {
    name: c"cl-throttle",
    default: c"no",
    at_run_time: false,
    refused: c"cl-throttle must be yes or no",
    get: |main_thread| THROTTLE.text(main_thread),
    set: |main_thread, value| THROTTLE.set_switch(main_thread, value),
    shown: Shown::new(),
};
static THROTTLE: Value = Value::new();

/// `rl.near-percent`: how much of a limit an admission must have used for the keyspace event `rl.near`, 1 to 100.
static NEAR_PERCENT: Setting = Setting {
    name: c"near-percent",
    default: c"80",
    at_run_time: true,
    refused: c"near-percent must be an integer from 1 to 100",
    get: |main_thread| NEAR.text(main_thread),
    set: |main_thread, value| {
        NEAR.set(main_thread, value, number::count(value).filter(|percent| (1..=100).contains(percent)))
    },
    shown: Shown::new(),
};
static NEAR: Value = Value::new();

/// `rl.apply-from-clients`: who may send `RL.APPLY`: `auto` or `yes`. With `yes`, each user whose ACL says so. With `auto`, the
/// same on a server that has ACL categories for a module's commands. On one without, only users who may also run `REPLICAOF`.
static APPLY_FROM_CLIENTS: Setting = Setting {
    name: c"apply-from-clients",
    default: c"auto",
    at_run_time: true,
    refused: c"apply-from-clients must be auto or yes",
    get: |main_thread| FROM_CLIENTS.text(main_thread),
    set: |main_thread, value| FROM_CLIENTS.set_word(main_thread, value, &[(b"auto", 0), (b"yes", 1)]),
    shown: Shown::new(),
};
static FROM_CLIENTS: Value = Value::new();

/// `rl.aof-load-invalid`: whether the server starts from an AOF although a command of this module in it cannot be run: `yes` or
/// `no`. With `no` it ends.
static AOF_LOAD_INVALID: Setting = Setting {
    name: c"aof-load-invalid",
    default: c"no",
    at_run_time: true,
    refused: c"aof-load-invalid must be yes or no",
    get: |main_thread| LOAD_INVALID.text(main_thread),
    set: |main_thread, value| LOAD_INVALID.set_switch(main_thread, value),
    shown: Shown::new(),
};
static LOAD_INVALID: Value = Value::new();

/// The value of a setting: as a number, and as it was written.
struct Value {
    number: AtomicU64,
    text: MainThreadCell<Vec<u8>>,
}

impl Value {
    const fn new() -> Self {
        Self { number: AtomicU64::new(0), text: MainThreadCell::new(Vec::new()) }
    }

    /// Sets it to `text`, which means `number`. Returns `false` if it means nothing.
    fn set(&self, main_thread: MainThread<'_>, text: &[u8], number: Option<u64>) -> bool {
        let Some(number) = number else { return false };
        self.number.store(number, Relaxed);
        self.text.with(main_thread, |known| *known = text.to_vec());
        true
    }

    /// Sets it to one of these words, whose number comes with it. Returns `false` if the text is none of them.
    fn set_word(&self, main_thread: MainThread<'_>, text: &[u8], words: &[(&[u8], u64)]) -> bool {
        let word = words.iter().find(|(word, _)| text.eq_ignore_ascii_case(word));
        word.is_some_and(|(word, number)| self.set(main_thread, word, Some(*number)))
    }

    fn set_switch(&self, main_thread: MainThread<'_>, text: &[u8]) -> bool {
        self.set_word(main_thread, text, &[(b"yes", 1), (b"no", 0)])
    }

    fn text(&self, main_thread: MainThread<'_>) -> Vec<u8> {
        self.text.with(main_thread, |text| text.clone()).unwrap_or_default()
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

/// How many clients may wait: on the server, and for one key.
pub(crate) fn waiters_at_most() -> (usize, usize) {
    let count = |value: &Value| usize::try_from(value.number()).unwrap_or(usize::MAX);
    (count(&WAITERS), count(&WAITERS_PER_KEY))
}

/// How many flows may wait or owe.
pub(crate) fn flows_at_most() -> usize {
    usize::try_from(FLOWS.number()).unwrap_or(usize::MAX)
}

/// Whether the module has the command `CL.THROTTLE`.
pub(crate) fn cl_throttle() -> bool {
    THROTTLE.number() == 1
}

/// Whether ACL rules alone decide who may send effects.
pub(crate) fn apply_from_clients() -> bool {
    FROM_CLIENTS.number() == 1
}

/// Whether commands of an AOF that cannot be run are left out.
pub(crate) fn aof_load_invalid() -> bool {
    LOAD_INVALID.number() == 1
}

/// How much of a limit has to be used for the event `rl.near`, in percent.
pub(crate) fn near_percent() -> u64 {
    NEAR.number()
}

/// The longest window or period that clients may ask for.
#[inline]
pub(crate) fn max_window() -> Span {
    Span::from_ms(WINDOW.number())
}

/// Checks that clients may ask for a window or a period of this length.
///
/// # Errors
/// [`Fault::MaxWindow`] if it is too long.
pub(crate) fn allow_window(longest: Span) -> Result<()> {
    if longest > max_window() { Err(Fault::MaxWindow) } else { Ok(()) }
}

/// The names of all settings.
pub(crate) fn names() -> impl Iterator<Item = &'static CStr> + Clone {
    ALL.iter().map(|setting| setting.name)
}

/// Registers all settings, and sets them to what the load arguments say, then the configuration file. Returns `false` to refuse
/// the load.
pub(crate) fn load(
    context: &mut Context<'_>,
    arguments: Arguments<'_>,
    on_lane_aging: LaneAgingChanged,
) -> bool {
    ON_LANE_AGING.get_or_init(|| on_lane_aging); // a module is loaded once
    let main_thread = context.main_thread();
    ALL.iter().all(|setting| {
        let initial = match arguments.get(setting.name) {
            Some(Some(value)) if (setting.set)(main_thread, value) => config::c_string(value),
            Some(_) => {
                context.log(Level::Warning, setting.refused);
                return false;
            }
            None => Some(setting.default.to_owned()),
        };
        initial.is_some_and(|initial| config::register(context, setting, &initial))
    }) && config::load(context)
}
