//! What a quota consists of: its limits, and the policy that they are from.
//!
//! Many keys have the same few limits, so each shape is stored once and shared by all of them, and
//! carries its own bytes: two shapes are the same when these are, and an effect copies them.

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

/// The limits of a quota, and the policy that they are from, if it was one.
#[derive(Debug)]
pub struct Shape {
    policy: Option<Name>,
    limits: Box<[Limit]>,
    bytes: Arc<[u8]>,
    /// The longest window or period of its limits.
    longest: Span,
    counts_reservations: bool,
}

/// Every shape that is in use, by its bytes.
static SHARED: Mutex<BTreeMap<Arc<[u8]>, Weak<Shape>>> = Mutex::new(BTreeMap::new());
/// How many there are, to be read without the lock.
static STORED: AtomicUsize = AtomicUsize::new(0);

impl Shape {
    /// The shared shape of these limits, of the policy of that name if there is one.
    ///
    /// # Errors
    /// The fault of a name, of two limits with one name, or of too few or too many limits.
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

    /// The shared shape of these bytes; `None` if they are not a shape's.
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
        let drafts: Vec<Draft<'_>> = image.limits.0.iter().map(LimitImage::draft).collect::<Option<_>>()?;
        let shape = Self::new(policy.as_ref(), &drafts).ok()?;
        (rest.is_empty() && *shape.bytes == *bytes).then_some(shape)
    }

    fn share(policy: Option<Name>, limits: Box<[Limit]>) -> Arc<Self> {
        let image = Image {
            policy: policy.as_ref().map(Name::as_bytes),
            limits: Bounded(limits.iter().map(LimitImage::of).collect()),
        };
        let bytes: Arc<[u8]> = postcard::to_stdvec(&image).unwrap_or_default().into(); // memory takes all
        let mut shared = lock();
        if let Some(known) = shared.get(&*bytes).and_then(Weak::upgrade) {
            return known;
        }
        let longest = limits.iter().map(|limit| limit.measure.longest()).max().unwrap_or_default();
        let counts_reservations = limits.iter().any(|limit| matches!(limit.measure, Measure::InFlight(_)));
        let shape =
            Arc::new(Self { policy, limits, bytes: Arc::clone(&bytes), longest, counts_reservations });
        shared.insert(bytes, Arc::downgrade(&shape));
        STORED.store(shared.len(), Relaxed);
        shape
    }

    /// The policy that the limits are from.
    #[must_use]
    pub fn policy(&self) -> Option<&Name> {
        self.policy.as_ref()
    }

    /// The limits, in the order they were given.
    #[must_use]
    pub fn limits(&self) -> &[Limit] {
        &self.limits
    }

    /// The longest window or period of its limits.
    #[must_use]
    pub const fn longest(&self) -> Span {
        self.longest
    }

    /// All of it as bytes; equal shapes have equal ones.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether one of the limits counts reservations.
    #[must_use]
    pub const fn counts_reservations(&self) -> bool {
        self.counts_reservations
    }

    /// Whether it is just these limits, and no policy's.
    #[must_use]
    pub fn is(&self, drafts: &[Draft<'_>]) -> bool {
        self.policy.is_none()
            && self.limits.len() == drafts.len()
            && self.limits.iter().zip(drafts).all(|(limit, draft)| limit.is(draft))
    }

    /// The limits as the words of a command: `LIMIT rpm 500 60000ms UNIT requests SLIDE …`.
    #[must_use]
    pub fn words(&self) -> Vec<Vec<u8>> {
        self.limits.iter().flat_map(Limit::words).collect()
    }
}

/// The last user of a shape takes it out of the table.
impl Drop for Shape {
    fn drop(&mut self) {
        let mut shared = lock();
        // An equal one may have been made since, and stays.
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
    SHARED.lock().unwrap_or_else(PoisonError::into_inner) // no panic leaves it half written
}

/// How many different shapes are in use.
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
