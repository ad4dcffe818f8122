//! The keys that are open right now, so that a value which goes away meanwhile is never touched again.
//!
//! While a key is open, the server may run other code: opening a second key that has expired, or creating one, notifies
//! other modules, and their handlers may delete the first. Its value is freed then, and with it what the server's own
//! handle of the open key points to. Closing that handle later would read freed memory, and setting its expiry would end
//! the server.
//!
//! But the server tells the type of each value that it removes, before it frees it. So each open key has a slot here:
//!
//! | the server says | what happens to the slot |
//! |---|---|
//! | a value is removed from its key ([`removed`]) | its slot becomes empty, and the handle is closed |
//! | all keys change, as by FLUSHALL or SWAPDB ([`all_removed`]) | the same for all slots |
//! | defragmentation moves a value ([`moved`]) | its slot becomes empty; the handle leaks, as it may be dangling already |
//! | nothing | the value is where it was |
//!
//! The server does not tell when it moves only what a handle points to, as it may when the expiry of the key changes. So
//! where another module is loaded that could do that, handles are closed before other code may run ([`close_handles`]).
//! The values stay known, and a handle is opened again when it is needed. Only commands with several keys notice.
//!
//! Slots are a stack, since an inner callback ends before the outer one goes on. A slot belongs to one key for as long as
//! that is open.
//!
//! Over 300 lines: one argument about handles covers all of it.

use std::cell::Cell;
use std::ffi::c_void;
use std::ptr::{null, null_mut};

use redis_module::raw;
use rl_core::fault::{Fault, Result};

use super::api::api;
use super::main_thread::MainThread;

/// A server-side key handle.
pub(super) type Handle = *mut raw::RedisModuleKey;

/// More keys than this are never open at once: a command opens at most 16, and callbacks hardly nest. One more is refused.
const SLOTS: usize = 128;

/// What is known of an open key. It is used on the main thread only: whoever has a reference got it with proof of that.
///
/// | handle | value | |
/// |---|---|---|
/// | set | set | a key with a value |
/// | set | null | a key that did not exist when it was looked up |
/// | null | set | a key with a value, whose handle was closed or is being used |
/// | null | null | an empty slot: nothing is known any more, the key is to be looked up again |
/// | null | [`FREE`] | a slot that no key uses |
pub(super) struct Slot {
    handle: Cell<Handle>,
    value: Cell<*mut c_void>,
    index: usize,
    /// Why the key has neither a handle nor a value, if it cannot be used at all.
    usable: Result<()>,
}

/// The value of a free slot below one that is used. No value has this address.
const FREE: *mut c_void = std::ptr::without_provenance_mut(1);

struct OpenKeys {
    slots: [Slot; SLOTS],
    /// All slots from this one on are free, whatever is in them.
    count: Cell<usize>,
    /// The slot of the key that was looked up last, if no other code may have run since.
    latest: Cell<*const Slot>,
    /// How many calls are setting a value right now, one within the other.
    setting: Cell<u32>,
    /// The slots of keys that have neither a handle nor a value.
    none: Slot,
    wrong_type: Slot,
    twice: Slot,
    too_many: Slot,
}

// SAFETY: every function here that uses the static asks for proof that it runs on the main thread.
unsafe impl Sync for OpenKeys {}

static OPEN: OpenKeys = OpenKeys {
    slots: free_slots(),
    count: Cell::new(0),
    latest: Cell::new(null()),
    setting: Cell::new(0),
    none: Slot::new(NOWHERE, Ok(())),
    wrong_type: Slot::new(NOWHERE, Err(Fault::WrongType)),
    twice: Slot::new(NOWHERE, Err(Fault::KeyTwice)),
    too_many: Slot::new(NOWHERE, Err(Fault::KeyChanged)),
};

/// The index of slots that are at no place.
const NOWHERE: usize = usize::MAX - 1;

#[expect(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "the compiler evaluates it")]
const fn free_slots() -> [Slot; SLOTS] {
    let mut slots = [const { Slot::new(0, Ok(())) }; SLOTS];
    let mut index = 0;
    while index < SLOTS {
        slots[index].index = index;
        index += 1;
    }
    slots
}

impl Slot {
    const fn new(index: usize, usable: Result<()>) -> Self {
        Self { handle: Cell::new(null_mut()), value: Cell::new(null_mut()), index, usable }
    }

    /// The fault of a key that cannot be used.
    #[inline]
    pub(super) const fn usable(&self) -> Result<()> {
        self.usable
    }

    /// The value, or null.
    #[inline(always)]
    pub(super) const fn value(&self) -> *mut c_void {
        self.value.get()
    }

    /// The handle, or null.
    #[inline(always)]
    pub(super) const fn handle(&self) -> Handle {
        self.handle.get()
    }

    /// Whether nothing is known of the key any more.
    pub(super) const fn is_empty(&self) -> bool {
        self.handle.get().is_null() && self.value.get().is_null()
    }

    /// Whether no other code may have run since the key was looked up.
    pub(super) fn is_latest(&self) -> bool {
        std::ptr::eq(OPEN.latest.get(), self)
    }

    /// Makes a call that sets the value of the key to `value`, and in which the server may run other code. Returns whether
    /// the server took the value, as `call` says.
    ///
    /// The handle is not closed under the call, whatever happens to the key meanwhile. If the new value is gone when the
    /// call ends, the handle points to freed memory and is not closed at all. It leaks about a hundred bytes, once for each
    /// key that another module deletes at the very moment at which it is made.
    pub(super) fn set_value(&self, value: *mut c_void, call: impl FnOnce(Handle) -> bool) -> bool {
        let handle = self.handle.replace(null_mut());
        if handle.is_null() {
            return false;
        }
        let before = self.value.replace(value);
        OPEN.setting.set(OPEN.setting.get().wrapping_add(1));
        let taken = call(handle);
        OPEN.setting.set(OPEN.setting.get().wrapping_sub(1));
        OPEN.latest.set(self);
        if !self.value.get().is_null() {
            self.handle.set(handle);
            if !taken {
                self.value.set(before);
            }
        }
        taken
    }

