//! Clients that are held until something happens.
//!
//! Each is held by its holder, who has one [`Blocked`] of it and gives that back once, by
//! [`Blocked::release`]: so that the client goes on, or because the server has told that it is no more
//! held. A client that was released is answered when the server lets it go on ([`Holds::released`]), in
//! one step; whatever else happens to it before, it is answered by the server or gone, and never both.
//!
//! A server can also hold a client *on keys*, and then sends it elsewhere when their slot moves. Two
//! things speak against that. Servers up to 7.2 answer a client that is released from keys at once and
//! let it go on later, and if it is sent elsewhere in between it is answered twice. And one of 7.0 that
//! offers a new key to a client that does not take it goes on as if that client had sent what runs, and
//! reads it when it is long freed. Who waits for keys that move hears of it as they are deleted.

use std::ffi::c_int;
use std::ptr::{NonNull, null_mut};

use redis_module::raw;

use super::api::api;
use super::context::{Args, Context};
use super::guard::guarded;
use super::reply::SENT;

/// Who holds clients.
pub(crate) trait Holds {
    /// A client that was released goes on. It is to be answered now.
    fn released(context: Context<'_>, id: Id);
    /// An operator has ended its time. It is to be answered now, and released if it was not.
    fn timed_out(context: Context<'_>, args: Args<'_>, id: Id);
    /// It is gone, or was answered by the server; it cannot be answered any more. It is to be released
    /// if it was not.
    fn gone(id: Id);
}

/// What a client is known by, from when it is held until it has gone on or is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Id(usize);

/// A client that is held.
#[derive(Debug)]
pub(crate) struct Blocked(NonNull<raw::RedisModuleBlockedClient>);

// SAFETY: the handle is only ever used on the main thread (rule 1 of `sys`); it is kept in a static,
// which asks for this.
unsafe impl Send for Blocked {}

/// Holds the client of a command. That sends no reply; where it may not block ([`Context::may_block`])
/// this is not called.
pub(crate) fn block<H: Holds>(context: Context<'_>) -> Option<Blocked> {
    // SAFETY: the context is live (rule 2) and is that of a client's command which may block; the
    // callbacks have the types asked for. Nothing is kept with the client that would have to be freed.
    // Without a timeout (0) the server never ends the wait by itself.
    unsafe {
        let client = NonNull::new(api!(RedisModule_BlockClient(
            context.as_ptr(),
            Some(released::<H>),
            Some(timed_out::<H>),
            None,
            0
        )))?;
        api!(RedisModule_SetDisconnectCallback(client.as_ptr(), Some(gone::<H>)));
        Some(Blocked(client))
    }
}

impl Blocked {
    pub(crate) fn id(&self) -> Id {
        Id(self.0.addr().get())
    }

    /// Gives it back. If it is still held it goes on soon, and [`Holds::released`] is called for it; or
    /// [`Holds::gone`], if it goes before.
    pub(crate) fn release(self) {
        // SAFETY: the server keeps what the handle stands for until it is given back, which is done here,
        // once, for there is one `Blocked` of it.
        unsafe {
            api!(RedisModule_UnblockClient(self.0.as_ptr(), null_mut()));
        }
    }
}

unsafe extern "C" fn released<H: Holds>(
    context: *mut raw::RedisModuleCtx,
    _: *mut *mut raw::RedisModuleString,
    _: c_int,
) -> c_int {
    // SAFETY: the server passes a context of the client, which lives until this returns.
    let (context, id) = unsafe { (Context::new(context), held(context)) };
    guarded(|| H::released(context, id), || ());
    SENT
}

unsafe extern "C" fn timed_out<H: Holds>(
    context: *mut raw::RedisModuleCtx,
    argv: *mut *mut raw::RedisModuleString,
    argc: c_int,
) -> c_int {
    // SAFETY: the server passes a context of the client, and the words of its command, which live until
    // this returns.
    let (context, args, id) = unsafe { (Context::new(context), Args::new(argv, argc), held(context)) };
    guarded(|| H::timed_out(context, args, id), || ());
    SENT
}

unsafe extern "C" fn gone<H: Holds>(_: *mut raw::RedisModuleCtx, client: *mut raw::RedisModuleBlockedClient) {
    guarded(|| H::gone(Id(client.addr())), || ());
}

/// Which client a callback is about.
///
/// # Safety
/// The context is one that the server passed to a callback about a client that is held.
unsafe fn held(context: *mut raw::RedisModuleCtx) -> Id {
    // SAFETY: as the caller promises. What is got is a number here, and never followed.
    Id(unsafe { api!(RedisModule_GetBlockedClientHandle(context)) }.addr())
}
