//! The parameters of a limit, as `RL.INFO` and `RL.POLICY GET` show them.

use rl_core::limit::algorithm::{Field, Fields};
use rl_core::limit::decimal_text::decimal_text;
use rl_core::limit::rule::Rule;
use rl_core::quota::shape::{Limit, Measure};

use crate::sys::reply::{Map, Reply};

/// Replies a map of the parameters of one rule.
pub(super) fn rule(reply: Reply<'_>, rule: &Rule) {
    let parameters = rule.fields();
    fields(&mut reply.map(parameters.len()), &parameters);
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
    let begin = |pairs: usize| {
        let mut map = reply.map(pairs.saturating_add(usize::from(name.is_some())));
        if let Some(name) = name {
            map.text(b"name", name);
        }
        map
    };
    let shadow = usize::from(limit.is_shadow);
    let mut map = match &limit.measure {
        Measure::Rate(rule) => {
            let parameters = rule.fields();
            let mut map = begin(parameters.len().saturating_add(2).saturating_add(shadow));
            map.text(b"unit", limit.unit.as_bytes()).text(b"algorithm", rule.algorithm().as_bytes());
            fields(&mut map, &parameters);
            map
        }
        Measure::InFlight(most) => {
            let mut map = begin(2_usize.saturating_add(shadow));
            map.text(b"algorithm", b"inflight").count(b"limit", *most);
            map
        }
    };
    if limit.is_shadow {
        map.count(b"shadow", 1);
    }
}

fn fields(map: &mut Map<'_>, fields: &Fields) {
    for (name, value) in fields {
        map.field(name.as_bytes(), |place| match value {
            Field::Count(value) => place.count(*value),
            Field::Signed(value) => place.integer(*value),
            Field::Decimal(value) => place.text(decimal_text(*value).as_bytes()),
            Field::Word(value) => place.text(value.as_bytes()),
        });
    }
}
