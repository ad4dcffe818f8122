//! Every error that a client can get, with its fixed text.
//!
//! A text says what is wanted and never repeats what was sent. Client bytes in a reply can forge other
//! replies (CR LF), end a server (NUL) or leak data.

use core::ffi::CStr;

macro_rules! faults {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        /// The reason why a request is an error, with the text that its client gets.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Fault { $($(#[$doc])* $name,)* }

        impl Fault {
            /// All faults, for tests that compare the texts with the docs.
            pub const ALL: &'static [Fault] = &[$(Fault::$name,)*];

            /// Returns the error text that a client gets.
            #[must_use]
            pub const fn text(self) -> &'static CStr {
                match self { $(Fault::$name => $text,)* }
            }
        }
    };
}

faults! {
    /// `limit` is not an integer in range.
    Limit = c"ERR limit must be an integer from 0 to 9007199254740991";
    /// `capacity` is not an integer in range.
    Capacity = c"ERR capacity must be an integer from 0 to 9007199254740991";
    /// `COST` is not an integer in range.
    Cost = c"ERR cost must be an integer from 0 to 9007199254740991";
    /// The amount of a refund is not an integer in range.
    Refund = c"ERR refund must be an integer from 0 to 9007199254740991";
    /// The window of a sliding limit is not a duration in range.
    Window = c"ERR window must be a duration from 1ms to 3650d, such as 60, 250ms, 5m, 1h or 1d";
    /// The window of a fixed limit is neither a duration in range nor a month.
    WindowOrMonth = c"ERR window must be a duration from 1ms to 3650d, such as 60, 250ms, 5m, 1h or 1d, or 1mo";
    /// The offset of a fixed window is not a duration in range.
    Offset = c"ERR offset must be a duration from -3650d to 3650d, such as 8h or -30m";
    /// `refill` is not a positive decimal number that can be stored exactly.
    Refill = c"ERR refill must be a number above 0 and up to 9007199254740991, such as 500 or 8.33";
    /// `refill` has more decimals than its period allows.
    RefillDecimals = c"ERR refill has too many decimals for its period, write it as tokens per longer period, such as 500 60";
    /// `period` is not a duration in range.
    Period = c"ERR period must be a duration from 1ms to 3650d, such as 60, 250ms, 5m, 1h or 1d";
    /// `max_burst` of CL.THROTTLE is not an integer in range.
    MaxBurst = c"ERR max_burst must be an integer from 0 to 9007199254740990";
    /// `count_per_period` of CL.THROTTLE is not an integer in range.
    CountPerPeriod = c"ERR count_per_period must be an integer from 1 to 9007199254740991";
    /// `period` of CL.THROTTLE is not a number of seconds in range.
    PeriodSeconds = c"ERR period must be an integer of seconds from 1 to 315360000";
    /// `quantity` of CL.THROTTLE is not an integer in range.
    Quantity = c"ERR quantity must be an integer from 0 to 9007199254740991";
    /// The window or period is longer than `rl.max-window` allows.
    MaxWindow = c"ERR window or period is longer than rl.max-window allows";
    /// An argument of RL.SLIDE is not an option.
    SlideSyntax = c"ERR syntax error, expected RL.SLIDE key limit window [COST n] [UPTO] [WAIT duration [PRIORITY lane] [FLOW id [WEIGHT w]]]";
    /// An argument of RL.WINDOW is not an option.
    WindowSyntax = c"ERR syntax error, expected RL.WINDOW key limit window [OFFSET duration] [COST n] [UPTO] [WAIT duration [PRIORITY lane] [FLOW id [WEIGHT w]]]";
    /// An argument of RL.BUCKET is not an option.
    BucketSyntax = c"ERR syntax error, expected RL.BUCKET key capacity refill [period] [COST n] [UPTO] [WAIT duration [PRIORITY lane] [FLOW id [WEIGHT w]]]";
    /// An argument of RL.PEEK is not an option.
    PeekSyntax = c"ERR syntax error, expected RL.PEEK key [COST n] [COST unit n ...]";
    /// An argument of RL.QUOTA is neither a limit nor an option.
    QuotaSyntax = c"ERR syntax error, expected RL.QUOTA key POLICY name | LIMIT name limit window|INFLIGHT [UNIT unit] [SLIDE | WINDOW [OFFSET duration] | BUCKET capacity] [SHADOW] ... [COST unit n ...] [RESERVE ttl [ID id] | [UPTO] LEASE ttl [ID id]] [WAIT duration [PRIORITY lane] [FLOW id [WEIGHT w]]] [REPLY SHORT]";
    /// An argument of RL.FIRST is missing or unknown.
    FirstSyntax = c"ERR syntax error, expected RL.FIRST numkeys key ... POLICY name ... [COST unit n ...] [RESERVE ttl [ID id] | LEASE ttl [ID id]] [WAIT duration [PRIORITY lane] [FLOW id [WEIGHT w]]] [REPLY SHORT], with one policy for each key";
    /// An argument of RL.MQUOTA is missing or unknown.
    ManySyntax = c"ERR syntax error, expected RL.MQUOTA numkeys key ... POLICY name ... [COST unit n ...] [RESERVE ttl [ID id] | LEASE ttl [ID id]] [WAIT duration [PRIORITY lane] [FLOW id [WEIGHT w]]] [REPLY SHORT], with one policy for each key";
    /// An argument of RL.SETTLE is not a cost.
    SettleSyntax = c"ERR syntax error, expected RL.SETTLE key id [COST unit n ...]";
    /// An argument of RL.HOLD is not expected.
    HoldSyntax = c"ERR syntax error, expected RL.HOLD key duration [LIMIT name ...]";
    /// The duration of RL.HOLD is not in range.
    Hold = c"ERR hold must be a duration from 0 to 3650d, such as 30, 250ms or 5m, 0 lifts it";
    /// An argument of RL.SYNC is missing or unknown.
    SyncSyntax = c"ERR syntax error, expected RL.SYNC key REMAINING n [OF limit] [RESET duration] [AGE duration] | LIMIT name REMAINING n [OF limit] [RESET duration] ... [AGE duration]";
    /// `REMAINING` is not an integer in range.
    Remaining = c"ERR remaining must be an integer from -9007199254740991 to 9007199254740991";
    /// `RESET` is not a duration in range.
    Reset = c"ERR reset must be a duration from 0 to 3650d, such as 30, 250ms or 5m";
    /// `AGE` is not a duration in range.
    Age = c"ERR age must be a duration from 0 to 3650d, such as 2, 250ms or 5m";
    /// The quota has no limit of that name that could be told it.
    NoLimit = c"ERR no such limit, RL.INFO names those of the key";
    /// Too many limits are named.
    NamedLimits = c"ERR at most 16 limits may be named, and a key keeps 32 names";
    /// A limit is named twice.
    NamedTwice = c"ERR each limit may be named once only";
    /// An argument of RL.POLICY SET is neither a limit nor the weight of a flow.
    PolicySyntax = c"ERR syntax error, expected RL.POLICY SET name LIMIT name limit window|INFLIGHT [UNIT unit] [SLIDE | WINDOW [OFFSET duration] | BUCKET capacity] [SHADOW] ... [FLOW id WEIGHT w ...]";
    /// An argument of RL.POLICY OVERRIDE is not a limit.
    OverrideSyntax = c"ERR syntax error, expected RL.POLICY OVERRIDE name key NONE | LIMIT name limit window|INFLIGHT [UNIT unit] [SLIDE | WINDOW [OFFSET duration] | BUCKET capacity] [SHADOW] ...";
    /// An argument of RL.POLICY GET is not an option.
    PolicyGetSyntax = c"ERR syntax error, expected RL.POLICY GET name [AS COMMAND | FLOWS]";
    /// An argument of RL.POLICY OVERRIDES is not an option.
    OverridesSyntax = c"ERR syntax error, expected RL.POLICY OVERRIDES name [KEY key [AS COMMAND]]";
    /// An argument of RL.TOP is not an option.
    TopSyntax = c"ERR syntax error, expected RL.TOP [RESET | [DENIED | ADMITTED | HELD | FLOWS] [COUNT n]]";
    /// `COUNT` of RL.TOP is not an integer in range.
    TopCount = c"ERR count must be an integer from 1 to 1024";
    /// The name of a limit is invalid.
    LimitName = c"ERR limit name must be 1 to 64 of the characters A-Z a-z 0-9 _ . : -";
    /// The name of a unit is invalid.
    UnitName = c"ERR unit must be 1 to 64 of the characters A-Z a-z 0-9 _ . : -";
    /// The name of a policy is invalid.
    PolicyName = c"ERR policy name must be 1 to 64 of the characters A-Z a-z 0-9 _ . : -";
    /// Two limits of a quota have the same name.
    LimitTwice = c"ERR each limit of a quota must have a name of its own";
    /// A quota has no limits, or too many.
    QuotaLimits = c"ERR a quota must have 1 to 16 limits";
    /// A unit has two costs.
    UnitTwice = c"ERR each unit may have one COST only";
    /// Too many units have a cost.
    Units = c"ERR at most 16 units may have a COST";
    /// The limits are spelled out, and none of them counts a unit that has a cost.
    UnitUncounted = c"ERR a COST names a unit that no LIMIT counts";
    /// The number of keys is not an integer in range.
    Numkeys = c"ERR numkeys must be an integer from 1 to 16";
    /// A key is given twice.
    KeyTwice = c"ERR each key may be given once only";
    /// The time to live of a reservation is not a duration in range.
    Ttl = c"ERR ttl must be a duration from 1ms to 3650d, such as 60, 250ms, 5m, 1h or 1d";
    /// The id of a reservation is empty or too long.
    Id = c"ERR id must be 1 to 128 bytes";
    /// A limit counts reservations, but the request makes none.
    NeedsReserve = c"ERR a quota with an INFLIGHT limit needs RESERVE ttl";
    /// A reservation with this id is open on some of the keys, but not on all.
    IdElsewhere = c"ERR this id is open on some of these keys only, settle or cancel it there first";
    /// The key holds the largest number of open reservations.
    Reservations = c"ERR a key may hold 100000 open reservations";
    /// The key holds the largest number of open leases.
    Leases = c"ERR a key may hold 1024 open leases, and 100000 open reservations";
    /// `UPTO` is given where nothing is leased.
    UpToNeedsLease = c"ERR UPTO needs LEASE ttl";
    /// `UPTO` is given to a request of several keys.
    UpToOneKey = c"ERR UPTO works with one key only, use RL.QUOTA";
    /// `UPTO` is given to a request of a flow.
    UpToFlow = c"ERR UPTO does not go with FLOW, whose share is counted by what its requests ask for";
    /// The duration of `WAIT` is not in range.
    Wait = c"ERR wait must be a duration from 1ms to 3650d, such as 30, 250ms, 5m, 1h or 1d";
    /// The lane of `PRIORITY` is unknown.
    Priority = c"ERR priority must be CRITICAL, HIGH, NORMAL or LOW, or 0 to 3";
    /// The id of a flow is empty or too long.
    Flow = c"ERR flow must be 1 to 128 bytes";
    /// The weight of a flow is out of bounds.
    Weight = c"ERR weight must be an integer from 1 to 1000";
    /// A policy gives two weights to a flow.
    FlowTwice = c"ERR each flow of a policy may have one WEIGHT only";
    /// A policy names too many flows.
    PolicyFlows = c"ERR a policy may name at most 64 flows";
    /// The server has the largest number of flows.
    Flows = c"RLBUSY too many flows";
    /// The server or the key has the largest number of waiters.
    Busy = c"RLBUSY too many waiters";
    /// The user of a waiter may no longer run its command.
    NoPermission = c"NOPERM this user may not run the command any more";
    /// The server ran out of memory while a request waited.
    OutOfMemory = c"OOM command not allowed when used memory > 'maxmemory'.";
    /// The hash slot of the keys moves to another node, or has moved, while a request waited.
    SlotMoves = c"TRYAGAIN the keys are moving to another node, please ask again";
    /// No policy has that name.
    NoPolicy = c"ERR no such policy, RL.POLICY LIST names those there are";
    /// The server keeps the largest number of policies.
    Policies = c"ERR a server may keep 10000 policies";
    /// The server keeps the largest number of overrides.
    Overrides = c"ERR a server may keep 100000 overrides of policies";
    /// RL.POLICY LOAD has no file to read.
    NoPolicyFile = c"ERR the module was loaded without a file of policies, see the load argument policies";
    /// The payload of RL.APPLY is not a valid effect.
    Effect = c"ERR effect must be one that this module has written";
    /// Another module removed or replaced a key while a command was changing it.
    KeyChanged = c"TRYAGAIN another module changed the key meanwhile, please ask again";
    /// The key holds a type of the server's own, or of another module.
    WrongType = c"WRONGTYPE Operation against a key holding the wrong kind of value";
    /// The key holds a sliding window, and the request is about something else.
    HoldsSlide = c"WRONGTYPE Operation against a key holding a sliding window";
    /// The key holds a fixed window, and the request is about something else.
    HoldsWindow = c"WRONGTYPE Operation against a key holding a fixed window";
    /// The key holds a token bucket, and the request is about something else.
    HoldsBucket = c"WRONGTYPE Operation against a key holding a token bucket";
    /// The key holds a quota, and the request is about one limit.
    HoldsQuota = c"WRONGTYPE Operation against a key holding a quota";
}

/// The result of a function that can fail because of a client's input.
pub type Result<T> = core::result::Result<T, Fault>;
