//! Blocked clients: clients that get their reply later.
//!
//! Each has one [`Blocked`], which is used up by [`Blocked::release`]. The client is released either to go on, or because
//! the server has said that it is no longer blocked. When the server lets a released client go on, it asks for the reply
//! ([`BlockedClients::released`]), in one step. If anything else happens to the client before, the server has answered it,
//! or it is gone. It is never answered twice.
//!
//! A server can also block a client *on keys*. It then sends the client to another node when their slot moves. Two things
//! speak against that. Servers up to 7.2 answer a client that is released from keys at once and let it go on later. If it
//! is sent elsewhere in between, it is answered twice. And a server of 7.0 that offers a new key to a client which does not
//! take it goes on as if that client had sent the running command, and reads the client after it was freed. Waiters hear
//! of keys that move as the keys are deleted.

use std::ffi::c_int;
use std::ptr::{NonNull, null_mut};

use redis_module::raw;

use super::api::api;
use super::args::Args;
use super::context::{Context, with_context};
use super::guard::guarded;
use super::main_thread::MainThread;
use super::reply::{Reply, SENT};
use super::user::User;

/// What happens to the clients that a part of the module has blocked.
pub(crate) trait BlockedClients {
    /// A released client goes on and wants its reply.
    fn released(context: &mut Context<'_>, reply: Reply<'_>, id: Id);
    /// An operator has ended the wait of a client (`CLIENT UNBLOCK`). It wants its reply now, and is to be released if it was not.
    fn timed_out(context: &mut Context<'_>, args: Args<'_>, reply: Reply<'_>, id: Id);
    /// A client has disconnected, or the server has answered it. It can no longer be answered, and is to be released if
    /// it was not.
    fn gone(main_thread: MainThread<'_>, id: Id);
}

/// Identifies a client from when it is blocked until it has gone on or is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Id(usize);

/// A blocked client. If it is dropped instead of released, the client stays blocked.
#[derive(Debug)]
pub(crate) struct Blocked(NonNull<raw::RedisModuleBlockedClient>);

// SAFETY: the pointer is used in `block` and `release` only, which ask for proof that they run on the main thread.
unsafe impl Send for Blocked {}

/// Blocks the client of a command, which waits for this reply and whose user [`Context::may_block`] returned.
///
/// # Errors
/// Gives the reply back if the server does not block the client.
pub(crate) fn block<'r, C: BlockedClients>(
    context: &Context<'_>,
    _: &User,
    reply: Reply<'r>,
) -> Result<Blocked, Reply<'r>> {
    // SAFETY: the context is live (rule 2 of `sys`) and that of a client's command which may block: there is a `User`. The
    // callbacks have the types asked for. Nothing is kept with the client that would have to be freed. Without a timeout (0)
    // the server never ends the wait by itself.
    let client = unsafe {
        NonNull::new(api!(RedisModule_BlockClient(
            context.as_ptr(),
            Some(released::<C>),
            Some(timed_out::<C>),
            None,
            0
        )))
    };
    let Some(client) = client else { return Err(reply) };
    reply.postpone();
    // SAFETY: the client has just been blocked, and the callback has the type asked for.
    unsafe { api!(RedisModule_SetDisconnectCallback(client.as_ptr(), Some(gone::<C>))) }
    Ok(Blocked(client))
}

impl Blocked {
    pub(crate) fn id(&self) -> Id {
        Id(self.0.addr().get())
    }

    /// Releases the client. If it is still blocked it goes on soon, and [`BlockedClients::released`] is called for it, or
    /// [`BlockedClients::gone`] if it disconnects before.
    pub(crate) fn release(self, _: MainThread<'_>) {
        // SAFETY: the server keeps the handle until it is given back. That is done here, once: there is one `Blocked` of it.
        unsafe {
            api!(RedisModule_UnblockClient(self.0.as_ptr(), null_mut()));
        }
    }
}

unsafe extern "C" fn released<C: BlockedClients>(
    context: *mut raw::RedisModuleCtx,
    _: *mut *mut raw::RedisModuleString,
    _: c_int,
) -> c_int {
    // SAFETY: the server passes a context of the client, which lives until this returns, and wants one reply.
    unsafe {
        let (reply, id) = (Reply::new(context), blocked_client(context));
        with_context(context, |context| guarded(|| C::released(context, reply, id), || ()));
    }
    SENT
}

unsafe extern "C" fn timed_out<C: BlockedClients>(
    context: *mut raw::RedisModuleCtx,
    argv: *mut *mut raw::RedisModuleString,
    argc: c_int,
) -> c_int {
    // SAFETY: the server passes a context of the client and the words of its command. They live until this returns, and it
    // wants one reply.
    unsafe {
        let (args, reply, id) = (Args::new(argv, argc), Reply::new(context), blocked_client(context));
        with_context(context, |context| guarded(|| C::timed_out(context, args, reply, id), || ()));
    }
    SENT
}

unsafe extern "C" fn gone<C: BlockedClients>(
    _: *mut raw::RedisModuleCtx,
    client: *mut raw::RedisModuleBlockedClient,
) {
    // SAFETY: the server calls this on its main thread.
    let main_thread = unsafe { MainThread::assume() };
    guarded(|| C::gone(main_thread, Id(client.addr())), || ());
}

/// The client that a callback is about.
///
/// # Safety
/// The server passed the context to a callback about a blocked client.
unsafe fn blocked_client(context: *mut raw::RedisModuleCtx) -> Id {
    // SAFETY: as the caller promises. The pointer is only used as a number.
    Id(unsafe { api!(RedisModule_GetBlockedClientHandle(context)) }.addr())
}
