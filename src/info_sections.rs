//! The sections of `INFO` that are this module's: `rl` and `rl_policies`.

use std::ffi::{CStr, CString};

use rl_core::parameter_sets;
use rl_core::quota::shape::shapes;

use crate::sys::info::{Info, Report, Section};
use crate::sys::main_thread::MainThread;
use crate::{metrics, policies, waiting};

/// The number of waiters in each lane.
const WAITING: [&CStr; 4] = [c"waiting_critical", c"waiting_high", c"waiting_normal", c"waiting_low"];

/// Writes both sections.
pub(crate) struct Sections;

impl Report for Sections {
    fn report(info: Info<'_>, main_thread: Option<MainThread<'_>>) {
        if let Some(section) = info.section(None) {
            counters(section);
        }
        // What is not atomic is left out of the report of a crash.
        if let Some(main_thread) = main_thread
            && let Some(section) = info.section(Some(c"policies"))
        {
            list_policies(section, main_thread);
        }
    }
}

fn counters(section: Section<'_>) {
    metrics::each(|name, value| section.number(name, value));
    let (waiting, flows) = waiting::counts().unwrap_or_default();
    for (name, count) in WAITING.iter().zip(waiting) {
        section.number(name, number(count));
    }
    section.number(c"flows", number(flows));
    section.number(c"longest_wait_ms", metrics::LONGEST_WAIT_MS.get());
    section.number(c"parameter_sets", number(parameter_sets()));
    section.number(c"quota_shapes", number(shapes()));
}

/// The number of policies, then a field for each: `rl_policy_0:name=api,limits=2` and so on. A policy's name is a value, not
/// part of the field's name, since it may contain a colon.
fn list_policies(section: Section<'_>, main_thread: MainThread<'_>) {
    policies::with(main_thread, |policies| {
        section.number(c"policies", number(policies.len()));
        section.number(c"overrides", number(policies.overrides_len()));
        section.number(c"overrides_bytes", number(policies.overrides_bytes()));
        for (index, (name, shape)) in policies.iter().enumerate() {
            let Ok(field) = CString::new(format!("policy_{index}")) else { continue };
            let Ok(name) = CString::new(name.as_bytes()) else { continue };
            section.parts(&field, (c"name", &name), (c"limits", number(shape.limits().len())));
        }
    });
}

fn number(value: usize) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}
