//! Clients that are held until something happens.
//!
//! A client is blocked *on keys*, so that the server itself sends it elsewhere when the slot of its keys
//! moves. The server then also offers it every new key of that name; it stays where it is, for its
//! user alone knows when it goes on, and answers it by [`Blocked::release`].
//!
//! What the server keeps of a client is valid until it is released or the server says that it is no more
//! held ([`Holds::gone`], [`Holds::timed_out`]), whichever comes first; who holds it hears of it once.

use std::ffi::{c_int, c_void};
use std::ptr::{NonNull, null_mut};

use redis_module::raw;

use super::api;
use super::context::{Arg, Args, Context};
use super::guard::guarded;
use super::reply::SENT;

/// Who holds clients.
pub(crate) trait Holds {
    /// A client goes on: because it was released, or because an operator has ended its time. It is to be
    /// answered now.
    fn timed_out(context: Context<'_>, args: Args<'_>, number: u64);
    /// A client is gone, or was answered by the server. It cannot be answered any more.
    fn gone(number: u64);
}

/// A client that is held.
#[derive(Debug)]
pub(crate) struct Blocked(NonNull<raw::RedisModuleBlockedClient>);

// SAFETY: the handle is only ever used on the main thread (rule 1 of `sys`); it is kept in a static,
// which asks for this.
unsafe impl Send for Blocked {}

/// Holds the client of a command, under a number of the holder's, on keys that are among its words.
/// The command sends no reply; where it may not block ([`Context::may_block`]) this is not called.
pub(crate) fn block<H: Holds>(context: Context<'_>, keys: &[Arg<'_>], number: u64) -> Option<Blocked> {
    let mut names: Vec<*mut raw::RedisModuleString> = keys.iter().map(|key| key.as_ptr()).collect();
    let count = c_int::try_from(names.len()).ok()?;
    // A number, handed back as it is and never followed.
    let number = std::ptr::without_provenance_mut::<c_void>(usize::try_from(number).ok()?);
    // SAFETY: the context is live (rule 2) and is that of a client's command which may block; the names
    // are `count` strings of it, which the server takes references to; the callbacks have the types asked
    // for. No function frees the number, which is none that is freed. Without a timeout (0) the server
    // never ends the wait by itself.
    unsafe {
        let client = NonNull::new(api!(RedisModule_BlockClientOnKeys(
            context.as_ptr(),
            Some(stay),
            Some(timed_out::<H>),
            None,
            0,
            names.as_mut_ptr(),
            count,
            number,
        )))?;
        api!(RedisModule_SetDisconnectCallback(client.as_ptr(), Some(gone::<H>)));
        Some(Blocked(client))
    }
}

impl Blocked {
    /// Lets it go on: [`Holds::timed_out`] is called for it, at once or soon, and answers it; or
    /// [`Holds::gone`], if it goes before.
    pub(crate) fn release(self) {
        // SAFETY: the handle is live, as the head of this file says, and given up here. A client that is
        // blocked on keys takes no private data from here, so that null changes nothing.
        unsafe {
            api!(RedisModule_UnblockClient(self.0.as_ptr(), null_mut()));
        }
    }
}

/// One of the keys has come to be: the client stays.
unsafe extern "C" fn stay(
    _: *mut raw::RedisModuleCtx,
    _: *mut *mut raw::RedisModuleString,
    _: c_int,
) -> c_int {
    1 // REDISMODULE_ERR
}

unsafe extern "C" fn timed_out<H: Holds>(
    context: *mut raw::RedisModuleCtx,
    argv: *mut *mut raw::RedisModuleString,
    argc: c_int,
) -> c_int {
    // SAFETY: the server passes a context of the client, and the words of its command, which live until
    // this returns.
    let (context, args) = unsafe { (Context::new(context), Args::new(argv, argc)) };
    // SAFETY: as above; this gives what `block` gave.
    let number = unsafe { api!(RedisModule_GetBlockedClientPrivateData(context.as_ptr())) };
    guarded(|| H::timed_out(context, args, as_number(number)), || ());
    SENT
}

unsafe extern "C" fn gone<H: Holds>(
    context: *mut raw::RedisModuleCtx,
    _: *mut raw::RedisModuleBlockedClient,
) {
    // SAFETY: the server passes a context that lives until this returns; this gives what `block` gave.
    let number = unsafe { api!(RedisModule_GetBlockedClientPrivateData(context)) };
    guarded(|| H::gone(as_number(number)), || ());
}

fn as_number(number: *mut c_void) -> u64 {
    u64::try_from(number.addr()).unwrap_or(u64::MAX) // an address has 64 bits at most
}
