//! The server as the engine sees it: one command or callback at one instant.

use std::sync::Arc;

use rl_core::effect::Effect;
use rl_core::engine::Host;
use rl_core::engine::host::MadeId;
use rl_core::fault::{Fault, Result};
use rl_core::limit::decision::Decision;
use rl_core::queue::{Ahead, Lane};
use rl_core::quota::effect::{Admission, QuotaEffect};
use rl_core::quota::limit::{Measure, PerLimit};
use rl_core::quota::shape::Shape;
use rl_core::time::{At, Span};
use rl_core::value::Value;

use crate::sys::args::Arg;
use crate::sys::context::Context;
use crate::sys::key::WriteKey;
use crate::sys::random::hex;
use crate::{effects, keyspace_events, policies, settings, waiting};

/// The server during one command.
pub(crate) struct Server<'a> {
    context: Context<'a>,
    /// Read once, so that all steps of a command see one instant.
    clock: At,
    /// What each limit of a quota was charged, by key, if subscribers may be told.
    charges: Vec<(Arg<'a>, PerLimit<u64>)>,
}

impl<'a> Server<'a> {
    #[inline]
    pub(crate) fn new(context: &'a mut Context<'_>) -> Self {
        let clock = context.now();
        Self { context: context.reborrow(), clock, charges: Vec::new() }
    }

    pub(crate) fn context(&self) -> &Context<'a> {
        &self.context
    }

    pub(crate) const fn context_mut(&mut self) -> &mut Context<'a> {
        &mut self.context
    }

    /// Whether what a quota was charged brought one of its limits near its end. `rows` are its limits after that.
    pub(crate) fn reaches_near(&self, name: Arg<'_>, rows: &[Decision]) -> bool {
        let charged = self.charges.iter().find(|(charged, _)| charged.bytes() == name.bytes());
        charged.is_some_and(|(_, taken)| {
            let mut limits = rows.iter().zip(taken);
            limits.any(|(row, taken)| keyspace_events::reaches_near(row.limit, row.remaining, *taken))
        })
    }

    /// Notes what each limit of a quota was charged, for [`Self::reaches_near`].
    #[cold]
    fn keep_charge(&mut self, name: Arg<'a>, admission: &Admission<'_>) {
        let slot = u64::from(admission.reserved.is_some());
        let limits = admission.shape.limits().iter().zip(&admission.costs);
        let taken = limits.map(|(limit, cost)| match limit.measure {
            Measure::Rate(_) => *cost,
            Measure::InFlight(_) => slot,
        });
        self.charges.push((name, taken.collect()));
    }
}

impl<'a> Host for Server<'a> {
    type Name = Arg<'a>;
    type Key = WriteKey<'a, Value>;
    type Error = Fault;

    fn clock(&self) -> At {
        self.clock
    }

    fn max_window(&self) -> Span {
        settings::max_window()
    }

    #[inline(always)]
    fn open(&mut self, name: Arg<'a>) -> WriteKey<'a, Value> {
        self.context.open_write(name)
    }

    #[inline]
    fn refresh(&mut self, key: &mut WriteKey<'a, Value>) {
        key.refresh(&mut self.context);
    }

    #[inline]
    fn value<'k>(&'k self, key: &'k WriteKey<'a, Value>) -> Result<Option<&'k Value>> {
        key.value(&self.context)
    }

    fn read<T>(&mut self, name: Arg<'a>, look: impl FnOnce(&Self, Option<&Value>) -> T) -> Result<T> {
        let key = self.context.open_read(name);
        Ok(look(self, key.value(&self.context)?))
    }

    #[inline(always)] // as `effects::apply`
    fn commit(&mut self, name: Arg<'a>, key: &mut WriteKey<'a, Value>, effect: &Effect<'_>) -> Result<()> {
        effects::apply(&mut self.context, key, name, effect)?;
        effects::replicate(&mut self.context, name, effect);
        if keyspace_events::any()
            && let Effect::Quota(QuotaEffect::Admit(admission)) = effect
        {
            self.keep_charge(name, admission);
        }
        Ok(())
    }

    fn policy(&self, policy: &[u8], name: Arg<'a>) -> Option<Arc<Shape>> {
        policies::in_force(self.context.main_thread(), policy, name)
    }

    fn make_id(&mut self) -> Result<MadeId> {
        Ok(hex(self.context.main_thread()))
    }

    #[inline]
    fn has_waiters(&self) -> bool {
        waiting::any()
    }

    fn may_wait(&self) -> bool {
        self.context.may_block().is_some()
    }

    fn line<T>(
        &self,
        name: Arg<'a>,
        lane: Lane,
        look: impl FnOnce(&mut dyn Iterator<Item = Ahead<'_>>) -> T,
    ) -> Option<T> {
        waiting::line_of(&self.context, name, lane, look)
    }

    fn mark(&mut self, name: Arg<'a>) {
        waiting::changed(&self.context, name);
    }
}
