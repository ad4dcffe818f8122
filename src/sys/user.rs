//! Who runs a command, and whether they may still.

use std::ptr::NonNull;

use redis_module::raw;

use super::api::api;
use super::context::{Args, Context};
use super::kept::Kept;

/// The name of a user.
#[derive(Debug)]
pub(crate) struct User(Kept);

impl User {
    /// Who runs the command of `context`; nobody where it is no connected client of a user's: a server
    /// gives another module's call, and its primary, no user at all.
    pub(crate) fn of(context: Context<'_>) -> Option<Self> {
        // SAFETY: the context is live (rule 2 of `sys`). The name is asked for by the client's id, which
        // gives null where there is no such client or it has no user; the call for the name of the
        // current user would follow a null pointer there. What is got belongs to a context that collects
        // what it gives, which none here does.
        unsafe {
            let id = api!(RedisModule_GetClientId(context.as_ptr()));
            let name = NonNull::new(api!(RedisModule_GetClientUserNameById(context.as_ptr(), id)))?;
            Some(Self(Kept::from_raw(name)))
        }
    }

    /// Whether they may run these words by the rules of now. A user that is no more may not.
    pub(crate) fn may_run(&self, args: Args<'_>) -> bool {
        // SAFETY: the name is a live string; the user that is got is freed once, after it was asked; the
        // words are as many live strings as is said, and are only read.
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
