//! An open key: closed when it goes out of scope, and typed.

use std::marker::PhantomData;

use redis_module::raw;
use rl_core::fault::Fault;
use rl_core::time::At;

use super::api;
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
        Self { ptr: ptr.cast(), life: PhantomData }
    }

    /// Its value; `None` where there is no key.
    ///
    /// # Errors
    /// [`Fault::WrongType`] where it holds something else.
    pub(crate) fn value(&mut self) -> Result<Option<&mut T>, Fault> {
        // SAFETY: the key is open, or null, which the calls take for an empty one. A value of this
        // module's type was made by `Box::into_raw` in `create` or in the type's own callbacks, and is
        // borrowed for as long as this key is: no one else runs (rule 1).
        unsafe {
            let kind = api!(RedisModule_ModuleTypeGetType(self.ptr));
            if !kind.is_null() && kind == T::registration().as_ptr() {
                return Ok(api!(RedisModule_ModuleTypeGetValue(self.ptr)).cast::<T>().as_mut());
            }
            let empty = raw::REDISMODULE_KEYTYPE_EMPTY as i64;
            if i64::from(api!(RedisModule_KeyType(self.ptr))) == empty {
                Ok(None)
            } else {
                Err(Fault::WrongType)
            }
        }
    }

    /// Makes `value` the key's, which has none and was opened for writing.
    pub(crate) fn create(&mut self, value: T) {
        let value = Box::into_raw(Box::new(value));
        // SAFETY: the key is open for writing; the server owns the value from now on and gives it back
        // through the type's `free`. If it refuses, it has not taken it.
        unsafe {
            let kind = T::registration().as_ptr();
            if api!(RedisModule_ModuleTypeSetValue(self.ptr, kind, value.cast())) != 0 {
                drop(Box::from_raw(value));
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
