//! A state as bytes: what RDB files, `DUMP` payloads and rewritten AOFs hold.
//!
//! One written form for all of them, in postcard's wire format. Equal states have equal bytes, so
//! these are also what `DEBUG DIGEST` compares. Whatever is read is checked as if an enemy had
//! written it: every value against the bounds a command would have put it through, lengths before
//! anything is allocated, and each state in its one form.

use postcard::ser_flavors::Flavor;
use serde::{Deserialize, Serialize};

use crate::limit::bucket::BucketRule;
use crate::limit::counter::{Before, COST_MAX, Counter};
use crate::limit::meter::{Held, Meter, amount};
use crate::limit::rule::Rule;
use crate::limit::slide::log::{Entry, Log};
use crate::limit::slide::{Longer, Slide, SlideRule};
use crate::limit::state::{Parts, State};
use crate::limit::window::{Length, WindowRule};
use crate::number::{COUNT_MAX, Decimal};
use crate::time::{At, Span};

/// The version of the form below. A change to it is a new version beside it, never in place.
pub const VERSION: i32 = 1;

#[derive(Serialize, Deserialize)]
enum Image<'a> {
    Slide {
        limit: u64,
        window: u64,
        /// Length and end of a longer window.
        longer: Option<(u64, u64)>,
        at: u64,
        head: (u64, u64),
        #[serde(borrow)]
        bytes: &'a [u8],
    },
    Window(Course<(u64, u64, i64)>),
    Bucket(Course<(u64, u64, u8, u64)>),
}

/// Parameters, instant, amount; and the parameters before, their amount, and until when.
#[derive(Serialize, Deserialize)]
struct Course<P> {
    rule: P,
    at: u64,
    amount: u128,
    before: Option<(P, u128, u64)>,
}

/// The bytes of a state.
#[must_use]
pub fn encode(state: &State) -> Vec<u8> {
    let parts = state.parts();
    let image = image_of(&parts);
    let log = if let Image::Slide { bytes, .. } = &image { bytes.len() } else { 0 };
    // Writing to memory cannot fail. Nearly all have room in what is taken at first.
    postcard::to_extend(&image, Vec::with_capacity(log.saturating_add(ROOM))).unwrap_or_default()
}

/// Whether these bytes are what an image is written as, without writing it.
pub(crate) fn is_written(image: &impl Serialize, bytes: &[u8]) -> bool {
    postcard::serialize_with_flavor(image, Same(bytes)) == Ok(true)
}

/// More bytes than most states have beside those of a log.
const ROOM: usize = 64;

/// Takes what would be written, and compares.
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

fn image_of<'a>(parts: &'a Parts<'_>) -> Image<'a> {
    match parts {
        Parts::Slide(slide) => {
            let (head, bytes) = slide.log.packed();
            Image::Slide {
                limit: slide.rule.limit,
                window: slide.rule.window.ms(),
                longer: slide.longer.as_ref().map(|longer| (longer.window.ms(), longer.until.ms())),
                at: slide.at.ms(),
                head: (head.at.ms(), head.cost),
                bytes,
            }
        }
        Parts::Window(counter) => Image::Window(course(counter)),
        Parts::Bucket(counter) => Image::Bucket(course(counter)),
    }
}

/// The state of these bytes; `None` if they are not a state's.
#[must_use]
pub fn decode(bytes: &[u8]) -> Option<State> {
    let (image, rest) = postcard::take_from_bytes::<Image<'_>>(bytes).ok()?;
    if !rest.is_empty() {
        return None;
    }
    let state = match image {
        Image::Slide { limit, window, longer, at, head, bytes } => {
            let rule = SlideRule { limit: count(limit)?, window: span(window)? };
            let longer = match longer {
                Some((longer, until)) if longer > window => {
                    Some(Box::new(Longer { window: span(longer)?, until: future(until)? }))
                }
                Some(_) => return None,
                None => None,
            };
            let head = Entry { at: At::new(head.0)?, cost: head.1 };
            let at = At::new(at)?;
            let log = Log::unpack(head, bytes).filter(|log| log.last_at() <= at)?;
            State::from_slide(Slide { rule, longer, at, log })
        }
        Image::Window(course) => State::from_window(counter(course)?),
        Image::Bucket(course) => State::from_bucket(counter(course)?),
    };
    // The same state in other words (a longer varint, say) would make equal states differ.
    is_written(&image_of(&state.parts()), bytes).then_some(state)
}

