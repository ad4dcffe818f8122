//! Open keys, and the values in them.
//!
//! A [`ReadKey`] can be looked at; only a [`WriteKey`] can be changed, created or expired. Both are closed when dropped.
//!
//! Why no two references to a value clash, and none dangles:
//!
//! * A value is borrowed from its key and from the context. A `&mut T` borrows the one context of the callback mutably,
//!   so it is the only reference to any value. This holds also if the same key is open twice.
//! * While a value is borrowed, nothing can be called in which the server may run other code: that takes `&mut Context`.
//! * Between two borrows, other code may remove the value. The server says so, and the key has no value then
//!   (`open_keys.rs`). A key is looked up again before it is changed, if its value is gone, or if it had none and other
//!   code may have run since.
//!
//! Over 300 lines: one argument about borrows covers all of it.

use std::ffi::{c_int, c_void};
use std::marker::PhantomData;
use std::ptr::null_mut;

use redis_module::raw;
use rl_core::fault::{Fault, Result};
use rl_core::time::At;

use super::api::api;
use super::args::Arg;
use super::context::Context;
use super::data_type::Value;
use super::main_thread::MainThread;
use super::open_keys::{self, Handle, Slot};
use super::other_modules;

/// A key that is open for reading, also on a replica. It stays as it is.
pub(crate) struct ReadKey<'a, T>(Open<'a, T>);

/// A key that is open for writing. If it had expired, the server has deleted it.
pub(crate) struct WriteKey<'a, T>(Open<'a, T>);

const READ: c_int = raw::REDISMODULE_READ.cast_signed();
const WRITE: c_int = READ | raw::REDISMODULE_WRITE.cast_signed();

struct Open<'a, T> {
    name: Arg<'a>,
    /// Its handle and its value, or why it cannot be used.
    slot: &'static Slot,
    main_thread: MainThread<'a>,
    value: PhantomData<T>,
}

impl<'a> Context<'a> {
    /// Opens a key for reading.
    #[inline]
    pub(crate) fn open_read<T: Value>(&mut self, name: Arg<'a>) -> ReadKey<'a, T> {
        ReadKey(Open::new(self, name, self.main_thread(), READ))
    }

    /// Opens a key for writing. It need not exist.
    #[inline(always)]
    pub(crate) fn open_write<T: Value>(&mut self, name: Arg<'a>) -> WriteKey<'a, T> {
        WriteKey(Open::new(self, name, self.main_thread(), WRITE))
    }

    /// Closes the handles of this callback's keys before other code may run, if there is any.
    #[cold]
    pub(super) fn shelter_open_keys(&self) {
        if other_modules::are_loaded() {
            open_keys::close_handles(self.main_thread(), self.outer_keys());
        }
    }
}

impl<T: Value> ReadKey<'_, T> {
    /// The value; `None` if there is none, or if it was removed since the key was opened.
    ///
    /// # Errors
    /// [`Fault::WrongType`] if the key holds something else.
    #[inline]
    pub(crate) fn value<'v>(&'v self, context: &'v Context<'_>) -> Result<Option<&'v T>> {
        self.0.value(context)
    }
}

