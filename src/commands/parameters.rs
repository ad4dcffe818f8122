//! The parameters of a limit, as `RL.INFO` and `RL.POLICY GET` show them.

use std::ffi::c_long;

use rl_core::limit::algorithm::{Field, Fields};
use rl_core::limit::decimal_text::decimal_text;
use rl_core::limit::rule::Rule;
use rl_core::quota::shape::{Limit, Measure};

use super::len;
use crate::sys::reply::Reply;

/// Replies a map of the parameters of one rule.
pub(super) fn rule(reply: Reply<'_>, rule: &Rule) {
    let parameters = rule.fields();
    fields(reply.map(len(parameters.len())), &parameters);
}

/// Replies a map of one limit of a quota: its unit and algorithm, then the parameters of its rule.
pub(super) fn limit(reply: Reply<'_>, limit: &Limit) {
    measure(reply, limit, None);
}

/// Does the same with the limit's name in front.
pub(super) fn named_limit(reply: Reply<'_>, limit: &Limit) {
    measure(reply, limit, Some(limit.name.as_bytes()));
}

fn measure(reply: Reply<'_>, limit: &Limit, name: Option<&[u8]>) {
    let begin = |pairs: c_long| {
        reply.map(pairs.saturating_add(c_long::from(name.is_some())));
        if let Some(name) = name {
            reply.text(b"name").text(name);
        }
    };
    match &limit.measure {
        Measure::Rate(rule) => {
            let parameters = rule.fields();
            begin(len(parameters.len()).saturating_add(2));
            reply.text(b"unit").text(limit.unit.as_bytes());
            reply.text(b"algorithm").text(rule.algorithm().as_bytes());
            fields(reply, &parameters);
        }
        Measure::InFlight(most) => {
            begin(2);
            reply.text(b"algorithm").text(b"inflight").text(b"limit").count(*most);
        }
    }
}

fn fields(reply: Reply<'_>, fields: &Fields) {
    for (name, value) in fields {
        reply.text(name.as_bytes());
        match value {
            Field::Count(value) => reply.count(*value),
            Field::Signed(value) => reply.integer(*value),
            Field::Decimal(value) => reply.text(decimal_text(*value).as_bytes()),
            Field::Word(value) => reply.text(value.as_bytes()),
        };
    }
}
