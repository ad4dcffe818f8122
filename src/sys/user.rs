//! The user who runs a command, and what that user may do.

use std::ffi::c_int;
use std::ops::Range;
use std::ptr::NonNull;

use redis_module::raw;

use super::api::api;
use super::args::{Arg, Args};
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
            may = user.may_run(words);
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
    fn may_run(&self, args: Args<'_>) -> bool {
        self.as_server_user(|user| {
            let (words, count) = args.as_raw();
            // SAFETY: the words are as many live strings as their number says, and are only read.
            unsafe { api!(RedisModule_ACLCheckCommandPermissions(user, words, count)) == 0 }
        })
        .unwrap_or(false)
    }

    /// As [`Self::may_run`], of a command that the user could run when it came. If the user may not run it any more, `ACL LOG`
    /// says so, and names the key if it is about one. `keys` are the words that are keys.
    pub(crate) fn may_still_run(&self, context: &Context<'_>, args: Args<'_>, keys: Range<usize>) -> bool {
        const READ_AND_WRITE: u32 = raw::REDISMODULE_CMD_KEY_ACCESS | raw::REDISMODULE_CMD_KEY_UPDATE;
        if self.may_run(args) {
            return true;
        }
        self.as_server_user(|user| {
            // SAFETY: the user and the words are live.
            let is_denied = |key: &Arg<'_>| unsafe {
                api!(RedisModule_ACLCheckKeyPermissions(user, key.as_ptr(), READ_AND_WRITE.cast_signed()))
                    != 0
            };
            let denied = keys.filter_map(|at| args.get(at)).find(is_denied);
            let (object, reason) = match denied {
                Some(key) => (Some(key), raw::RedisModuleACLLogEntryReason_REDISMODULE_ACL_LOG_KEY),
                None => (args.get(0), raw::RedisModuleACLLogEntryReason_REDISMODULE_ACL_LOG_CMD),
            };
            if let Some(object) = object {
                // SAFETY: the context is live (rule 2 of `sys`), as are the user and the word, which the server copies.
                unsafe {
                    api!(RedisModule_ACLAddLogEntry(context.as_ptr(), user, object.as_ptr(), reason));
                }
            }
        });
        false
    }

    /// Lends the server's object for the user; `None` if the user no longer exists.
    fn as_server_user<T>(&self, look: impl FnOnce(*mut raw::RedisModuleUser) -> T) -> Option<T> {
        // SAFETY: the name is a live string, and this is the main thread: a `User` is made from a context, and is not used
        // elsewhere. The object is freed once, after its last use.
        unsafe {
            let user: *mut raw::RedisModuleUser =
                api!(RedisModule_GetModuleUserFromUserName(self.0.as_ptr()));
            if user.is_null() {
                return None;
            }
            let seen = look(user);
            api!(RedisModule_FreeModuleUser(user));
            Some(seen)
        }
    }
}
