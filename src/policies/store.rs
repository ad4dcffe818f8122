//! The policies that the server holds, by name, and the keys that have limits of their own under them.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

use rl_core::fault::Result;
use rl_core::quota::lends_policies::LendsPolicies;
use rl_core::quota::policies::Policies;
use rl_core::quota::policy_entry::PolicyEntry;
use rl_core::quota::shape::Shape;

use crate::sys::args::Arg;
use crate::sys::main_thread::{MainThread, MainThreadCell};

static POLICIES: MainThreadCell<Policies> = MainThreadCell::new(Policies::new());
/// What a load has brought so far, while the server still answers from what it held before.
static STAGED: MainThreadCell<Option<Policies>> = MainThreadCell::new(None);
/// A number that grows with each change.
static VERSION: AtomicU64 = AtomicU64::new(1);
static ON_CHANGE: OnceLock<PoliciesChanged> = OnceLock::new();

/// Called after a policy or an override was set or removed.
pub(crate) type PoliciesChanged = fn(MainThread<'_>);

/// Sets what is called after a change, while the module loads.
pub(super) fn on_change(changed: PoliciesChanged) {
    ON_CHANGE.get_or_init(|| changed); // a module is loaded once
}

fn changed(main_thread: MainThread<'_>) {
    if let Some(changed) = ON_CHANGE.get() {
        changed(main_thread);
    }
}

/// Lends all policies to `look`, which must not ask for them again: an inner call looks at none.
pub(crate) fn with<T: Default>(main_thread: MainThread<'_>, look: impl FnOnce(&Policies) -> T) -> T {
    POLICIES.with(main_thread, |policies| look(policies)).unwrap_or_default()
}

/// Lends all policies to be changed. Whatever was known of them is out of date then.
fn with_mut<T: Default>(main_thread: MainThread<'_>, change: impl FnOnce(&mut Policies) -> T) -> T {
    VERSION.store(VERSION.load(Relaxed).wrapping_add(1), Relaxed); // on one thread
    POLICIES.with(main_thread, change).unwrap_or_default()
}

/// The limits that a policy sets for a key.
pub(crate) fn in_force(main_thread: MainThread<'_>, name: &[u8], key: Arg<'_>) -> Option<Arc<Shape>> {
    with(main_thread, |policies| {
        if policies.overrides_len() == 0 {
            return policies.get(name).cloned(); // nearly always
        }
        policies.in_force(name, key.bytes()).cloned()
    })
}

/// The policies, for a cache that looks them up.
pub(crate) struct Kept<'a>(pub(crate) MainThread<'a>);

impl LendsPolicies for Kept<'_> {
    fn lend<T: Default>(&self, look: impl FnOnce(&Policies) -> T) -> T {
        with(self.0, look)
    }
}

/// A number that grows whenever a policy may have changed.
#[inline]
pub(crate) fn version() -> u64 {
    VERSION.load(Relaxed)
}

/// Sets a policy or an override. Returns whether that changes anything.
///
/// # Errors
/// [`rl_core::fault::Fault::Policies`] or [`rl_core::fault::Fault::Overrides`] if there are too many,
/// [`rl_core::fault::Fault::NoPolicy`] if an override's policy is not there.
pub(crate) fn set(main_thread: MainThread<'_>, entry: &PolicyEntry) -> Result<bool> {
    if has(main_thread, entry) {
        return Ok(false);
    }
    change(main_thread, |policies| policies.set_entry(entry).map(|()| true))
}

/// Sets all these entries, or none. Returns those that change anything.
///
/// # Errors
/// Those of [`set`].
pub(super) fn set_all(
    main_thread: MainThread<'_>,
    mut entries: Vec<PolicyEntry>,
) -> Result<Vec<PolicyEntry>> {
    entries.retain(|entry| !has(main_thread, entry));
    if !entries.is_empty() {
        change(main_thread, |policies| policies.set_all(&entries).map(|()| true))?;
    }
    Ok(entries)
}

/// Removes a policy with its overrides. Returns whether there was one.
pub(crate) fn remove(main_thread: MainThread<'_>, name: &[u8]) -> bool {
    change(main_thread, |policies| Ok(policies.remove(name).is_some())).unwrap_or_default()
}

/// Takes a key's own limits under a policy away. Returns whether it had any.
///
/// # Errors
/// [`rl_core::fault::Fault::NoPolicy`] if there is no such policy.
pub(crate) fn remove_override(main_thread: MainThread<'_>, name: &[u8], key: &[u8]) -> Result<bool> {
    change(main_thread, |policies| policies.remove_override(name, key))
}

/// Runs a change, and tells of it if it has changed anything.
fn change(main_thread: MainThread<'_>, change: impl FnOnce(&mut Policies) -> Result<bool>) -> Result<bool> {
    let mut result = Ok(false);
    with_mut(main_thread, |policies| result = change(policies));
    if result == Ok(true) {
        changed(main_thread);
    }
    result
}

/// Begins a load: what it brings replaces all policies, or is kept apart if [`stage`] was called.
pub(super) fn clear(main_thread: MainThread<'_>) {
    load(main_thread, Policies::new());
}

fn load(main_thread: MainThread<'_>, loaded: Policies) {
    let mut loaded = Some(loaded);
    STAGED.with(main_thread, |staged| {
        if staged.is_some() {
            *staged = loaded.take();
        }
    });
    if let Some(loaded) = loaded {
        with_mut(main_thread, |policies| *policies = loaded);
    }
}

/// Keeps what is loaded from now on apart, until [`take_staged`] or [`discard_staged`].
pub(super) fn stage(main_thread: MainThread<'_>) {
    STAGED.with(main_thread, |staged| *staged = Some(Policies::new()));
}

/// Replaces all policies by those that were loaded apart.
pub(super) fn take_staged(main_thread: MainThread<'_>) {
    if let Some(Some(loaded)) = STAGED.with(main_thread, Option::take) {
        with_mut(main_thread, |policies| *policies = loaded);
    }
}

/// Forgets the policies that were loaded apart.
pub(super) fn discard_staged(main_thread: MainThread<'_>) {
    STAGED.with(main_thread, Option::take);
}

/// Whether the policies have exactly this entry.
pub(super) fn has(main_thread: MainThread<'_>, entry: &PolicyEntry) -> bool {
    with(main_thread, |policies| policies.has(entry))
}

/// All policies as bytes for a file; `None` if there are none.
pub(crate) fn encode(main_thread: MainThread<'_>) -> Option<Vec<u8>> {
    with(main_thread, |policies| (!policies.is_empty()).then(|| policies.encode()))
}

/// Replaces all policies by those of a file. Returns `false` if the bytes are invalid.
pub(crate) fn restore(main_thread: MainThread<'_>, bytes: &[u8]) -> bool {
    let Some(restored) = Policies::decode(bytes) else { return false };
    load(main_thread, restored);
    true
}
