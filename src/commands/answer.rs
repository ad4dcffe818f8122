//! How a command takes its key, and sends its answer or its fault.

use rl_core::fault::{Fault, Result};

use crate::metrics::Counter;
use crate::sys::args::{Arg, Args};
use crate::sys::reply::Reply;

/// The key: the first argument, which the arity guarantees.
pub(super) fn key(args: Args<'_>) -> Result<Arg<'_>> {
    args.get(1).ok_or(Fault::Effect)
}

/// Sends the answer of a result, or counts and sends its fault.
pub(super) fn answer<T>(
    reply: Reply<'_>,
    errors: &Counter,
    result: Result<T>,
    send: impl FnOnce(Reply<'_>, T),
) {
    match result {
        Ok(answer) => send(reply, answer),
        Err(fault) => fail(reply, errors, fault),
    }
}

/// Runs a request that takes the reply when it answers, and counts and sends its fault.
pub(super) fn come<'r>(
    reply: Reply<'r>,
    errors: &Counter,
    run: impl FnOnce(&mut Option<Reply<'r>>) -> Result<()>,
) {
    let mut place = Some(reply);
    if let Err(fault) = run(&mut place) {
        match place {
            Some(reply) => fail(reply, errors, fault),
            None => errors.count(), // sent already
        }
    }
}

/// Counts and sends a fault.
pub(super) fn fail(reply: Reply<'_>, errors: &Counter, fault: Fault) {
    errors.count();
    reply.fault(fault);
}
