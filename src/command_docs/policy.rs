//! What the server says of `RL.POLICY` and its subcommands.

use std::ffi::{CStr, c_int};

use super::{CONSTANT, LIMITS, SINCE, after, each, optional, required, token};
use crate::sys::command_docs::{Arg, Docs, Keys, Kind};

const NAME: Arg = required(c"name", Kind::String);

const fn docs(summary: &'static CStr, complexity: &'static CStr, arity: c_int, args: &'static [Arg]) -> Docs {
    Docs { summary, complexity, since: SINCE, arity, keys: Keys::None, key: 0, args }
}

pub(crate) const POLICY: Docs = docs(
    c"A container for commands about limits that the server keeps under a name.",
    c"Depends on subcommand.",
    -2,
    &[],
);

pub(crate) const SET: Docs = docs(
    c"Keeps limits under a name, and weights of flows, in place of those that it had.",
    c"O(N^2) for N limits, at most 16; O(F*log(F)) for F flows, at most 64; O(log(M)) for M policies",
    -7,
    &[NAME, LIMITS, FLOWS],
);

const KEY: Arg = required(c"key", Kind::String);

pub(crate) const OVERRIDE: Docs = docs(
    c"Gives one key limits of its own under a name, or takes them away.",
    c"O(N^2) for N limits, at most 16; O(log(M)+log(K)) for M policies and K overrides of the policy",
    -5,
    &[NAME, KEY, required(c"limits", Kind::OneOf(&[token(c"none", c"NONE"), LIMITS]))],
);

/// `FLOW id WEIGHT w`, for each flow
const FLOWS: Arg = Arg {
    optional: true,
    ..each(c"flow", c"FLOW", &[required(c"id", Kind::String), after(c"weight", Kind::Integer, c"WEIGHT")])
};

/// `AS COMMAND`
const FORM: Arg = optional(c"form", Kind::OneOf(&[token(c"command", c"COMMAND")]), Some(c"AS"));

pub(crate) const GET: Docs = docs(
    c"Returns the limits under a name, the command that sets them, or the weights of its flows.",
    c"O(N) for N limits or flows; O(log(M)) for M policies",
    -3,
    &[
        NAME,
        optional(
            c"form",
            Kind::OneOf(&[
                after(c"as", Kind::Block(&[token(c"command", c"COMMAND")]), c"AS"),
                token(c"flows", c"FLOWS"),
            ]),
            None,
        ),
    ],
);

pub(crate) const DEL: Docs = docs(
    c"Forgets a name, its limits and its overrides.",
    c"O(log(M)+K) for M policies and K overrides of the policy",
    3,
    &[NAME],
);

pub(crate) const LOAD: Docs = docs(
    c"Reads the operator's file of policies again, and sets all of its policies and overrides or none.",
    c"O(N*log(M)) for N policies and overrides in the file and M on the server",
    2,
    &[],
);

pub(crate) const LIST: Docs = docs(c"Returns the names of all policies.", c"O(M) for M policies", 2, &[]);

pub(crate) const OVERRIDES: Docs = docs(
    c"Returns the keys that have limits of their own under a name, or those limits.",
    c"O(K) for K overrides of the policy; with KEY O(N) for N limits, and O(log(M)+log(K)) for M policies",
    -3,
    &[NAME, optional(c"of-key", Kind::Block(&[KEY, FORM]), Some(c"KEY"))],
);

pub(crate) const HELP: Docs = docs(c"Returns helpful text about the subcommands.", CONSTANT, 2, &[]);
