//! One limit: its rule, what a key holds for it, and how a request is decided.
//!
//! ```
//! use rl_core::limit::slide::SlideRule;
//! use rl_core::limit::{rule::Rule, state::State};
//! use rl_core::time::{At, Span};
//!
//! // At most 2 units of cost in any minute.
//! let rule = Rule::from(SlideRule { limit: 2, window: Span::from_ms(60_000) });
//! let mut state = State::new(&rule);
//! let now = At::from_ms(1_764_000_000_000);
//!
//! let decision = state.decide(&rule, 2, now)?;
//! assert!(decision.allowed);
//! state.charge(&rule, 2, decision.at)?; // a decision changes nothing, a charge does
//!
//! let decision = state.decide(&rule, 1, now)?;
//! assert!(!decision.allowed);
//! assert_eq!(decision.retry.reply(), 60_000); // milliseconds
//! # Ok::<(), rl_core::fault::Fault>(())
//! ```
//!
//! Each algorithm is one folder: [`slide`], [`window`], [`bucket`]. What they share:
//!
//! | module | holds |
//! |---|---|
//! | [`algorithm`] | what an algorithm must provide |
//! | [`rule`] | the parameters of a limit, for any algorithm |
//! | [`state`] | the value of a key, in sixteen bytes |
//! | `form` | how the states of all algorithms fit into them |
//! | [`decision`] | the answer to a request |
//! | [`outside`], `told` | holds, and what is used elsewhere |
//! | [`counter`], [`meter`] | one amount that ages: fixed windows and buckets |
//! | `merge` | what two states have counted, as one |
//! | `compact`, `interned` | how a counter fits |
//! | [`codec`] | a state as bytes, for snapshots |
//! | [`effect`] | what a decision changes |
//! | [`decimal_text`] | a refill as clients write it |

pub mod algorithm;
pub mod bucket;
pub(crate) mod checked;
pub mod codec;
mod compact;
mod counted;
pub mod counter;
pub mod decimal_text;
pub mod decision;
pub mod effect;
mod form;
mod interned;
pub(crate) mod merge;
pub mod meter;
pub mod outside;
pub mod rule;
pub mod slide;
pub mod state;
mod told;
pub mod window;

pub use self::interned::{ParameterSetsLock, lock_parameter_sets, parameter_sets};
use crate::fault::Fault;

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $name:literal, $command:literal;)*) => {
        /// The algorithms.
        ///
        /// A new algorithm is added here first. The compiler then leads to every other place.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Kind { $($(#[$doc])* $kind,)* }

        impl Kind {
            /// All algorithms.
            pub const ALL: [Self; [$($name),*].len()] = [$(Self::$kind),*];

            /// The algorithm's name in lower case, as `RL.INFO`, effects and files of policies have it.
            ///
            /// In a `LIMIT` clause it is a keyword, in lower or upper case.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$kind => $name,)* }
            }

            /// Returns the name of the algorithm's command.
            #[must_use]
            pub const fn command(self) -> &'static str {
                match self { $(Self::$kind => $command,)* }
            }
        }
    };
}

kinds! {
    /// A sliding window: `RL.SLIDE`.
    Slide = "slide", "RL.SLIDE";
    /// A fixed window: `RL.WINDOW`.
    Window = "window", "RL.WINDOW";
    /// A token bucket: `RL.BUCKET`.
    Bucket = "bucket", "RL.BUCKET";
}

impl Kind {
    /// Finds an algorithm by its exact name, as a file or a JSON body has it.
    ///
    /// ```
    /// use rl_core::limit::Kind;
    ///
    /// assert_eq!(Kind::from_name("bucket"), Some(Kind::Bucket));
    /// assert_eq!(Kind::from_name("BUCKET"), None);
    /// ```
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Returns the error text for an unknown name: `algorithm must be "slide", …`.
    #[must_use]
    pub fn wanted() -> String {
        let [others @ .., last] = Self::ALL.map(|kind| format!("\"{}\"", kind.name()));
        format!("algorithm must be {} or {last}", others.join(", "))
    }

    /// The fault of a request about something else, for a key that holds this algorithm.
    ///
    /// ```
    /// # use rl_core::limit::Kind;
    /// let text = c"WRONGTYPE Operation against a key holding a token bucket";
    /// assert_eq!(Kind::Bucket.held().text(), text);
    /// ```
    #[must_use]
    pub const fn held(self) -> Fault {
        match self {
            Self::Slide => Fault::HoldsSlide,
            Self::Window => Fault::HoldsWindow,
            Self::Bucket => Fault::HoldsBucket,
        }
    }

    /// Finds an algorithm by its name, in lower or upper case.
    #[must_use]
    pub fn from_keyword(word: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| word.eq_ignore_ascii_case(kind.name().as_bytes()))
    }
}
