//! The policies that the server holds, by name.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

use rl_core::fault::Result;
use rl_core::quota::policies::Policies;
use rl_core::quota::shape::Shape;

use crate::sys::main_thread::{MainThread, MainThreadCell};

static POLICIES: MainThreadCell<Policies> = MainThreadCell::new(Policies::new());
/// What a load has brought so far, while the server still answers from what it held before.
static STAGED: MainThreadCell<Option<Policies>> = MainThreadCell::new(None);
/// A number that grows with each change.
static VERSION: AtomicU64 = AtomicU64::new(1);
static ON_CHANGE: OnceLock<PoliciesChanged> = OnceLock::new();

/// Called after a policy was set or removed.
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

/// The limits of a policy.
pub(crate) fn get(main_thread: MainThread<'_>, name: &[u8]) -> Option<Arc<Shape>> {
    with(main_thread, |policies| policies.get(name).cloned())
}

/// A number that grows whenever a policy may have changed.
#[inline]
pub(crate) fn version() -> u64 {
    VERSION.load(Relaxed)
}

/// Sets the policy that the limits belong to. Returns whether that changes anything.
///
/// # Errors
/// [`rl_core::fault::Fault::Policies`] if there are too many policies.
pub(crate) fn set(main_thread: MainThread<'_>, shape: &Arc<Shape>) -> Result<bool> {
    if has(main_thread, shape) {
        return Ok(false);
    }
    let mut result = Ok(false);
    with_mut(main_thread, |policies| result = policies.set(Arc::clone(shape)).map(|_| true));
    if result == Ok(true) {
        changed(main_thread);
    }
    result
}

/// Sets all these policies, or none. Returns those that change anything.
///
/// # Errors
/// [`rl_core::fault::Fault::Policies`] if there would be too many policies.
pub(super) fn set_all(main_thread: MainThread<'_>, mut shapes: Vec<Arc<Shape>>) -> Result<Vec<Arc<Shape>>> {
    shapes.retain(|shape| !has(main_thread, shape));
    if !shapes.is_empty() {
        let mut result = Ok(());
        with_mut(main_thread, |policies| result = policies.set_all(&shapes));
        result?;
        changed(main_thread);
    }
    Ok(shapes)
}

/// Removes a policy. Returns whether there was one.
pub(crate) fn remove(main_thread: MainThread<'_>, name: &[u8]) -> bool {
    let removed = with_mut(main_thread, |policies| policies.remove(name).is_some());
    changed(main_thread);
    removed
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

/// Whether the policy that the limits belong to has exactly these limits.
pub(super) fn has(main_thread: MainThread<'_>, shape: &Shape) -> bool {
    let Some(name) = shape.policy() else { return false };
    with(main_thread, |policies| policies.get(name.as_bytes()).is_some_and(|known| **known == *shape))
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
