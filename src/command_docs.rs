//! What `COMMAND DOCS` and `COMMAND INFO` say of each command: docs/commands.md as constants.

use std::ffi::CStr;

use redis_module::raw::{
    REDISMODULE_CMD_KEY_ACCESS as ACCESS, REDISMODULE_CMD_KEY_RO as RO, REDISMODULE_CMD_KEY_RW as RW,
    REDISMODULE_CMD_KEY_UPDATE as UPDATE,
};

use crate::sys::command::{Arg, Docs, Kind};

const SINCE: &CStr = c"0.1.0";
const CONSTANT: &CStr = c"O(1)";
const COST: Arg = optional(c"cost", Kind::Integer, Some(c"COST"));

const fn required(name: &'static CStr, kind: Kind) -> Arg {
    Arg { name, kind, token: None, optional: false }
}

const fn optional(name: &'static CStr, kind: Kind, token: Option<&'static CStr>) -> Arg {
    Arg { name, kind, token, optional: true }
}

pub(crate) const SLIDE: Docs = Docs {
    summary: c"Admits a request if the cost admitted in the last window, with its own, is at most the limit.",
    complexity:
        c"O(1) amortized; O(N) for a denied cost that N past requests must age out for, N at most 15,000",
    since: SINCE,
    arity: -4,
    key: RW | ACCESS | UPDATE,
    args: &[required(c"limit", Kind::Integer), required(c"window", Kind::String), COST],
};

pub(crate) const WINDOW: Docs = Docs {
    summary: c"Admits a request if the cost admitted in this window of the clock, with its own, is at most the limit.",
    complexity: CONSTANT,
    since: SINCE,
    arity: -4,
    key: RW | ACCESS | UPDATE,
    args: &[
        required(c"limit", Kind::Integer),
        required(c"window", Kind::String),
        optional(c"offset", Kind::String, Some(c"OFFSET")),
        COST,
    ],
};

pub(crate) const BUCKET: Docs = Docs {
    summary: c"Admits a request if a bucket that refills continuously holds as many tokens as it costs.",
    complexity: CONSTANT,
    since: SINCE,
    arity: -4,
    key: RW | ACCESS | UPDATE,
    args: &[
        required(c"capacity", Kind::Integer),
        required(c"refill", Kind::Double),
        optional(c"period", Kind::String, None),
        COST,
    ],
};

pub(crate) const PEEK: Docs = Docs {
    summary: c"Tells whether a request would be admitted now, and when, without making it.",
    complexity: c"O(1) amortized; O(N) for a cost that N past requests of a sliding window must age out for",
    since: SINCE,
    arity: -2,
    key: RO | ACCESS,
    args: &[COST],
};

pub(crate) const REFUND: Docs = Docs {
    summary: c"Gives back cost that was admitted and not used, and returns what remains.",
    complexity: c"O(1); O(N) for a sliding window, N the past requests that it takes back",
    since: SINCE,
    arity: 3,
    key: RW | ACCESS | UPDATE,
    args: &[required(c"n", Kind::Integer)],
};

pub(crate) const INFO: Docs = Docs {
    summary: c"Returns what a rate limit key holds: algorithm, parameters, used, remaining, memory.",
    complexity: CONSTANT,
    since: SINCE,
    arity: 2,
    key: RO | ACCESS,
    args: &[],
};

pub(crate) const APPLY: Docs = Docs {
    summary: c"An internal command that carries decided changes to replicas and files.",
    complexity: CONSTANT,
    since: SINCE,
    arity: -3,
    key: RW | UPDATE,
    args: &[required(c"effect", Kind::String), optional(c"bytes", Kind::String, None)],
};