/// A rule as it is written.
#[derive(Serialize, Deserialize)]
pub(crate) enum RuleImage {
    Slide((u64, u64)),
    Window((u64, u64, i64)),
    Bucket((u64, u64, u8, u64)),
}

impl RuleImage {
    pub(crate) fn of(rule: &Rule) -> Self {
        match rule {
            Rule::Slide(rule) => Self::Slide((rule.limit, rule.window.ms())),
            Rule::Window(rule) => Self::Window(rule.store()),
            Rule::Bucket(rule) => Self::Bucket(rule.store()),
        }
    }

    /// The rule; `None` if a parameter is out of range.
    pub(crate) fn rule(self) -> Option<Rule> {
        Some(match self {
            Self::Slide((limit, window)) => {
                Rule::Slide(SlideRule { limit: count(limit)?, window: span(window)? })
            }
            Self::Window(form) => Rule::Window(WindowRule::restore(form)?),
            Self::Bucket(form) => Rule::Bucket(BucketRule::restore(form)?),
        })
    }
}

/// A rule as an image has it.
pub(crate) trait Stored: Meter {
    type Form;
    fn store(&self) -> Self::Form;
    fn restore(form: Self::Form) -> Option<Self>;
}

impl Stored for WindowRule {
    type Form = (u64, u64, i64);

    fn store(&self) -> Self::Form {
        let length = match self.length {
            Length::Span(span) => span.ms(),
            Length::Month => 0,
        };
        (self.limit, length, self.offset)
    }

    fn restore((limit, length, offset): Self::Form) -> Option<Self> {
        let length = if length == 0 { Length::Month } else { Length::Span(span(length)?) };
        let near = offset.unsigned_abs() <= Span::MAX.ms();
        near.then_some(Self { limit: count(limit)?, length, offset })
    }
}

impl Stored for BucketRule {
    type Form = (u64, u64, u8, u64);

    fn store(&self) -> Self::Form {
        let Decimal { mantissa, scale } = self.refill();
        (self.capacity(), mantissa, scale, self.period().ms())
    }

    fn restore((capacity, mantissa, scale, period): Self::Form) -> Option<Self> {
        let refill = Decimal { mantissa, scale }.checked()?;
        Self::new(count(capacity)?, refill, span(period)?)
    }
}

fn course<M: Stored>(counter: &Counter<M>) -> Course<M::Form> {
    Course {
        rule: counter.rule.store(),
        at: counter.held.at.ms(),
        amount: counter.held.amount,
        before: counter.before.map(|before| (before.rule.store(), before.held.amount, before.until.ms())),
    }
}

fn counter<M: Stored>(course: Course<M::Form>) -> Option<Counter<M>> {
    let at = At::new(course.at)?;
    let rule = M::restore(course.rule)?;
    let current = held(&rule, at, course.amount)?;
    let before = match course.before {
        Some((form, amount, until)) => {
            let before = M::restore(form)?;
            let held = held(&before, at, amount)?;
            if before.same_course(&rule) {
                return None;
            }
            Some(Before { rule: before, held, until: future(until)? })
        }
        None => None,
    };
    Some(Counter { rule, held: current, before })
}

fn held<M: Meter>(rule: &M, at: At, held: u128) -> Option<Held> {
    (held <= amount(rule, COST_MAX)).then_some(Held { at, amount: held })
}

pub(crate) fn count(value: u64) -> Option<u64> {
    (1..=COUNT_MAX).contains(&value).then_some(value)
}

pub(crate) fn span(ms: u64) -> Option<Span> {
    (1..=Span::MAX.ms()).contains(&ms).then_some(Span::from_ms(ms))
}

pub(crate) fn future(ms: u64) -> Option<At> {
    let at = At::MIN.plus(Span::from_ms(ms));
    (at.ms() == ms).then_some(at)
}
