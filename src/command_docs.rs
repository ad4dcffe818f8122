//! What `COMMAND DOCS` and `COMMAND INFO` say of each command: docs/commands.md as constants.
//!
//! Over 300 lines: it is one table, the documentation of all commands.

pub(crate) mod policy;

use std::ffi::CStr;

use redis_module::raw::{
    REDISMODULE_CMD_KEY_ACCESS as ACCESS, REDISMODULE_CMD_KEY_RO as RO, REDISMODULE_CMD_KEY_RW as RW,
    REDISMODULE_CMD_KEY_UPDATE as UPDATE,
};

use crate::sys::command_docs::{Arg, Docs, Keys, Kind};

const SINCE: &CStr = c"0.1.0";
const CONSTANT: &CStr = c"O(1)";
const COST: Arg = optional(c"cost", Kind::Integer, Some(c"COST"));

const fn required(name: &'static CStr, kind: Kind) -> Arg {
    Arg { name, kind, token: None, optional: false, multiple: false }
}

const fn optional(name: &'static CStr, kind: Kind, token: Option<&'static CStr>) -> Arg {
    Arg { name, kind, token, optional: true, multiple: false }
}

/// With a keyword before it, as often as wanted.
const fn each(name: &'static CStr, token: &'static CStr, parts: &'static [Arg]) -> Arg {
    Arg { name, kind: Kind::Block(parts), token: Some(token), optional: false, multiple: true }
}

const fn token(name: &'static CStr, token: &'static CStr) -> Arg {
    Arg { name, kind: Kind::Token, token: Some(token), optional: false, multiple: false }
}

const fn after(name: &'static CStr, kind: Kind, token: &'static CStr) -> Arg {
    Arg { name, kind, token: Some(token), optional: false, multiple: false }
}

/// `COST unit n`, as often as wanted.
const COSTS: Arg = Arg {
    optional: true,
    ..each(c"cost", c"COST", &[required(c"unit", Kind::String), required(c"n", Kind::Integer)])
};

/// `COST n`, the cost of one request, or `COST unit n`, as often as wanted.
const COST_OR_COSTS: Arg = Arg {
    name: c"cost",
    kind: Kind::OneOf(&[
        required(c"n", Kind::Integer),
        required(
            c"cost-of-unit",
            Kind::Block(&[required(c"unit", Kind::String), required(c"n", Kind::Integer)]),
        ),
    ]),
    ..COSTS
};

/// `UPTO`
const UP_TO: Arg = Arg { optional: true, ..token(c"upto", c"UPTO") };

/// `ttl [ID id]`
const TTL: &[Arg] = &[required(c"ttl", Kind::String), optional(c"id", Kind::String, Some(c"ID"))];

/// `RESERVE ttl [ID id]`
const RESERVE: Arg = after(c"reserve", Kind::Block(TTL), c"RESERVE");

/// `LEASE ttl [ID id]`
const LEASE: Arg = after(c"lease", Kind::Block(TTL), c"LEASE");

/// `RESERVE … | LEASE …`
const KEEP: Arg = optional(c"keep", Kind::OneOf(&[RESERVE, LEASE]), None);

/// `RESERVE … | [UPTO] LEASE …`
const KEEP_OR_UP_TO: Arg =
    optional(c"keep", Kind::OneOf(&[RESERVE, required(c"leased", Kind::Block(&[UP_TO, LEASE]))]), None);

/// `WAIT duration [PRIORITY lane] [FLOW id [WEIGHT w]]`
const WAIT: Arg = optional(
    c"wait",
    Kind::Block(&[
        required(c"duration", Kind::String),
        optional(c"lane", Kind::String, Some(c"PRIORITY")),
        optional(
            c"flow",
            Kind::Block(&[
                required(c"id", Kind::String),
                optional(c"weight", Kind::Integer, Some(c"WEIGHT")),
            ]),
            Some(c"FLOW"),
        ),
    ]),
    Some(c"WAIT"),
);

/// `REPLY SHORT`
const REPLY: Arg =
    Arg { optional: true, ..after(c"reply", Kind::Block(&[token(c"short", c"SHORT")]), c"REPLY") };

/// `LIMIT name limit window …`, as often as wanted.
pub(crate) const LIMITS: Arg = each(
    c"limit",
    c"LIMIT",
    &[
        required(c"name", Kind::String),
        required(c"limit", Kind::Integer),
        required(
            c"measure",
            Kind::OneOf(&[
                token(c"inflight", c"INFLIGHT"),
                required(
                    c"rate",
                    Kind::Block(&[
                        required(c"window", Kind::String),
                        optional(c"unit", Kind::String, Some(c"UNIT")),
                        optional(
                            c"algorithm",
                            Kind::OneOf(&[
                                token(c"slide", c"SLIDE"),
                                required(
                                    c"fixed",
                                    Kind::Block(&[
                                        token(c"window", c"WINDOW"),
                                        optional(c"offset", Kind::String, Some(c"OFFSET")),
                                    ]),
                                ),
                                after(c"capacity", Kind::Integer, c"BUCKET"),
                            ]),
                            None,
                        ),
                    ]),
                ),
            ]),
        ),
        Arg { optional: true, ..token(c"shadow", c"SHADOW") },
    ],
);

