//! `LIMIT name limit window …`: one limit of a quota, spelled out.
//!
//! ```text
//! LIMIT name limit window [UNIT unit] [SLIDE | WINDOW [OFFSET duration] | BUCKET capacity] [SHADOW]
//! LIMIT name limit INFLIGHT [SHADOW]
//! ```
//! The words of each algorithm are its own: see [`Algorithm::OWN`](crate::limit::algorithm::Algorithm::OWN).

use super::words::{Words, is, next};
use crate::fault::{Fault, Result};
use crate::limit::Kind;
use crate::limit::algorithm::Parameter;
use crate::number;
use crate::quota::limit::{Draft, LIMITS_MAX, Measure, PerLimit, REQUESTS};

/// Reads the words after `LIMIT`, and moves `at` past them.
pub(super) fn draft<'a, W: Words + ?Sized>(
    words: &'a W,
    at: &mut usize,
    syntax: Fault,
    drafts: &mut PerLimit<Draft<'a>>,
) -> Result<()> {
    if drafts.len() == LIMITS_MAX {
        return Err(Fault::QuotaLimits);
    }
    let name = next(words, at, syntax)?;
    let limit = number::limit(next(words, at, syntax)?, Fault::Limit)?;
    let window = next(words, at, syntax)?;
    if window.eq_ignore_ascii_case(b"INFLIGHT") {
        let is_shadow = is(words, *at, b"SHADOW");
        *at = at.saturating_add(usize::from(is_shadow));
        drafts.push(Draft { name, unit: REQUESTS, measure: Measure::InFlight(limit), is_shadow });
        return Ok(());
    }
    let (mut unit, mut named, mut own, mut is_shadow) = (None, None, None, false);
    while let Some(keyword) = words.word(*at) {
        let mut after = at.saturating_add(1);
        if keyword.eq_ignore_ascii_case(b"UNIT") && unit.is_none() {
            unit = Some(next(words, &mut after, syntax)?);
        } else if keyword.eq_ignore_ascii_case(b"SHADOW") && !is_shadow {
            is_shadow = true;
        } else if let Some(option) = option(named).filter(|option| own.is_none() && option.is(keyword)) {
            own = Some((option.read)(next(words, &mut after, syntax)?)?);
        } else if let (None, Some(kind)) = (named, Kind::from_keyword(keyword)) {
            named = Some(kind);
            if let Some(required) = kind.own().filter(|own| own.is_required) {
                own = Some((required.read)(next(words, &mut after, syntax)?)?);
            }
        } else {
            break;
        }
        *at = after;
    }
    let rule = named.unwrap_or(Kind::Slide).from_clause(limit, window, own)?;
    let (unit, measure) = (unit.unwrap_or(REQUESTS), Measure::Rate(rule));
    drafts.push(Draft { name, unit, measure, is_shadow });
    Ok(())
}

/// Returns the option that may follow an algorithm that was named.
fn option(named: Option<Kind>) -> Option<Parameter> {
    named.and_then(Kind::own).filter(|own| !own.is_required)
}