impl<T: Value> WriteKey<'_, T> {
    /// The value; `None` if there is none, or if it was removed since the key was looked up.
    ///
    /// # Errors
    /// [`Fault::WrongType`] if the key holds something else, [`Fault::KeyTwice`] if it is open already.
    #[inline]
    pub(crate) fn value<'v>(&'v self, context: &'v Context<'_>) -> Result<Option<&'v T>> {
        self.0.value(context)
    }

    /// The value, to be changed; `None` if there is none.
    ///
    /// # Errors
    /// As for [`WriteKey::value`].
    #[inline]
    pub(crate) fn value_mut<'v>(&'v mut self, context: &'v mut Context<'_>) -> Result<Option<&'v mut T>> {
        self.refresh(context);
        // SAFETY: as in `Open::value`. The reference borrows the context mutably, so there is no other one.
        match unsafe { self.0.as_ptr().as_mut() } {
            Some(value) => Ok(Some(value)),
            None => self.0.slot.usable().map(|()| None),
        }
    }

    /// Looks the key up again if that could make a difference: if its value is gone, or if it had none and other code may
    /// have run since. A command with several keys does so between opening the last and deciding.
    #[inline]
    pub(crate) fn refresh(&mut self, context: &mut Context<'_>) {
        if self.0.slot.value().is_null() {
            self.refresh_missing(context);
        }
    }

    #[cold]
    fn refresh_missing(&mut self, context: &mut Context<'_>) {
        if self.0.slot.usable().is_ok() && (self.0.slot.is_empty() || !self.0.slot.is_latest()) {
            self.look_up_again(context);
        }
    }

    /// Gives the key a value, in place of the one that it has, if any.
    ///
    /// # Errors
    /// As for [`WriteKey::value`]. [`Fault::KeyChanged`] if the server does not take the value, or if another module has
    /// removed it again at once. The key does not have it then, and nothing must be replicated.
    pub(crate) fn create(&mut self, context: &mut Context<'_>, value: T) -> Result<()> {
        self.refresh(context);
        if self.0.slot.handle().is_null() {
            self.reopen(context)?;
        }
        let kind = T::handle().as_ptr();
        if kind.is_null() {
            return Err(Fault::KeyChanged); // a type that was never registered
        }
        let value = Box::into_raw(Box::new(value));
        // SAFETY: the handle is open for writing and stays so during the call. The server owns the value from now on and
        // gives it back through the type's `free`.
        let set = |handle| unsafe {
            context.shelter_open_keys();
            open_keys::other_code_runs(context.main_thread());
            api!(RedisModule_ModuleTypeSetValue(handle, kind, value.cast())) == 0
        };
        if !self.0.slot.set_value(value.cast(), set) {
            // SAFETY: the server has not taken the value, or was not asked to. It is what `into_raw` returned.
            drop(unsafe { Box::from_raw(value) });
            return Err(Fault::KeyChanged);
        }
        if self.0.slot.is_empty() { Err(Fault::KeyChanged) } else { Ok(()) }
    }

    /// Makes the key expire at `at`, also on replicas and in files.
    ///
    /// # Errors
    /// As for [`WriteKey::value`]. [`Fault::KeyChanged`] if the key has no value.
    #[inline]
    pub(crate) fn expire_at(&mut self, context: &mut Context<'_>, at: At) -> Result<()> {
        if self.0.slot.handle().is_null() {
            self.reopen(context)?;
        }
        // SAFETY: the handle is open for writing. Its key is still there, or had no value when it was opened, and then the
        // call fails. It runs no other code.
        let set = unsafe { api!(RedisModule_SetAbsExpire(self.0.slot.handle(), at.signed_ms())) == 0 };
        if set { Ok(()) } else { Err(Fault::KeyChanged) }
    }

    /// Opens the server's handle again, which was closed before other code ran.
    ///
    /// # Errors
    /// [`Fault::KeyChanged`] if the key has another value by now, or if there is no handle.
    #[cold]
    fn reopen(&mut self, context: &mut Context<'_>) -> Result<()> {
        self.0.slot.usable()?;
        let before = self.0.slot.value();
        self.look_up_again(context);
        self.0.slot.usable()?;
        let is_same = self.0.slot.value() == before && !self.0.slot.handle().is_null();
        if is_same { Ok(()) } else { Err(Fault::KeyChanged) }
    }

    #[cold]
    fn look_up_again(&mut self, context: &mut Context<'_>) {
        let none = open_keys::none(self.0.main_thread);
        std::mem::replace(&mut self.0.slot, none).close();
        self.0 = Open::new(context, self.0.name, self.0.main_thread, WRITE);
    }
}

impl<'a, T: Value> Open<'a, T> {
    #[inline(always)]
    fn new(context: &mut Context<'_>, name: Arg<'a>, main_thread: MainThread<'a>, mode: c_int) -> Self {
        let slot = if open_keys::count(main_thread) > 0 {
            Self::slot_beside_others(context, name, mode)
        } else {
            // SAFETY: the context and the name are live (rule 2 of `sys`).
            let handle = unsafe { open(context, name, mode) };
            // SAFETY: the key has just been opened, or is null.
            match unsafe { value_of::<T>(handle) } {
                Some(value) => open_keys::push_first(main_thread, handle, value),
                // SAFETY: as above.
                None => unsafe { Self::slot_without_value(context, handle, name, mode) },
            }
        };
        Self { name, slot, main_thread, value: PhantomData }
    }

