//! Limits that the server keeps under a name, so that operators change them without touching a client.
//!
//! They are treated as the server treats functions: replicated, kept in its files, not in the
//! keyspace. Here is what it holds; beside it the two ways in that are no command: `start.rs`, from
//! the operator's own file, and `rewrite.rs`, into a rewritten AOF.

mod file;
mod rewrite;
mod start;

use std::ffi::{CStr, CString};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rl_core::fault::Result;
use rl_core::quota::policies::Policies;
use rl_core::quota::shape::Shape;

pub(crate) use self::rewrite::load;
pub(crate) use self::start::start;
use crate::arguments::Arguments;
use crate::sys::context::{Context, Level};
use crate::sys::events::Event;
use crate::sys::info::Section;
use crate::waiting;

/// The command that changes them.
pub(crate) const COMMAND: &CStr = c"RL.POLICY";

/// The load argument that names a file of them.
pub(crate) const ARGUMENT: &CStr = c"policies";

static POLICIES: Mutex<Policies> = Mutex::new(Policies::new());
/// How often they may have changed.
static STATE: AtomicU64 = AtomicU64::new(1);

fn lock() -> MutexGuard<'static, Policies> {
    POLICIES.lock().unwrap_or_else(PoisonError::into_inner) // no panic leaves it half changed
}

/// As [`lock`], to change them: what was known of them is to be looked up again.
fn change() -> MutexGuard<'static, Policies> {
    let policies = lock();
    STATE.store(STATE.load(Relaxed).wrapping_add(1), Relaxed); // under the lock
    policies
}

/// Looks at all of them.
pub(crate) fn with<T>(look: impl FnOnce(&Policies) -> T) -> T {
    look(&lock())
}

/// The limits under a name.
pub(crate) fn get(name: &[u8]) -> Option<Arc<Shape>> {
    lock().get(name).cloned()
}

/// Numbers the state of all policies: it counts on whenever one may have changed.
pub(crate) fn state() -> u64 {
    STATE.load(Relaxed)
}

/// Puts limits under the name of their policy; whether that changes anything.
///
/// # Errors
/// [`rl_core::fault::Fault::Policies`] where there are too many.
pub(crate) fn set(shape: &Arc<Shape>) -> Result<bool> {
    let mut policies = change();
    if holds(&policies, shape) {
        return Ok(false);
    }
    policies.set(Arc::clone(shape))?;
    drop(policies);
    waiting::policies_changed();
    Ok(true)
}

/// Forgets what is under a name; whether anything was.
pub(crate) fn remove(name: &[u8]) -> bool {
    let removed = change().remove(name).is_some();
    waiting::policies_changed();
    removed
}

/// Whether these limits are those under the name of their policy.
fn holds(policies: &Policies, shape: &Shape) -> bool {
    let known = shape.policy().and_then(|name| policies.get(name.as_bytes()));
    known.is_some_and(|known| **known == *shape)
}

/// All of them for a file; `None` where there are none.
pub(crate) fn encode() -> Option<Vec<u8>> {
    with(|policies| (!policies.is_empty()).then(|| policies.encode()))
}

/// Takes all of them from a file; whether it is sound.
pub(crate) fn restore(bytes: &[u8]) -> bool {
    Policies::decode(bytes).map(|policies| *change() = policies).is_some()
}

/// The policies of the file that the load arguments name, if they do; `None` refuses the load.
pub(crate) fn read_file(context: Context<'_>, arguments: Arguments<'_>) -> Option<Vec<Arc<Shape>>> {
    match arguments.get(ARGUMENT) {
        None => Some(Vec::new()),
        Some(Some(path)) => file::read(context, path),
        Some(None) => {
            context.log(Level::Warning, c"redis-rl: policies must be the path of a file");
            None
        }
    }
}

/// Hears what the server tells of itself.
pub(crate) fn hear(context: Context<'_>, event: Event) {
    match event {
        // What it loads takes the place of all that it holds, also where it has no policies.
        Event::LoadStarted => *change() = Policies::new(),
        Event::LoadEnded => start::overlay(context),
        Event::Rewriting => rewrite::begun(context),
        _ => {}
    }
}

/// The section `rl_policies` of `INFO`: how many, then `rl_policy_0:name=api,limits=2` and so on. A name
/// stands where it may contain a colon.
pub(crate) fn tell(section: Section<'_>) {
    let Ok(policies) = POLICIES.try_lock() else { return }; // the server has crashed while it was held
    section.number(c"policies", number(policies.len()));
    for (index, (name, shape)) in policies.iter().enumerate() {
        let Ok(field) = CString::new(format!("policy_{index}")) else { continue };
        let Ok(name) = CString::new(name.as_bytes()) else { continue };
        section.parts(&field, (c"name", &name), (c"limits", number(shape.limits().len())));
    }
}

fn number(value: usize) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}

/// The words behind the command's name that set a policy to these limits.
fn words(shape: &Shape) -> Vec<Vec<u8>> {
    let name = shape.policy().map(|name| name.as_bytes().to_vec());
    [b"SET".to_vec()].into_iter().chain(name).chain(shape.words()).collect()
}