    /// Closes the key and frees the slot.
    #[inline]
    pub(super) fn close(&self) {
        let handle = self.handle.get();
        // SAFETY: the handle is open, no call uses it, and what it points to is still there, or the server would have said
        // so. It is closed once, since the slot is free then. Null is allowed.
        unsafe { api!(RedisModule_CloseKey(handle)) }
        if self.index.wrapping_add(1) == OPEN.count.get() {
            OPEN.count.set(self.index); // what is in the slot does not matter any more
            if self.index > 0 {
                pop_free_slots();
            }
        } else if self.index != NOWHERE {
            self.handle.set(null_mut());
            self.value.set(FREE);
        }
    }

    fn remove(&self) {
        self.close_handle();
        self.value.set(null_mut());
    }

    fn close_handle(&self) {
        let handle = self.handle.replace(null_mut());
        // SAFETY: as in `close`. The slot has lost the handle.
        unsafe { api!(RedisModule_CloseKey(handle)) }
    }
}

/// Notes that the call that follows may run other code.
#[inline]
pub(super) fn other_code_runs(_: MainThread<'_>) {
    OPEN.latest.set(null());
}

/// Whether a value is being set right now, so that what runs was called by the server in the midst of that.
#[inline]
pub(super) fn is_setting(_: MainThread<'_>) -> bool {
    OPEN.setting.get() > 0
}

/// How many slots are in use, counted up to the last of them.
#[inline]
pub(super) fn count(_: MainThread<'_>) -> usize {
    OPEN.count.get()
}

/// The slot of a key that does not exist and was opened for reading. It has no handle.
pub(super) fn none(_: MainThread<'_>) -> &'static Slot {
    &OPEN.none
}

/// The slot of a key that holds a value of another type.
pub(super) fn wrong_type(_: MainThread<'_>) -> &'static Slot {
    &OPEN.wrong_type
}

/// Takes the first slot, for the only key that is open. It has a value.
#[inline(always)]
pub(super) fn push_first(_: MainThread<'_>, handle: Handle, value: *mut c_void) -> &'static Slot {
    let OpenKeys { slots: [slot, ..], count, .. } = &OPEN;
    count.set(1);
    slot.handle.set(handle);
    slot.value.set(value);
    slot
}

/// Takes a slot for an open key, or the slot of a key that cannot be used. The handle is closed then.
///
/// A key whose value is open already cannot be used, except by outer callbacks, which have the first `outer` keys: a second
/// handle would not hear of what is done by the first.
pub(super) fn push(_: MainThread<'_>, outer: usize, handle: Handle, value: *mut c_void) -> &'static Slot {
    let index = OPEN.count.get();
    let is_twice = !value.is_null() && after(outer).any(|slot| slot.value.get() == value);
    let slot = match OPEN.slots.get(index) {
        Some(slot) if !is_twice => slot,
        _ => {
            // SAFETY: the caller has just opened the key and gives its handle away.
            unsafe { api!(RedisModule_CloseKey(handle)) }
            return if is_twice { &OPEN.twice } else { &OPEN.too_many };
        }
    };
    OPEN.count.set(index.wrapping_add(1)); // at most SLOTS
    slot.handle.set(handle);
    slot.value.set(value);
    OPEN.latest.set(slot);
    slot
}

/// All slots in use but the first `count`.
fn after(count: usize) -> impl Iterator<Item = &'static Slot> {
    OPEN.slots.iter().take(OPEN.count.get()).skip(count)
}

/// Closes the handles of all keys but the first `count`, and keeps their values in mind.
#[cold]
pub(super) fn close_handles(_: MainThread<'_>, count: usize) {
    after(count).for_each(Slot::close_handle);
}

/// Closes all keys but the first `count`.
#[inline]
pub(super) fn close_all_after(_: MainThread<'_>, count: usize) {
    if OPEN.count.get() > count {
        close_forgotten(count);
    }
}

#[cold]
fn close_forgotten(count: usize) {
    after(count).for_each(Slot::close_handle);
    OPEN.count.set(count);
}

/// Keys may be closed in any order: the stack ends behind the last one that is open.
#[cold]
fn pop_free_slots() {
    let is_free = |index: &usize| OPEN.slots.get(*index).is_some_and(|slot| slot.value.get() == FREE);
    while let Some(last) = OPEN.count.get().checked_sub(1).filter(is_free) {
        OPEN.count.set(last);
    }
}

/// The server is about to free a value of the module's.
pub(super) fn removed(_: MainThread<'_>, value: *const c_void) {
    after(0).filter(|slot| slot.value.get().cast_const() == value).for_each(Slot::remove);
}

/// The server is about to free all values, or has exchanged them for others.
pub(super) fn all_removed(_: MainThread<'_>) {
    after(0).filter(|slot| slot.value.get() != FREE).for_each(Slot::remove);
}

/// Defragmentation moves a value. It may have freed what the handle points to before it says so.
pub(super) fn moved(_: MainThread<'_>, value: *const c_void) {
    for slot in after(0).filter(|slot| slot.value.get().cast_const() == value) {
        slot.handle.set(null_mut());
        slot.remove();
    }
}
