//! A cache of the last `RL.QUOTA` requests, to skip parsing repeated words.

use std::sync::{Arc, Weak};

use crate::fault::Result;
use crate::grammar::ask::{Ask, Limits};
use crate::grammar::template::{self, KEY_AT, LIMITS_AT, Template};
use crate::grammar::words::Words;
use crate::quota::lends_policies::LendsPolicies;
use crate::quota::name::Name;
use crate::quota::shape::Shape;

/// The number of places, one for each hash. Each holds the last request with that hash.
const PLACES: u8 = 64;

/// Marks the version of a policy under which some keys have limits of their own. The host's versions never have it.
const PER_KEY: u64 = 1 << 63;

/// The last `RL.QUOTA` requests.
///
/// ```
/// use rl_core::grammar::ask::Limits;
/// use rl_core::grammar::cache::QuotaCache;
/// use rl_core::quota::policies::Policies;
///
/// let words: [&[u8]; 6] = [b"RL.QUOTA", b"key", b"LIMIT", b"rpm", b"500", b"60"];
/// let mut cache = QuotaCache::new();
/// let first = cache.read(words.as_slice(), 0, &Policies::new())?;
/// let again = cache.read(words.as_slice(), 0, &Policies::new())?; // compares the words, and does not parse them
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
    /// The version of the host's policies for which the request meant this shape, with [`PER_KEY`] if it does not for
    /// some keys.
    policies: u64,
}

impl Known {
    /// Whether the request means this shape although other keys have limits of their own under its policy.
    #[cold]
    fn is_for<W: Words + ?Sized>(
        &self,
        words: &W,
        policies: u64,
        shape: &Shape,
        host: &impl LendsPolicies,
    ) -> bool {
        let (name, key) = (shape.policy().map_or(&b""[..], Name::as_bytes), words.word(KEY_AT));
        self.policies == policies | PER_KEY
            && key.is_some_and(|key| host.lend(|policies| policies.get_override(name, key).is_none()))
    }
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
    ///
    /// # Errors
    /// The fault of the first invalid argument.
    #[inline(always)] // because the result is large
    pub fn read<'w, W: Words + ?Sized>(
        &mut self,
        words: &'w W,
        policies: u64,
        host: &impl LendsPolicies,
    ) -> Result<Ask<'w>> {
        let place = place(words);
        if let Some(Some(known)) = self.places.get(place)
            && let Some(wanted) = template::fill(&known.template, words)
            && let Some(shape) = known.shape.upgrade()
            && (known.policies == policies
                || shape.policy().is_none()
                || known.is_for(words, policies, &shape, host))
        {
            return Ok(Ask::recognised(shape, wanted));
        }
        self.read_anew(place, words, policies, host)
    }

    #[cold]
    fn read_anew<'w, W: Words + ?Sized>(
        &mut self,
        place: usize,
        words: &'w W,
        policies: u64,
        host: &impl LendsPolicies,
    ) -> Result<Ask<'w>> {
        let ask = Ask::read(words)?;
        if let Some(Some(known)) = self.places.get(place)
            && known.policies == policies | PER_KEY
            && template::fill(&known.template, words).is_some()
        {
            return Ok(ask); // the key has limits of its own, and what is known is right for others
        }
        let found = match &ask.limits {
            Limits::Known { shape, .. } => Some((Arc::clone(shape), policies)),
            Limits::Policy { name, costs } => {
                let found = host.lend(|kept| {
                    let mark = if kept.has_overrides(name) { PER_KEY } else { 0 };
                    Some((Arc::clone(kept.get(name)?), policies | mark))
                });
                // A request with a unit that nothing counts is parsed each time, so that the host can count it.
                found.filter(|(shape, _)| costs.uncounted(core::iter::once(&**shape)).next().is_none())
            }
        };
        let known = found.and_then(|(shape, policies)| {
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
