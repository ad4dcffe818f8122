//! Units that have a cost in a request by policy, but that no limit of its policies counts.
//!
//! Such a cost is ignored, because operators change policies without their callers. But it may also be a mistake, so it is
//! counted, and logged once for each name. With limits that are spelled out it is an error, see [`rl_core::grammar::ask`].

use std::collections::BTreeSet;

use rl_core::quota::costs::Costs;
use rl_core::quota::name::Name;
use rl_core::quota::shape::Shape;

use crate::metrics;
use crate::sys::context::Context;
use crate::sys::log::{Level, printable};
use crate::sys::main_thread::MainThreadCell;

/// The largest number of units that are logged, so that callers cannot fill memory or the log.
const LOGGED_MAX: usize = 64;

/// The units that were logged.
static LOGGED: MainThreadCell<BTreeSet<Name>> = MainThreadCell::new(BTreeSet::new());

/// Counts the units of a request that none of its shapes counts.
pub(crate) fn count<'s>(
    context: &Context<'_>,
    costs: &Costs<'_>,
    shapes: impl Iterator<Item = &'s Shape> + Clone,
) {
    for unit in costs.uncounted(shapes) {
        metrics::UNITS_UNCOUNTED.count();
        log_once(context, unit);
    }
}

/// Logs a unit, unless it was logged before. A name needs no escaping.
#[cold]
fn log_once(context: &Context<'_>, unit: &[u8]) {
    let Some(name) = Name::new(unit) else { return };
    let is_new =
        LOGGED.with(context.main_thread(), |logged| logged.len() < LOGGED_MAX && logged.insert(name));
    if is_new.unwrap_or_default() {
        let line = [b"redis-rl: no limit of a policy counts the unit ", unit, b", so its COST is ignored"];
        context.log(Level::Warning, &printable(&line.concat()));
    }
}