pub(crate) const QUOTA: Docs = Docs {
    summary: c"Admits a request if all of a key's limits admit it, and charges all of them or none.",
    complexity:
        c"O(N) for N limits, each as RL.SLIDE, RL.WINDOW or RL.BUCKET; O(log(M)) for a reservation among M",
    since: SINCE,
    arity: -4,
    keys: Keys::First,
    key: RW | ACCESS | UPDATE,
    args: &[
        required(c"limits", Kind::OneOf(&[LIMITS, after(c"policy", Kind::String, c"POLICY")])),
        COSTS,
        KEEP_OR_UP_TO,
        WAIT,
        REPLY,
    ],
};

/// What follows the keys of `RL.MQUOTA` and `RL.FIRST`.
const MANY: &[Arg] = &[
    after(
        c"policies",
        Kind::Block(&[Arg { multiple: true, ..required(c"policy", Kind::String) }]),
        c"POLICY",
    ),
    COSTS,
    KEEP,
    WAIT,
    REPLY,
];

pub(crate) const MQUOTA: Docs = Docs {
    summary: c"Admits a request if the policies of all keys admit it, and charges all of them or none.",
    complexity: c"O(N) for N limits of all keys together, as RL.QUOTA",
    since: SINCE,
    arity: -5,
    keys: Keys::Counted,
    key: RW | ACCESS | UPDATE,
    args: MANY,
};

pub(crate) const FIRST: Docs = Docs {
    summary: c"Admits a request at the first key, in the order given, whose policy admits it.",
    complexity: c"O(N) for N limits of all keys together, as RL.QUOTA",
    since: SINCE,
    arity: -5,
    keys: Keys::Counted,
    key: RW | ACCESS | UPDATE,
    args: MANY,
};

pub(crate) const SETTLE: Docs = Docs {
    summary: c"Charges what was really used in place of what was reserved.",
    complexity: c"O(log(M)) for M reservations; O(N) for a sliding window with N past requests",
    since: SINCE,
    arity: -3,
    keys: Keys::First,
    key: RW | ACCESS | UPDATE,
    args: &[required(c"id", Kind::String), COSTS],
};

pub(crate) const CANCEL: Docs = Docs {
    summary: c"Gives everything back that was reserved.",
    complexity: SETTLE.complexity,
    since: SINCE,
    arity: 3,
    keys: Keys::First,
    key: RW | ACCESS | UPDATE,
    args: &[required(c"id", Kind::String)],
};

pub(crate) const RENEW: Docs = Docs {
    summary: c"Holds a reservation for longer.",
    complexity: c"O(log(M)) for M reservations",
    since: SINCE,
    arity: 4,
    keys: Keys::First,
    key: RW | ACCESS | UPDATE,
    args: &[required(c"id", Kind::String), required(c"ttl", Kind::String)],
};

pub(crate) const SLIDE: Docs = Docs {
    summary: c"Admits a request if the cost admitted in the last window, with its own, is at most the limit.",
    complexity:
        c"O(1) amortized; O(N) for a denied cost that N past requests must age out for, N at most 15,000",
    since: SINCE,
    arity: -4,
    keys: Keys::First,
    key: RW | ACCESS | UPDATE,
    args: &[required(c"limit", Kind::Integer), required(c"window", Kind::String), COST, UP_TO, WAIT],
};

pub(crate) const WINDOW: Docs = Docs {
    summary: c"Admits a request if the cost admitted in this window of the clock, with its own, is at most the limit.",
    complexity: CONSTANT,
    since: SINCE,
    arity: -4,
    keys: Keys::First,
    key: RW | ACCESS | UPDATE,
    args: &[
        required(c"limit", Kind::Integer),
        required(c"window", Kind::String),
        optional(c"offset", Kind::String, Some(c"OFFSET")),
        COST,
        UP_TO,
        WAIT,
    ],
};

pub(crate) const BUCKET: Docs = Docs {
    summary: c"Admits a request if a bucket that refills continuously holds as many tokens as it costs.",
    complexity: CONSTANT,
    since: SINCE,
    arity: -4,
    keys: Keys::First,
    key: RW | ACCESS | UPDATE,
    args: &[
        required(c"capacity", Kind::Integer),
        required(c"refill", Kind::Double),
        optional(c"period", Kind::String, None),
        COST,
        UP_TO,
        WAIT,
    ],
};