    /// Opens a key while others are open, and takes a slot for it.
    #[cold]
    fn slot_beside_others(context: &Context<'_>, name: Arg<'_>, mode: c_int) -> &'static Slot {
        context.shelter_open_keys();
        let main_thread = context.main_thread();
        // SAFETY: the context and the name are live (rule 2 of `sys`).
        let handle = unsafe { open(context, name, mode) };
        // SAFETY: the key has just been opened, or is null.
        match unsafe { value_of::<T>(handle) } {
            Some(value) => open_keys::push(main_thread, context.outer_keys(), handle, value),
            // SAFETY: as above.
            None => unsafe { Self::slot_without_value(context, handle, name, mode) },
        }
    }

    /// Takes a slot for a key that has no value of this type.
    ///
    /// # Safety
    /// `handle` is an open key, or null. No slot has it.
    #[cold]
    unsafe fn slot_without_value(
        context: &Context<'_>,
        mut handle: Handle,
        name: Arg<'_>,
        mode: c_int,
    ) -> &'static Slot {
        let main_thread = context.main_thread();
        // SAFETY: as the caller promises. Null stands for a key that does not exist. Each handle is closed once.
        unsafe {
            if is_missing(handle) && other_modules::are_loaded() {
                // It may have expired just now, and another module, which was told so, may have made it anew. Looking up a
                // key that does not exist tells nobody.
                api!(RedisModule_CloseKey(handle));
                handle = open(context, name, mode);
                if let Some(value) = value_of::<T>(handle) {
                    return open_keys::push(main_thread, context.outer_keys(), handle, value);
                }
            }
            if handle.is_null() {
                return open_keys::none(main_thread);
            }
            if is_missing(handle) {
                return open_keys::push(main_thread, context.outer_keys(), handle, null_mut());
            }
            api!(RedisModule_CloseKey(handle));
            open_keys::wrong_type(main_thread)
        }
    }

    /// The value, or null.
    #[inline]
    fn as_ptr(&self) -> *mut T {
        self.slot.value().cast()
    }

    #[inline]
    fn value<'v>(&'v self, _: &'v Context<'_>) -> Result<Option<&'v T>> {
        // SAFETY: a value of this type was made by `Box::into_raw`, in `create` or in a callback of the type. The server
        // has not freed it, or it would have said so and the pointer would be null. Nothing changes or frees it while it
        // is borrowed: whatever could takes the context by `&mut`.
        match unsafe { self.as_ptr().as_ref() } {
            Some(value) => Ok(Some(value)),
            None => self.slot.usable().map(|()| None),
        }
    }
}

/// Opens a key: its handle, or null if it is to be read and does not exist.
///
/// # Safety
/// The context and the name are live.
#[inline(always)]
unsafe fn open(context: &Context<'_>, name: Arg<'_>, mode: c_int) -> Handle {
    // SAFETY: as the caller promises.
    unsafe { api!(RedisModule_OpenKey(context.as_ptr(), name.as_ptr(), mode)) }.cast()
}

/// The value of a key, if it is a `T`.
///
/// # Safety
/// `handle` is an open key, or null.
#[inline(always)]
unsafe fn value_of<T: Value>(handle: Handle) -> Option<*mut c_void> {
    // SAFETY: as the caller promises. Null stands for a key that does not exist.
    unsafe {
        let kind = api!(RedisModule_ModuleTypeGetType(handle));
        let is_own = !kind.is_null() && kind == T::handle().as_ptr();
        is_own.then(|| api!(RedisModule_ModuleTypeGetValue(handle)))
    }
}

/// Whether a key does not exist.
///
/// # Safety
/// `handle` is an open key, or null.
unsafe fn is_missing(handle: Handle) -> bool {
    let empty = raw::REDISMODULE_KEYTYPE_EMPTY as i64;
    // SAFETY: as the caller promises. Null stands for a key that does not exist.
    i64::from(unsafe { api!(RedisModule_KeyType(handle)) }) == empty
}

impl<T> Drop for Open<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.slot.close();
    }
}
