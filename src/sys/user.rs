//! Who runs a command, and whether they may still.

use std::ptr::{NonNull, null_mut};

use redis_module::raw;

use super::api;
use super::context::{Args, Context};
use super::kept::Kept;

/// The name of a user.
#[derive(Debug)]
pub(crate) struct User(Kept);

impl User {
    /// Who runs the command of `context`, which is a client's.
    pub(crate) fn of(context: Context<'_>) -> Option<Self> {
        // SAFETY: the context is live (rule 2 of `sys`) and its client has a user, as all have that may
        // block. What is got is the context's where it collects what it gives, so a reference is taken
        // from the call with a context that does not: no context here does.
        let name = NonNull::new(unsafe { api!(RedisModule_GetCurrentUserName(context.as_ptr())) })?;
        // SAFETY: the string is new and is the module's to free.
        Some(Self(unsafe { Kept::from_raw(name) }))
    }

    /// Whether they may run these words by the rules of now. A user that is no more may not.
    pub(crate) fn may_run(&self, args: Args<'_>) -> bool {
        // SAFETY: the name is a live string; the user that is got is freed once, after it was asked; the
        // words are as many live strings as is said, and are only read.
        unsafe {
            let user: *mut raw::RedisModuleUser =
                api!(RedisModule_GetModuleUserFromUserName(self.0.as_ptr()));
            if user == null_mut() {
                return false;
            }
            let (words, count) = args.as_raw();
            let may = api!(RedisModule_ACLCheckCommandPermissions(user, words, count)) == 0;
            api!(RedisModule_FreeModuleUser(user));
            may
        }
    }
}
