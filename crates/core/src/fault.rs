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
    /// The window or period is longer than this server's operator allows.
    MaxWindow = c"ERR window or period is longer than rl.max-window allows";
    /// Something stands where an option of RL.SLIDE should.
    SlideSyntax = c"ERR syntax error, expected RL.SLIDE key limit window [COST n]";
    /// Something stands where an option of RL.WINDOW should.
    WindowSyntax = c"ERR syntax error, expected RL.WINDOW key limit window [OFFSET duration] [COST n]";
    /// Something stands where an option of RL.BUCKET should.
    BucketSyntax = c"ERR syntax error, expected RL.BUCKET key capacity refill [period] [COST n]";
    /// Something stands where an option of RL.PEEK should.
    PeekSyntax = c"ERR syntax error, expected RL.PEEK key [COST n]";
    /// The payload of RL.APPLY is not an effect.
    Effect = c"ERR effect must be one that this module has written";
    /// The key holds another type, or a limit of another algorithm.
    WrongType = c"WRONGTYPE Operation against a key holding the wrong kind of value";
}

/// The result of anything a client's input can make fail.
pub type Result<T> = core::result::Result<T, Fault>;
