//! Every error a client can get, in fixed words.
//!
//! A text says what is wanted and never repeats what was sent: client bytes in a reply are how
//! replies get forged (CR LF) and servers ended (NUL), and they are a way to leak other data.

use core::ffi::CStr;

macro_rules! faults {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        /// Why a request was refused before any limit was asked.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Fault { $($(#[$doc])* $name,)* }

        impl Fault {
            /// All of them, for tests that hold texts and docs together.
            pub const ALL: &'static [Fault] = &[$(Fault::$name,)*];

            /// The error as a client reads it.
            #[must_use]
            pub const fn text(self) -> &'static CStr {
                match self { $(Fault::$name => $text,)* }
            }
        }
    };
}

faults! {
    /// `limit` is not an integer in range.
    Limit = c"ERR limit must be an integer from 1 to 9007199254740991";
    /// `capacity` is not an integer in range.
    Capacity = c"ERR capacity must be an integer from 1 to 9007199254740991";
    /// `COST` or the amount of a refund is not an integer in range.
    Cost = c"ERR cost must be an integer from 0 to 9007199254740991";
    /// The amount of a refund is not an integer in range.
    Refund = c"ERR refund must be an integer from 0 to 9007199254740991";
    /// The window of a sliding limit is not a duration in range.
    Window = c"ERR window must be a duration from 1ms to 3650d, such as 60, 250ms, 5m, 1h or 1d";
    /// The window of a fixed limit is neither a duration in range nor a month.
    WindowOrMonth = c"ERR window must be a duration from 1ms to 3650d, such as 60, 250ms, 5m, 1h or 1d, or 1mo";
    /// The offset of a fixed window is not a duration in range.
    Offset = c"ERR offset must be a duration from -3650d to 3650d, such as 8h or -30m";
    /// `refill` is not a positive decimal number that can be kept exactly.
    Refill = c"ERR refill must be a number above 0 and up to 9007199254740991, such as 500 or 8.33";
    /// `refill` has more decimals than the period leaves room for.
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
    /// The window or period is longer than this server's operator allows.
    MaxWindow = c"ERR window or period is longer than rl.max-window allows";
    /// Something stands where an option of RL.SLIDE should.
    SlideSyntax = c"ERR syntax error, expected RL.SLIDE key limit window [COST n] [WAIT duration [PRIORITY lane]]";
    /// Something stands where an option of RL.WINDOW should.
    WindowSyntax = c"ERR syntax error, expected RL.WINDOW key limit window [OFFSET duration] [COST n] [WAIT duration [PRIORITY lane]]";
    /// Something stands where an option of RL.BUCKET should.
    BucketSyntax = c"ERR syntax error, expected RL.BUCKET key capacity refill [period] [COST n] [WAIT duration [PRIORITY lane]]";
    /// Something stands where an option of RL.PEEK should.
    PeekSyntax = c"ERR syntax error, expected RL.PEEK key [COST n] [COST unit n ...]";
    /// Something stands where a limit or an option of RL.QUOTA should.
    QuotaSyntax = c"ERR syntax error, expected RL.QUOTA key POLICY name | LIMIT name limit window|INFLIGHT [UNIT unit] [SLIDE | WINDOW [OFFSET duration] | BUCKET capacity] ... [COST unit n ...] [RESERVE ttl [ID id]] [WAIT duration [PRIORITY lane]]";
    /// Something stands where an argument of RL.MQUOTA should.
    ManySyntax = c"ERR syntax error, expected RL.MQUOTA numkeys key ... POLICY name ... [COST unit n ...] [RESERVE ttl [ID id]] [WAIT duration [PRIORITY lane]], with one policy for each key";
    /// Something stands where a cost of RL.SETTLE should.
    SettleSyntax = c"ERR syntax error, expected RL.SETTLE key id [COST unit n ...]";
    /// Something stands where a limit of RL.POLICY SET should.
    PolicySyntax = c"ERR syntax error, expected RL.POLICY SET name LIMIT name limit window|INFLIGHT [UNIT unit] [SLIDE | WINDOW [OFFSET duration] | BUCKET capacity] ...";
    /// Something stands where an option of RL.TOP should.
    TopSyntax = c"ERR syntax error, expected RL.TOP [RESET | [DENIED | ADMITTED] [COUNT n]]";
    /// `COUNT` of RL.TOP is not an integer in range.
    TopCount = c"ERR count must be an integer from 1 to 1024";
    /// The name of a limit is not one.
    LimitName = c"ERR limit name must be 1 to 64 of the characters A-Z a-z 0-9 _ . : -";
    /// The name of a unit is not one.
    UnitName = c"ERR unit must be 1 to 64 of the characters A-Z a-z 0-9 _ . : -";
    /// The name of a policy is not one.
    PolicyName = c"ERR policy name must be 1 to 64 of the characters A-Z a-z 0-9 _ . : -";
    /// Two limits of a quota have the same name.
    LimitTwice = c"ERR each limit of a quota must have a name of its own";
    /// A quota has none or too many limits.
    QuotaLimits = c"ERR a quota must have 1 to 16 limits";
    /// One unit has two costs.
    UnitTwice = c"ERR each unit may have one COST only";
    /// Too many units have a cost.
    Units = c"ERR at most 16 units may have a COST";
    /// The number of keys is not an integer in range.
    Numkeys = c"ERR numkeys must be an integer from 1 to 16";
    /// One key is given twice.
    KeyTwice = c"ERR each key may be given once only";
    /// The time for which a reservation is held is not a duration in range.
    Ttl = c"ERR ttl must be a duration from 1ms to 3650d, such as 60, 250ms, 5m, 1h or 1d";
    /// The id of a reservation is empty or too long.
    Id = c"ERR id must be 1 to 128 bytes";
    /// Limits that count reservations are asked without one.
    NeedsReserve = c"ERR a quota with an INFLIGHT limit needs RESERVE ttl";
    /// A reservation is open on some of the keys that are asked with its id.
    IdElsewhere = c"ERR this id is open on some of these keys only, settle or cancel it there first";
    /// A key holds as many open reservations as it may.
    Reservations = c"ERR a key may hold 100000 open reservations";
    /// A key keeps as many limits that it is not asked by as it may.
    Retired = c"ERR a key may keep 16 other limits that still count, ask by fewer different ones or on another key";
    /// How long a request waits is not a duration in range.
    Wait = c"ERR wait must be a duration from 1ms to 3650d, such as 30, 250ms, 5m, 1h or 1d";
    /// The lane in which a request waits is not one.
    Priority = c"ERR priority must be CRITICAL, HIGH, NORMAL or LOW, or 0 to 3";
    /// As many wait as may, on the server or for a key.
    Busy = c"RLBUSY too many waiters";
    /// Who has waited may not do what they wait for any more.
    NoPermission = c"NOPERM this user may not run the command any more";
    /// Memory ran out while a request waited.
    OutOfMemory = c"OOM command not allowed when used memory > 'maxmemory'.";
    /// The slot of its keys is being moved, or was, while a request waited.
    SlotMoves = c"TRYAGAIN the keys are moving to another node, please ask again";
    /// There is no policy of that name.
    NoPolicy = c"ERR no such policy, RL.POLICY LIST names those there are";
    /// The server keeps as many policies as it may.
    Policies = c"ERR a server may keep 10000 policies";
    /// The payload of RL.APPLY is not an effect.
    Effect = c"ERR effect must be one that this module has written";
    /// Another module removed or replaced a key while a command was changing it.
    KeyChanged = c"TRYAGAIN another module changed the key meanwhile, please ask again";
    /// The key holds another type, or a limit of another algorithm.
    WrongType = c"WRONGTYPE Operation against a key holding the wrong kind of value";
}

/// The result of anything a client's input can make fail.
pub type Result<T> = core::result::Result<T, Fault>;
