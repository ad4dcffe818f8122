//! The shape of a quota: its limits, and the policy that they come from.
//!
//! Many keys have the same few limits. So each shape is stored once, and all its keys share it. A shape
//! carries its own bytes: two shapes are equal if their bytes are, and an effect copies the bytes.

use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use serde::{Deserialize, Serialize};

use super::limit::LimitImage;
pub use super::limit::{Draft, LIMITS_MAX, Limit, Measure, PerLimit, REQUESTS};
use super::name::Name;
use crate::bounded::Bounded;
use crate::fault::{Fault, Result};
use crate::time::Span;

/// The limits of a quota, and the policy that they come from, if any.
#[derive(Debug)]
pub struct Shape {
    policy: Option<Name>,
    limits: Box<[Limit]>,
    bytes: Arc<[u8]>,
    /// The longest window or period of the limits.
    longest: Span,
    counts_reservations: bool,
    has_shadows: bool,
}

/// All shapes in use, by their bytes.
static SHARED: Mutex<BTreeMap<Arc<[u8]>, Weak<Shape>>> = Mutex::new(BTreeMap::new());
/// The number of shapes in use, for reading without the lock.
static STORED: AtomicUsize = AtomicUsize::new(0);

impl Shape {
    /// Returns the shared shape of these limits. `policy` is the name of their policy, if any.
    ///
    /// # Errors
    /// - [`Fault::LimitName`], [`Fault::UnitName`]: a name is invalid
    /// - [`Fault::LimitTwice`]: two limits have the same name
    /// - [`Fault::QuotaLimits`]: there are no limits, or too many
    pub fn new(policy: Option<&Name>, drafts: &[Draft<'_>]) -> Result<Arc<Self>> {
        if drafts.is_empty() || drafts.len() > LIMITS_MAX {
            return Err(Fault::QuotaLimits);
        }
        let limits: Box<[Limit]> = drafts.iter().map(Limit::new).collect::<Result<_>>()?;
        let twice =
            |(at, limit): (usize, &Limit)| limits.iter().take(at).any(|other| other.name == limit.name);
        if limits.iter().enumerate().any(twice) {
            return Err(Fault::LimitTwice);
        }
        Ok(Self::share(policy.cloned(), limits))
    }

    /// Returns the shape without limits, of a key that had no request yet.
    pub(crate) fn none() -> Arc<Self> {
        Self::share(None, Box::default())
    }

    /// Returns the shared shape of these bytes. `None` if they are not those of a shape.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Arc<Self>> {
        let known = lock().get(bytes).and_then(Weak::upgrade);
        if known.is_some() {
            return known;
        }
        let (image, rest) = postcard::take_from_bytes::<Image<'_>>(bytes).ok()?;
        let policy = match image.policy {
            Some(name) => Some(Name::new(name)?),
            None => None,
        };
        let mut drafts: Vec<Draft<'_>> =
            image.limits.0.iter().map(LimitImage::draft).collect::<Option<_>>()?;
        let (shadows, rest) =
            if rest.is_empty() { (0, rest) } else { postcard::take_from_bytes::<u16>(rest).ok()? };
        for (index, draft) in drafts.iter_mut().enumerate() {
            draft.is_shadow = shadows >> index & 1 == 1; // at most sixteen
        }
        let shape = Self::new(policy.as_ref(), &drafts).ok()?;
        (rest.is_empty() && *shape.bytes == *bytes).then_some(shape)
    }

    /// Returns the memory that it takes, in bytes, with its place among all shapes.
    pub(super) fn heap_bytes(&self) -> usize {
        let limits = size_of_val(&*self.limits);
        let names = self.limits.iter().map(|limit| {
            limit.name.as_bytes().len().max(16).saturating_add(limit.unit.as_bytes().len().max(16))
        });
        // Its bytes have two reference counts, and so has it. A map node is about two thirds full.
        let place = size_of::<(Arc<[u8]>, Weak<Self>)>().saturating_mul(3) / 2;
        let fixed = [size_of::<Self>(), 32, limits, self.bytes.len(), place];
        fixed.into_iter().chain(names).fold(0, usize::saturating_add)
    }

