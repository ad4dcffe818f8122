//! A cache of the last `RL.QUOTA` requests, to skip parsing repeated words.

use std::sync::{Arc, Weak};

use crate::fault::Result;
use crate::grammar::ask::{Ask, Limits};
use crate::grammar::template::{self, LIMITS_AT, Template};
use crate::grammar::words::Words;
use crate::quota::shape::Shape;

/// The number of places, one for each hash. Each holds the last request with that hash.
const PLACES: u8 = 64;

/// The last `RL.QUOTA` requests.
///
/// ```
/// use rl_core::grammar::ask::Limits;
/// use rl_core::grammar::cache::QuotaCache;
///
/// let words: [&[u8]; 6] = [b"RL.QUOTA", b"key", b"LIMIT", b"rpm", b"500", b"60"];
/// let mut cache = QuotaCache::new();
/// let first = cache.read(words.as_slice(), 0, |_| None)?;
/// let again = cache.read(words.as_slice(), 0, |_| None)?; // compares the words, and does not parse them
/// assert_eq!(first, again);
/// assert!(matches!(again.limits, Limits::Known { .. }));
/// # Ok::<(), rl_core::fault::Fault>(())
/// ```
#[derive(Debug, Default)]
pub struct QuotaCache {
    places: Vec<Option<Known>>,
}

/// A request that was parsed before.
#[derive(Debug)]
struct Known {
    template: Template,
    /// The shape of its limits. Keys and policies own it.
    shape: Weak<Shape>,
    /// The version of the host's policies for which the request meant this shape.
    policies: u64,
}

impl QuotaCache {
    /// Makes an empty cache.
    #[must_use]
    pub const fn new() -> Self {
        Self { places: Vec::new() }
    }

    /// Parses `RL.QUOTA`, or only compares its words if they were parsed before.
    ///
    /// `policies` is the version of the host's policies: the host increments it whenever a policy changes.
    /// `policy` looks up a policy by name.
    ///
    /// # Errors
    /// The fault of the first invalid argument.
    #[inline(always)] // because the result is large
    pub fn read<'w, W: Words + ?Sized>(
        &mut self,
        words: &'w W,
        policies: u64,
        policy: impl FnOnce(&[u8]) -> Option<Arc<Shape>>,
    ) -> Result<Ask<'w>> {
        let place = place(words);
        if let Some(Some(known)) = self.places.get(place)
            && let Some(wanted) = template::fill(&known.template, words)
            && let Some(shape) = known.shape.upgrade()
            && (known.policies == policies || shape.policy().is_none())
        {
            return Ok(Ask::recognised(shape, wanted));
        }
        self.read_anew(place, words, policies, policy)
    }

    #[cold]
    fn read_anew<'w, W: Words + ?Sized>(
        &mut self,
        place: usize,
        words: &'w W,
        policies: u64,
        policy: impl FnOnce(&[u8]) -> Option<Arc<Shape>>,
    ) -> Result<Ask<'w>> {
        let ask = Ask::read(words)?;
        let shape = match &ask.limits {
            Limits::Known { shape, .. } => Some(Arc::clone(shape)),
            // A request with a unit that nothing counts is parsed each time, so that the host can count it.
            Limits::Policy { name, costs } => {
                policy(name).filter(|shape| costs.uncounted(core::iter::once(&**shape)).next().is_none())
            }
        };
        let known = shape.and_then(|shape| {
            let template = template::learn(words, &shape)?;
            Some(Known { template, shape: Arc::downgrade(&shape), policies })
        });
        if self.places.is_empty() {
            self.places.resize_with(usize::from(PLACES), || None);
        }
        if let Some(slot) = self.places.get_mut(place)
            && known.is_some()
        {
            *slot = known;
        }
        Ok(ask)
    }
}

/// Returns the place of a request: a hash of the number of words and the end of its policy's or first limit's
/// name.
#[inline]
fn place<W: Words + ?Sized>(words: &W) -> usize {
    let name = words.word(LIMITS_AT.saturating_add(1)).unwrap_or_default();
    let end = name.last_chunk::<4>().map_or(0, |bytes| u32::from_le_bytes(*bytes));
    let last = name.last().map_or(0, |byte| u32::from(*byte));
    let count = u32::try_from(words.count()).unwrap_or(u32::MAX);
    let hash = (end ^ last.rotate_left(16) ^ count.rotate_left(24)).wrapping_mul(0x9e37_79b1);
    usize::from(hash.to_le_bytes()[3] & (PLACES - 1))
}
