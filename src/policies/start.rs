//! The policies of the operator's file, from when the module is loaded until the server runs.
//!
//! On a primary the file wins over the data files, once. What a command changes later stays changed, also when the server loads
//! its data anew. A replica has the policies of its primary.

use rl_core::quota::policy_entry::PolicyEntry;
use rl_core::time::Span;

use super::store;
use super::words::COMMAND;
use crate::sys::context::Context;
use crate::sys::log::Level;
use crate::sys::main_thread::MainThreadCell;
use crate::sys::timer;

/// How long to wait before asking again whether replicas may be told.
const RETRY: Span = Span::from_ms(10);

/// A policy or an override of the file.
struct FileEntry {
    entry: PolicyEntry,
    /// Whether replicas and the AOF have yet to be told. They know what the data files say.
    is_news: bool,
}

static FILE: MainThreadCell<Vec<FileEntry>> = MainThreadCell::new(Vec::new());

/// Takes over the policies of the file, once nothing can refuse the load any more. Data files, if there are any, are loaded
/// after this. Nothing can be sent until then.
pub(crate) fn start(context: &mut Context<'_>, file: Vec<PolicyEntry>) {
    if file.is_empty() {
        return;
    }
    let policies = file.into_iter().map(|entry| FileEntry { entry, is_news: false }).collect();
    FILE.with(context.main_thread(), |known| *known = policies);
    overlay(context);
    timer::after(context.timers(), Span::from_ms(0), (), started);
}

/// Sets the policies and overrides of the file. They replace those of the same names and keys.
pub(super) fn overlay(context: &Context<'_>) {
    if context.is_replica() {
        return;
    }
    let main_thread = context.main_thread();
    let mut left_out = false;
    FILE.with(main_thread, |file| {
        for one in file {
            match store::set(main_thread, &one.entry) {
                Ok(changed) => one.is_news = changed,
                Err(_) => left_out = true,
            }
        }
    });
    if left_out {
        context.log(
            Level::Warning,
            c"redis-rl: too many policies or overrides, so some of the file's are not in force",
        );
    }
}

/// Tells replicas and the AOF of the file's policies, and forgets the file. A policy that a client has changed meanwhile is no
/// news any more.
fn started(context: &mut Context<'_>, (): ()) {
    if !context.may_replicate() {
        timer::after(context.timers(), RETRY, (), started);
        return;
    }
    let main_thread = context.main_thread();
    let file = FILE.with(main_thread, std::mem::take).unwrap_or_default();
    if context.is_replica() {
        return;
    }
    for one in file.iter().filter(|one| one.is_news && store::has(main_thread, &one.entry)) {
        context.replicate_words(COMMAND, &one.entry.words());
    }
}
