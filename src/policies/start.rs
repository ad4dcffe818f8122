//! The policies of the operator's file, from the moment the module is loaded until the server runs.
//!
//! On a primary the file wins over what its data files have, once: what is changed by command later
//! stays changed, also when the server loads its data anew. A replica has its primary's policies.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rl_core::quota::shape::Shape;
use rl_core::time::Span;

use super::{COMMAND, holds, set, with, words};
use crate::sys::context::{Context, Level};
use crate::sys::timer;

/// How long to wait before asking again whether replicas may be told.
const AGAIN: Span = Span::from_ms(10);

/// A policy of the file.
struct Policy {
    shape: Arc<Shape>,
    /// Whether replicas and the AOF have yet to hear of it: what the data files have is no news.
    news: bool,
}

static FILE: Mutex<Vec<Policy>> = Mutex::new(Vec::new());

fn lock() -> MutexGuard<'static, Vec<Policy>> {
    FILE.lock().unwrap_or_else(PoisonError::into_inner) // no panic leaves it half changed
}

/// Starts with the policies of the file, once nothing can refuse the load any more. Data files, if
/// there are any, are yet to be loaded; nothing can be sent until they are.
pub(crate) fn start(context: Context<'_>, file: Vec<Arc<Shape>>) {
    if file.is_empty() {
        return;
    }
    *lock() = file.into_iter().map(|shape| Policy { shape, news: false }).collect();
    overlay(context);
    timer::after(context, Span::from_ms(0), (), started);
}

/// Puts the file's policies in place of those of the same names.
pub(super) fn overlay(context: Context<'_>) {
    if context.is_replica() {
        return;
    }
    let mut left_out = false;
    for policy in lock().iter_mut() {
        match set(&policy.shape) {
            Ok(changed) => policy.news = changed,
            Err(_) => left_out = true,
        }
    }
    if left_out {
        context.log(Level::Warning, c"redis-rl: too many policies, so some of the file's are not in force");
    }
}

/// Tells replicas and the AOF, and is done with the file. A policy that a client has changed meanwhile
/// is news no more.
fn started(context: Context<'_>, (): ()) {
    if !context.may_replicate() {
        timer::after(context, AGAIN, (), started);
        return;
    }
    let file = std::mem::take(&mut *lock());
    if context.is_replica() {
        return;
    }
    let news = file.iter().filter(|policy| policy.news && with(|policies| holds(policies, &policy.shape)));
    for policy in news {
        context.replicate_words(COMMAND, &words(&policy.shape));
    }
}
