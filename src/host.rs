//! The server as the engine sees it: one command or callback at one instant.

use std::sync::Arc;

use rl_core::effect::Effect;
use rl_core::engine::Host;
use rl_core::engine::host::MadeId;
use rl_core::fault::{Fault, Result};
use rl_core::queue::{Ahead, Lane};
use rl_core::quota::shape::Shape;
use rl_core::time::{At, Span};
use rl_core::value::Value;

use crate::sys::context::{Arg, Context};
use crate::sys::key::{Key, Mode};
use crate::sys::random::hex;
use crate::{effects, policies, settings, waiting};

/// The server during one command.
#[derive(Clone, Copy)]
pub(crate) struct Server<'a> {
    context: Context<'a>,
    /// Read once, so that all steps of a command see one instant.
    clock: At,
}

impl<'a> Server<'a> {
    pub(crate) fn new(context: Context<'a>) -> Self {
        Self { context, clock: context.now() }
    }

    pub(crate) fn context(&self) -> Context<'a> {
        self.context
    }
}

impl<'a> Host for Server<'a> {
    type Name = Arg<'a>;
    type Key = Key<'a, Value>;
    type Error = Fault;

    fn clock(&self) -> At {
        self.clock
    }

    fn max_window(&self) -> Span {
        settings::max_window()
    }

    #[inline]
    fn open(&mut self, name: Arg<'a>) -> Key<'a, Value> {
        Key::open(self.context, name, Mode::Write)
    }

    #[inline]
    fn value<'k>(&'k self, key: &'k Key<'a, Value>) -> Result<Option<&'k Value>> {
        key.get()
    }

    fn read<T>(&self, name: Arg<'a>, look: impl FnOnce(&Self, Option<&Value>) -> T) -> Result<T> {
        let key = Key::open(self.context, name, Mode::Read);
        Ok(look(self, key.get()?))
    }

    #[inline(always)] // as `effects::apply`
    fn commit(&mut self, name: Arg<'a>, key: &mut Key<'a, Value>, effect: &Effect<'_>) -> Result<()> {
        effects::apply(self.context, key, name, effect)?;
        effects::replicate(self.context, name, effect);
        Ok(())
    }

    fn policy(&self, name: &[u8]) -> Option<Arc<Shape>> {
        policies::get(name)
    }

    fn make_id(&mut self) -> Result<MadeId> {
        Ok(hex())
    }

    #[inline]
    fn has_waiters(&self) -> bool {
        waiting::any()
    }

    fn may_wait(&self) -> bool {
        self.context.may_block().is_some()
    }

    fn ahead<T>(
        &self,
        name: Arg<'a>,
        lane: Lane,
        look: impl FnOnce(&mut dyn Iterator<Item = Ahead<'_>>) -> T,
    ) -> Option<T> {
        waiting::ahead(self.context, name, lane, look)
    }

    fn mark(&mut self, name: Arg<'a>) {
        waiting::changed(self.context, name);
    }
}
