//! The parameters of a limit, as `RL.INFO` and `RL.POLICY GET` tell them.

use std::ffi::c_long;

use rl_core::limit::decimal_text::decimal_text;
use rl_core::limit::rule::Rule;
use rl_core::limit::window::Length;
use rl_core::quota::shape::{Limit, Measure};

use crate::sys::reply::Reply;

/// A map of the parameters of one limit.
pub(super) fn rule(reply: Reply<'_>, rule: &Rule) {
    reply.map(count(rule));
    fields(reply, rule);
}

/// A map of one limit of a quota: unit and algorithm, then the same parameters.
pub(super) fn limit(reply: Reply<'_>, limit: &Limit) {
    measure(reply.map(pairs(limit)), limit);
}

/// The same, with the limit's name in front.
pub(super) fn named_limit(reply: Reply<'_>, limit: &Limit) {
    let pairs = pairs(limit).saturating_add(1);
    measure(reply.map(pairs).text(b"name").text(limit.name.as_bytes()), limit);
}

fn measure(reply: Reply<'_>, limit: &Limit) {
    match &limit.measure {
        Measure::Rate(rule) => {
            reply.text(b"unit").text(limit.unit.as_bytes());
            reply.text(b"algorithm").text(rule.algorithm().as_bytes());
            fields(reply, rule);
        }
        Measure::InFlight(most) => {
            reply.text(b"algorithm").text(b"inflight").text(b"limit").count(*most);
        }
    }
}

const fn pairs(limit: &Limit) -> c_long {
    match &limit.measure {
        Measure::Rate(rule) => count(rule).saturating_add(2),
        Measure::InFlight(_) => 2,
    }
}

const fn count(rule: &Rule) -> c_long {
    match rule {
        Rule::Slide(_) => 2,
        Rule::Window(_) | Rule::Bucket(_) => 3,
    }
}

fn fields(reply: Reply<'_>, rule: &Rule) {
    match rule {
        Rule::Slide(rule) => {
            reply.text(b"limit").count(rule.limit).text(b"window_ms").count(rule.window.ms());
        }
        Rule::Window(rule) => {
            reply.text(b"limit").count(rule.limit).text(b"window_ms");
            match rule.length {
                Length::Span(span) => reply.count(span.ms()),
                Length::Month => reply.text(b"1mo"),
            };
            reply.text(b"offset_ms").integer(rule.offset);
        }
        Rule::Bucket(rule) => {
            reply.text(b"capacity").count(rule.capacity());
            reply.text(b"refill").text(decimal_text(rule.refill()).as_bytes());
            reply.text(b"period_ms").count(rule.period().ms());
        }
    }
}
