//! Helpers for effects as bytes, and for the text that versions up to 0.1 wrote for the effects of one limit.

use rl_core::effect::Effect;
use rl_core::fault::{Fault, Result};
use rl_core::limit::decimal_text::decimal_text;
use rl_core::limit::effect::LimitEffect;
use rl_core::limit::rule::Rule;
use rl_core::limit::window::Length;
use rl_core::quota::effect::QuotaEffect;
use rl_core::value::Value;

/// Encodes an effect.
pub(crate) fn encoded(effect: &Effect<'_>) -> Vec<u8> {
    effect.encode(<[u8]>::to_vec)
}

/// Encodes the effect of a quota.
pub(crate) fn encoded_quota(effect: &QuotaEffect<'_>) -> Vec<u8> {
    encoded(&Effect::Quota(effect.clone()))
}

/// Decodes the effect of one limit.
pub(crate) fn decoded_limit(bytes: &[u8]) -> Result<LimitEffect> {
    limit(Effect::decode(bytes, None)?)
}

/// Decodes the text of the effect of one limit.
pub(crate) fn read_text(text: &[u8]) -> Result<LimitEffect> {
    limit(Effect::decode_text(text)?)
}

/// Decodes the effect of a quota for a key that holds `held`.
pub(crate) fn decoded_quota<'a>(bytes: &'a [u8], held: Option<&Value>) -> Result<QuotaEffect<'a>> {
    match Effect::decode(bytes, held)? {
        Effect::Quota(effect) => Ok(effect),
        Effect::Limit(_) | Effect::Told(_) => Err(Fault::Effect),
    }
}

/// Returns whether `effect` was read. `==` cannot compare two effects with different lifetimes.
pub(crate) fn is(read: Result<Effect<'_>>, effect: &Effect<'_>) -> bool {
    read.is_ok_and(|read| format!("{read:?}") == format!("{effect:?}"))
}

fn limit(effect: Effect<'_>) -> Result<LimitEffect> {
    match effect {
        Effect::Limit(effect) => Ok(effect),
        Effect::Quota(_) | Effect::Told(_) => Err(Fault::Effect),
    }
}

/// Writes the old text of an effect. Returns `None` for a newer algorithm or a limit of 0, whose effects never were text.
pub(crate) fn old_text(effect: &LimitEffect) -> Option<String> {
    let (rule, at, cost) = match effect {
        LimitEffect::Admit { rule, at, cost } => (rule, at.ms(), cost),
        LimitEffect::Refund { at, cost } => return Some(format!("refund {} {cost}", at.ms())),
    };
    if rule.quota() == 0 {
        return None;
    }
    Some(if let Rule::Slide(rule) = rule {
        format!("slide {at} {cost} {} {}", rule.limit, rule.window.ms())
    } else if let Rule::Window(rule) = rule {
        let length = match rule.length {
            Length::Span(span) => span.ms().to_string(),
            Length::Month => "1mo".to_owned(),
        };
        format!("window {at} {cost} {} {length} {}", rule.limit, rule.offset)
    } else if let Rule::Bucket(rule) = rule {
        let refill = decimal_text(rule.refill());
        format!("bucket {at} {cost} {} {refill} {}", rule.capacity(), rule.period().ms())
    } else {
        return None;
    })
}
