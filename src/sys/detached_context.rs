//! A context that lives as long as the module, to set timers with.

use std::marker::PhantomData;
use std::ptr::NonNull;

use redis_module::raw;

use super::api::api;
use super::context::Context;
use super::main_thread::MainThread;

/// A context that belongs to no callback. Nobody would hear of changes made in it, so it can only set timers.
pub(crate) struct DetachedContext(NonNull<raw::RedisModuleCtx>);

// SAFETY: the pointer is used in `timers` only, which asks for proof that it runs on the main thread.
unsafe impl Send for DetachedContext {}
// SAFETY: as above.
unsafe impl Sync for DetachedContext {}

/// A context, as far as timers need one.
#[derive(Clone, Copy)]
pub(crate) struct Timers<'a> {
    context: *mut raw::RedisModuleCtx,
    life: PhantomData<&'a ()>,
}

impl DetachedContext {
    /// Makes one. It is never freed.
    pub(crate) fn new(context: &Context<'_>) -> Option<Self> {
        // SAFETY: the context is live (rule 2 of `sys`).
        let detached = unsafe { api!(RedisModule_GetDetachedThreadSafeContext(context.as_ptr())) };
        NonNull::new(detached).map(Self)
    }

    pub(crate) const fn timers<'a>(&'a self, _: MainThread<'a>) -> Timers<'a> {
        Timers { context: self.0.as_ptr(), life: PhantomData }
    }
}

impl Context<'_> {
    pub(crate) const fn timers(&self) -> Timers<'_> {
        Timers { context: self.as_ptr(), life: PhantomData }
    }
}

impl Timers<'_> {
    pub(super) const fn as_ptr(self) -> *mut raw::RedisModuleCtx {
        self.context
    }
}
