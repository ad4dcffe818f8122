//! The policies of the operator's file, from when the module is loaded until the server runs.
//!
//! On a primary the file wins over the data files, once. What a command changes later stays changed, also when the server loads
//! its data anew. A replica has the policies of its primary.

use std::sync::Arc;

use rl_core::quota::shape::Shape;
use rl_core::time::Span;

use super::{store, words};
use crate::sys::context::Context;
use crate::sys::log::Level;
use crate::sys::main_thread::MainThreadCell;
use crate::sys::timer;

/// How long to wait before asking again whether replicas may be told.
const RETRY: Span = Span::from_ms(10);

/// A policy of the file.
struct FilePolicy {
    shape: Arc<Shape>,
    /// Whether replicas and the AOF have yet to be told. They know what the data files say.
    is_news: bool,
}

static FILE: MainThreadCell<Vec<FilePolicy>> = MainThreadCell::new(Vec::new());

/// Takes over the policies of the file, once nothing can refuse the load any more. Data files, if there are any, are loaded
/// after this. Nothing can be sent until then.
pub(crate) fn start(context: &mut Context<'_>, file: Vec<Arc<Shape>>) {
    if file.is_empty() {
        return;
    }
    let policies = file.into_iter().map(|shape| FilePolicy { shape, is_news: false }).collect();
    FILE.with(context.main_thread(), |known| *known = policies);
    overlay(context);
    timer::after(context.timers(), Span::from_ms(0), (), started);
}

/// Sets the policies of the file. They replace those of the same names.
pub(super) fn overlay(context: &Context<'_>) {
    if context.is_replica() {
        return;
    }
    let main_thread = context.main_thread();
    let mut left_out = false;
    FILE.with(main_thread, |file| {
        for policy in file {
            match store::set(main_thread, &policy.shape) {
                Ok(changed) => policy.is_news = changed,
                Err(_) => left_out = true,
            }
        }
    });
    if left_out {
        context.log(Level::Warning, c"redis-rl: too many policies, so some of the file's are not in force");
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
    for policy in file.iter().filter(|policy| policy.is_news && store::has(main_thread, &policy.shape)) {
        context.replicate_words(words::COMMAND, &words::set(&policy.shape));
    }
}
