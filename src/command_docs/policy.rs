//! What the server says of `RL.POLICY` and its subcommands.

use std::ffi::{CStr, c_int};

use super::{CONSTANT, LIMITS, SINCE, optional, required, token};
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
    c"Keeps limits under a name, in place of those that it had.",
    c"O(N^2) for N limits, at most 16; O(log(M)) for M policies",
    -7,
    &[NAME, LIMITS],
);

/// `AS COMMAND`
const FORM: Arg = optional(c"form", Kind::OneOf(&[token(c"command", c"COMMAND")]), Some(c"AS"));

pub(crate) const GET: Docs = docs(
    c"Returns the limits under a name, or the command that sets them.",
    c"O(N) for N limits; O(log(M)) for M policies",
    -3,
    &[NAME, FORM],
);

pub(crate) const DEL: Docs = docs(c"Forgets a name and its limits.", c"O(log(M)) for M policies", 3, &[NAME]);

pub(crate) const LOAD: Docs = docs(
    c"Reads the operator's file of policies again, and sets all of its policies or none.",
    c"O(N*log(M)) for N policies in the file and M policies",
    2,
    &[],
);

pub(crate) const LIST: Docs = docs(c"Returns the names of all policies.", c"O(M) for M policies", 2, &[]);

pub(crate) const HELP: Docs = docs(c"Returns helpful text about the subcommands.", CONSTANT, 2, &[]);