    fn share(policy: Option<Name>, limits: Box<[Limit]>) -> Arc<Self> {
        let image = Image {
            policy: policy.as_ref().map(Name::as_bytes),
            limits: Bounded(limits.iter().map(LimitImage::of).collect()),
        };
        // Writing to memory cannot fail.
        let mut bytes = postcard::to_stdvec(&image).unwrap_or_default();
        // A bit for each limit that is a shadow. Nothing for none, as versions wrote it that knew no shadows.
        let shadows = limits.iter().rev().fold(0_u16, |bits, limit| bits << 1 | u16::from(limit.is_shadow));
        if shadows != 0 {
            bytes = postcard::to_extend(&shadows, bytes).unwrap_or_default();
        }
        let bytes: Arc<[u8]> = bytes.into();
        let mut shared = lock();
        if let Some(known) = shared.get(&*bytes).and_then(Weak::upgrade) {
            return known;
        }
        let longest = limits.iter().map(|limit| limit.measure.longest()).max().unwrap_or_default();
        let counts = |limit: &Limit| matches!(limit.measure, Measure::InFlight(_)) && !limit.is_shadow;
        let counts_reservations = limits.iter().any(counts);
        let has_shadows = shadows != 0;
        let own = Arc::clone(&bytes);
        let shape = Arc::new(Self { policy, limits, bytes: own, longest, counts_reservations, has_shadows });
        shared.insert(bytes, Arc::downgrade(&shape));
        STORED.store(shared.len(), Relaxed);
        shape
    }

    /// Returns the name of the policy that the limits come from.
    #[must_use]
    pub fn policy(&self) -> Option<&Name> {
        self.policy.as_ref()
    }

    /// Returns the limits, in the order given.
    #[must_use]
    pub fn limits(&self) -> &[Limit] {
        &self.limits
    }

    /// Returns the longest window or period of the limits.
    #[must_use]
    pub const fn longest(&self) -> Span {
        self.longest
    }

    /// Returns the encoded shape. Equal shapes have equal bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns whether one of the limits is a shadow.
    #[must_use]
    pub const fn has_shadows(&self) -> bool {
        self.has_shadows
    }

    /// Returns whether one of the limits counts reservations, and may deny a request for it.
    #[must_use]
    pub const fn counts_reservations(&self) -> bool {
        self.counts_reservations
    }

    /// Returns whether one of the limits counts the cost of `unit`.
    #[must_use]
    pub fn counts(&self, unit: &[u8]) -> bool {
        self.limits.iter().any(|limit| limit.counts(unit))
    }

    /// Returns whether the shape has exactly these limits and no policy.
    #[must_use]
    pub fn is(&self, drafts: &[Draft<'_>]) -> bool {
        self.policy.is_none()
            && self.limits.len() == drafts.len()
            && self.limits.iter().zip(drafts).all(|(limit, draft)| limit.is(draft))
    }

    /// Returns the limits as the words of a command: `LIMIT rpm 500 60000ms UNIT requests SLIDE …`.
    #[must_use]
    pub fn words(&self) -> Vec<Vec<u8>> {
        self.limits.iter().flat_map(Limit::words).collect()
    }
}

/// Removes the shape from the table of shapes in use.
impl Drop for Shape {
    fn drop(&mut self) {
        let mut shared = lock();
        // An equal shape may have been made since. It stays.
        if shared.get(&*self.bytes).is_some_and(|known| known.strong_count() == 0) {
            shared.remove(&*self.bytes);
            STORED.store(shared.len(), Relaxed);
        }
    }
}

impl PartialEq for Shape {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

/// Keeps the table of shapes locked for as long as it lives.
pub struct ShapesLock(
    #[expect(dead_code, reason = "held, not read")] MutexGuard<'static, BTreeMap<Arc<[u8]>, Weak<Shape>>>,
);

/// Locks the table of shapes, for a process that is about to fork. See [`crate::lock_parameter_sets`].
#[must_use]
pub fn lock_shapes() -> ShapesLock {
    ShapesLock(lock())
}

fn lock() -> MutexGuard<'static, BTreeMap<Arc<[u8]>, Weak<Shape>>> {
    SHARED.lock().unwrap_or_else(PoisonError::into_inner) // a panic cannot leave the table half written
}

/// Returns the number of different shapes in use.
#[must_use]
pub fn shapes() -> usize {
    STORED.load(Relaxed)
}

#[derive(Serialize, Deserialize)]
struct Image<'a> {
    #[serde(borrow)]
    policy: Option<&'a [u8]>,
    #[serde(borrow)]
    limits: Bounded<LimitImage<'a>, LIMITS_MAX>,
}