pub(crate) const THROTTLE: Docs = Docs {
    summary: c"Admits an action if a bucket holds as many tokens as it takes, with the arguments and reply of redis-cell.",
    complexity: CONSTANT,
    since: SINCE,
    arity: -5,
    keys: Keys::First,
    key: RW | ACCESS | UPDATE,
    args: &[
        required(c"max_burst", Kind::Integer),
        required(c"count_per_period", Kind::Integer),
        required(c"period", Kind::Integer),
        optional(c"quantity", Kind::Integer, None),
    ],
};

pub(crate) const PEEK: Docs = Docs {
    summary: c"Tells whether a request would be admitted now, and when, without making it.",
    complexity: c"O(1) amortized; O(N) for a cost that N past requests of a sliding window must age out for",
    since: SINCE,
    arity: -2,
    keys: Keys::First,
    key: RO | ACCESS,
    args: &[COST_OR_COSTS],
};

pub(crate) const REFUND: Docs = Docs {
    summary: c"Gives back cost that was admitted and not used, and returns what remains.",
    complexity: c"O(1); O(N) for a sliding window, N the past requests that it takes back",
    since: SINCE,
    arity: 3,
    keys: Keys::First,
    key: RW | ACCESS | UPDATE,
    args: &[required(c"n", Kind::Integer)],
};

pub(crate) const HOLD: Docs = Docs {
    summary: c"Admits nobody for a while, and returns how many milliseconds the hold lasts.",
    complexity: c"O(N) for N named limits",
    since: SINCE,
    arity: -3,
    keys: Keys::First,
    key: RW | ACCESS | UPDATE,
    args: &[
        required(c"duration", Kind::String),
        Arg { optional: true, ..each(c"limit", c"LIMIT", &[required(c"name", Kind::String)]) },
    ],
};

/// `REMAINING n [OF limit] [RESET duration]`
const LEFT: [Arg; 3] = [
    after(c"remaining", Kind::Integer, c"REMAINING"),
    optional(c"of", Kind::Integer, Some(c"OF")),
    optional(c"reset", Kind::String, Some(c"RESET")),
];

pub(crate) const SYNC: Docs = Docs {
    summary: c"Takes over how much a provider says is left, and returns how much is used elsewhere.",
    complexity: c"O(N) for N named limits",
    since: SINCE,
    arity: -4,
    keys: Keys::First,
    key: RW | ACCESS | UPDATE,
    args: &[
        required(
            c"left",
            Kind::OneOf(&[
                required(c"one-limit", Kind::Block(&LEFT)),
                each(c"limit", c"LIMIT", &[required(c"name", Kind::String), LEFT[0], LEFT[1], LEFT[2]]),
            ]),
        ),
        optional(c"age", Kind::String, Some(c"AGE")),
    ],
};

pub(crate) const INFO: Docs = Docs {
    summary: c"Returns what a rate limit key holds: algorithm, parameters, used, remaining, memory.",
    complexity: CONSTANT,
    since: SINCE,
    arity: 2,
    keys: Keys::First,
    key: RO | ACCESS,
    args: &[],
};

pub(crate) const TOP: Docs = Docs {
    summary:
        c"Returns the keys that were denied, admitted or held most often, or the flows with most waiters.",
    complexity:
        c"O(N*log(N)), where N is the number of keys that are counted, at most 1024, or O(F) for F flows",
    since: SINCE,
    arity: -1,
    keys: Keys::None,
    key: 0,
    args: &[Arg {
        optional: true,
        ..required(
            c"what",
            Kind::OneOf(&[
                token(c"reset", c"RESET"),
                required(
                    c"list",
                    Kind::Block(&[
                        Arg {
                            optional: true,
                            ..required(
                                c"outcome",
                                Kind::OneOf(&[
                                    token(c"denied", c"DENIED"),
                                    token(c"admitted", c"ADMITTED"),
                                    token(c"held", c"HELD"),
                                    token(c"flows", c"FLOWS"),
                                ]),
                            )
                        },
                        optional(c"n", Kind::Integer, Some(c"COUNT")),
                    ]),
                ),
            ]),
        )
    }],
};

pub(crate) const APPLY: Docs = Docs {
    summary: c"An internal command that carries decided changes to replicas and files.",
    complexity: CONSTANT,
    since: SINCE,
    arity: -3,
    keys: Keys::First,
    key: RW | UPDATE,
    args: &[required(
        c"change",
        Kind::OneOf(&[
            required(c"effect", Kind::String),
            after(c"bytes-of-change", Kind::String, c"quota"),
            after(c"bytes-of-state", Kind::String, c"state"),
        ]),
    )],
};
