//! An open key: closed when it goes out of scope, and typed.

use std::marker::PhantomData;
use std::ptr::NonNull;

use redis_module::raw;
use rl_core::fault::Fault;
use rl_core::time::At;

use super::api::api;
use super::context::{Arg, Context};
use super::data_type::Value;

/// What a key is opened for.
#[derive(Clone, Copy)]
pub(crate) enum Mode {
    /// On a replica too; leaves everything as it is.
    Read,
    /// A key that has expired is deleted first.
    Write,
}

/// A key whose value is a `T`, if it has one.
pub(crate) struct Key<'a, T> {
    ptr: *mut raw::RedisModuleKey,
    /// Looked up once. While the key is open nobody else changes it (rule 1).
    value: Result<Option<NonNull<T>>, Fault>,
    life: PhantomData<&'a mut T>,
}

impl<'a, T: Value> Key<'a, T> {
    pub(crate) fn open(context: Context<'a>, name: Arg<'a>, mode: Mode) -> Self {
        let mode = match mode {
            Mode::Read => raw::REDISMODULE_READ,
            Mode::Write => raw::REDISMODULE_READ | raw::REDISMODULE_WRITE,
        };
        // SAFETY: context and name are live for 'a (rule 2).
        let ptr = unsafe { api!(RedisModule_OpenKey(context.as_ptr(), name.as_ptr(), mode.cast_signed())) };
        // SAFETY: the key is open, or null, which the calls take for an empty one.
        let value = unsafe { Self::look(ptr.cast()) };
        Self { ptr: ptr.cast(), value, life: PhantomData }
    }

    /// # Safety
    /// `ptr` is an open key, or null.
    unsafe fn look(ptr: *mut raw::RedisModuleKey) -> Result<Option<NonNull<T>>, Fault> {
        // SAFETY: as the caller promises.
        unsafe {
            let kind = api!(RedisModule_ModuleTypeGetType(ptr));
            if !kind.is_null() && kind == T::registration().as_ptr() {
                return Ok(NonNull::new(api!(RedisModule_ModuleTypeGetValue(ptr)).cast::<T>()));
            }
            let empty = raw::REDISMODULE_KEYTYPE_EMPTY as i64;
            if i64::from(api!(RedisModule_KeyType(ptr))) == empty { Ok(None) } else { Err(Fault::WrongType) }
        }
    }

    /// Its value; `None` if there is no key.
    ///
    /// # Errors
    /// [`Fault::WrongType`] if it holds something else.
    #[inline]
    pub(crate) fn get(&self) -> Result<Option<&T>, Fault> {
        // SAFETY: as in `value`; it is borrowed from this, and so not changed meanwhile.
        self.value.map(|value| value.map(|value| unsafe { value.as_ref() }))
    }

    /// Its value; `None` where there is no key.
    ///
    /// # Errors
    /// [`Fault::WrongType`] where it holds something else.
    pub(crate) fn value(&mut self) -> Result<Option<&mut T>, Fault> {
        // SAFETY: a value of this module's type was made by `Box::into_raw` in `create` or in the type's
        // own callbacks, is the key's for as long as this is open, and is borrowed from this.
        self.value.map(|value| value.map(|mut value| unsafe { value.as_mut() }))
    }

    /// Makes `value` the key's, in place of what it had; it was opened for writing.
    pub(crate) fn create(&mut self, value: T) {
        let value = NonNull::from(Box::leak(Box::new(value)));
        // SAFETY: the key is open for writing; the server owns the value from now on and gives it back
        // through the type's `free`. If it refuses, it has not taken it.
        unsafe {
            let kind = T::registration().as_ptr();
            if api!(RedisModule_ModuleTypeSetValue(self.ptr, kind, value.as_ptr().cast())) == 0 {
                self.value = Ok(Some(value));
            } else {
                drop(Box::from_raw(value.as_ptr()));
            }
        }
    }

    /// Makes the key expire at `at`, an absolute instant, for replicas and in files too.
    pub(crate) fn expire_at(&mut self, at: At) {
        // SAFETY: the key is open for writing; on one without a value the call does nothing.
        unsafe {
            api!(RedisModule_SetAbsExpire(self.ptr, at.signed_ms()));
        }
    }
}

impl<T> Drop for Key<'_, T> {
    fn drop(&mut self) {
        // SAFETY: the key was opened once and is closed once; null is allowed.
        unsafe { api!(RedisModule_CloseKey(self.ptr)) }
    }
}
