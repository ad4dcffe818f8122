//! The user who runs a command, and what that user may do.

use std::ffi::c_int;
use std::ptr::NonNull;

use redis_module::raw;

use super::api::api;
use super::args::Args;
use super::context::Context;
use super::owned_string::OwnedString;
use super::strings::with_strings;

/// A user, by name.
#[derive(Debug)]
pub(crate) struct User(OwnedString);

impl Context<'_> {
    /// The user of the command's client, if that client may be blocked. `None` in a transaction or a script, where the
    /// caller does not wait, and where the caller is no client but another module or a primary.
    pub(crate) fn may_block(&self) -> Option<User> {
        if self.denies_blocking() { None } else { User::of(self) }
    }

    /// Whether the client's user may run `REPLICAOF`, which is in `@admin` and `@dangerous`. `false` where there is no client,
    /// as in a script.
    pub(crate) fn may_replicaof(&self) -> bool {
        let Some(user) = User::of(self) else { return false };
        let mut may = false;
        with_strings(&[b"REPLICAOF".to_vec(), b"NO".to_vec(), b"ONE".to_vec()], |first, len| {
            // SAFETY: `first` points to `len` strings, which live and do not change until this returns.
            let words = unsafe { Args::new(first.cast_mut(), c_int::try_from(len).unwrap_or(0)) };
            may = user.may_run(self, words);
        });
        may
    }
}

impl User {
    /// The user of the client that runs the command. A call by another module, or by the primary, has none.
    fn of(context: &Context<'_>) -> Option<Self> {
        // SAFETY: the context is live (rule 2 of `sys`). The name is asked for by the client's id: that returns null where
        // there is no such client or it has no user. (The call for the name of the current user would follow a null
        // pointer there.) The string belongs to the caller, since the context does not collect what it hands out.
        unsafe {
            let id = api!(RedisModule_GetClientId(context.as_ptr()));
            let name = NonNull::new(api!(RedisModule_GetClientUserNameById(context.as_ptr(), id)))?;
            Some(Self(OwnedString::from_raw(name)))
        }
    }

    /// Whether the user may run these words now. A user that no longer exists may not.
    pub(crate) fn may_run(&self, _: &Context<'_>, args: Args<'_>) -> bool {
        // SAFETY: the name is a live string, and this is the main thread. The user object is freed once, after its last
        // use. The words are as many live strings as their number says, and are only read.
        unsafe {
            let user: *mut raw::RedisModuleUser =
                api!(RedisModule_GetModuleUserFromUserName(self.0.as_ptr()));
            if user.is_null() {
                return false;
            }
            let (words, count) = args.as_raw();
            let may = api!(RedisModule_ACLCheckCommandPermissions(user, words, count)) == 0;
            api!(RedisModule_FreeModuleUser(user));
            may
        }
    }
}
