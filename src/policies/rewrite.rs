//! Policies in an AOF that is rewritten as commands.
//!
//! Such a file has a place for keys only. So when the server forks to rewrite it, the policies are
//! sent to the increment that has just been opened behind it: whatever the rewritten part begins
//! with, they follow. A file that begins as an RDB has them already, and they do no harm there.
//!
//! They are sent a moment after the fork, before the server looks whether what it forked has ended: a
//! command that changes something is propagated itself, and the one that made the server fork, such
//! as `CONFIG SET appendonly yes`, must not be.

use rl_core::time::Span;

use super::{COMMAND, with, words};
use crate::sys::context::{Context, Readers};
use crate::sys::events::server_info;
use crate::sys::timer;

/// How long to wait before asking again whether the AOF may be written to.
const AGAIN: Span = Span::from_ms(10);

/// Hears that the server forked, and has opened the increment if it was for this.
pub(super) fn forked(context: Context<'_>) {
    if server_info(context, c"persistence", [c"aof_rewrite_in_progress"]) == [Some(1)] {
        timer::after(context, Span::from_ms(0), (), send);
    }
}

fn send(context: Context<'_>, (): ()) {
    if !context.may_replicate() {
        timer::after(context, AGAIN, (), send);
        return;
    }
    let all: Vec<_> = with(|policies| policies.iter().map(|(_, shape)| words(shape)).collect());
    for words in all {
        context.replicate_words(COMMAND, &words, Readers::AofAlone);
    }
}
