//! A state as bytes, for RDB files, `DUMP` payloads and rewritten AOFs.
//!
//! There is one form, in postcard's wire format: the rule, then the rest of the algorithm's state. Equal
//! states have equal bytes, so `DEBUG DIGEST` compares these. Bytes that are read are checked as if an
//! enemy had written them: each value against the bounds of the commands, each length before anything is
//! allocated, and the whole against the one form of its state.
//!
//! ```
//! use rl_core::limit::codec;
//! use rl_core::limit::slide::SlideRule;
//! use rl_core::limit::{rule::Rule, state::State};
//! use rl_core::time::{At, Span};
//!
//! let rule = Rule::from(SlideRule { limit: 500, window: Span::from_ms(60_000) });
//! let mut state = State::new(&rule);
//! state.charge(&rule, 3, At::from_ms(1_764_000_000_000))?;
//! assert!(codec::decode(&codec::encode(&state)) == Some(state));
//! assert!(codec::decode(b"anything else").is_none());
//! # Ok::<(), rl_core::fault::Fault>(())
//! ```

use postcard::ser_flavors::Flavor;
use serde::Serialize;

use super::algorithm::AlgorithmState;
use super::form::{Form, HasState, each_part};
use super::rule::{Rule, RuleImage, each_rule};
use super::state::State;

pub(crate) use super::checked::future;

/// The version of the form. A change to it is a new version beside it, never in place.
pub const VERSION: i32 = 1;

/// More bytes than most states have beside those of a log.
const ROOM: usize = 64;

/// Returns the bytes of a state.
#[must_use]
pub fn encode(state: &State) -> Vec<u8> {
    let buffer = Vec::with_capacity(state.heap_bytes().saturating_add(ROOM));
    // Writing to memory cannot fail.
    each_part!(state.parts(), part => postcard::to_extend(&image(part), buffer)).unwrap_or_default()
}

/// Returns the state of these bytes, or `None` if [`encode`] does not write them.
#[must_use]
pub fn decode(bytes: &[u8]) -> Option<State> {
    let (image, rest) = postcard::take_from_bytes::<RuleImage>(bytes).ok()?;
    each_rule!(image.rule()?, rule => read(rule, rest, bytes)).map(State::from)
}

/// Returns a state of any algorithm as it is written.
fn image<S: AlgorithmState<Rule: Into<Rule>>>(state: &S) -> (RuleImage, S::Image<'_>) {
    (RuleImage::of(&state.rule().into()), state.image())
}

/// Reads `rest`, which comes after the rule in `bytes`.
fn read<A: HasState>(rule: A, rest: &[u8], bytes: &[u8]) -> Option<Form> {
    let (rest, after) = postcard::take_from_bytes(rest).ok()?;
    let state = A::State::from_image(rule, rest)?;
    // The same state in other words (a longer varint, say) would make equal states differ.
    (after.is_empty() && is_written(&image(&state), bytes)).then(|| state.into())
}

/// Returns whether an image is written as these bytes, without writing it.
pub(crate) fn is_written(image: &impl Serialize, bytes: &[u8]) -> bool {
    postcard::serialize_with_flavor(image, Same(bytes)) == Ok(true)
}

/// Compares what is written with bytes that are known.
struct Same<'a>(&'a [u8]);

impl Flavor for Same<'_> {
    type Output = bool;

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.try_extend(&[byte])
    }

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        // Any error ends it, and says the same.
        self.0 = self.0.strip_prefix(bytes).ok_or(postcard::Error::SerializeBufferFull)?;
        Ok(())
    }

    fn finalize(self) -> postcard::Result<bool> {
        Ok(self.0.is_empty())
    }
}
