//! What a decision changes, as one line of text: the only thing that replicas and the AOF get.
//!
//! ```text
//! slide  <at> <cost> <limit> <window>                 window: milliseconds
//! window <at> <cost> <limit> <window|1mo> <offset>    offset: milliseconds, may be negative
//! bucket <at> <cost> <capacity> <refill> <period>     refill: decimal, period: milliseconds
//! refund <at> <n>
//! ```
//! `<at>` is the absolute millisecond that the decision was made for. Applying an effect is the same
//! code on the primary, on a replica and when an AOF is loaded, and reads no clock, so that all
//! three hold equal states. It is read as strictly as a client's words: it can come from one.

use crate::fault::{Fault, Result};
use crate::limit::bucket::BucketRule;
use crate::limit::decision::Expiry;
use crate::limit::rule::Rule;
use crate::limit::slide::SlideRule;
use crate::limit::state::State;
use crate::limit::window::{Length, WindowRule};
use crate::number::{self, Decimal, power_of_ten};
use crate::time::{At, Span};

/// A change to one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// An admission.
    Admit {
        /// The parameters it was made under.
        rule: Rule,
        /// The instant it was made for.
        at: At,
        /// What it takes, at least 1.
        cost: u64,
    },
    /// Something is given back.
    Refund {
        /// The instant it was made for.
        at: At,
        /// How much, at least 1.
        cost: u64,
    },
}

impl Effect {
    /// Applies it to a key that exists.
    ///
    /// # Errors
    /// [`Fault::WrongType`]; nothing has changed then.
    pub fn apply(&self, state: &mut State) -> Result<Expiry> {
        match self {
            Self::Admit { rule, at, cost } => state.charge(rule, *cost, *at),
            Self::Refund { at, cost } => Ok(state.refund(*cost, *at)),
        }
    }

    /// The state of a key that did not exist, and its expiry; none where there is nothing to change.
    #[must_use]
    pub fn create(&self) -> Option<(State, Expiry)> {
        let Self::Admit { rule, .. } = self else { return None };
        let mut state = State::new(rule);
        let expiry = self.apply(&mut state).ok()?; // the algorithm is the rule's own
        Some((state, expiry))
    }

    /// Its text.
    #[must_use]
    pub fn to_text(&self) -> Text {
        let mut text = Text::default(); // from its end: the last word comes first
        match self {
            Self::Admit { rule: Rule::Slide(rule), at, cost } => {
                text.number(rule.window.ms()).number(rule.limit);
                text.number(*cost).number(at.ms()).word(b"slide");
            }
            Self::Admit { rule: Rule::Window(rule), at, cost } => {
                text.digits(rule.offset.unsigned_abs(), 1);
                if rule.offset < 0 {
                    text.word(b"-");
                }
                text.word(b" ");
                match rule.length {
                    Length::Span(span) => text.number(span.ms()),
                    Length::Month => text.word(b" 1mo"),
                };
                text.number(rule.limit).number(*cost).number(at.ms()).word(b"window");
            }
            Self::Admit { rule: Rule::Bucket(rule), at, cost } => {
                text.number(rule.period().ms()).decimal(rule.refill()).word(b" ").number(rule.capacity());
                text.number(*cost).number(at.ms()).word(b"bucket");
            }
            Self::Refund { at, cost } => {
                text.number(*cost).number(at.ms()).word(b"refund");
            }
        }
        text
    }

    /// Reads a text.
    ///
    /// # Errors
    /// [`Fault::Effect`] for anything that [`Effect::to_text`] does not write.
    pub fn parse(text: &[u8]) -> Result<Self> {
        let effect = Self::read(text).ok_or(Fault::Effect)?;
        // One effect has one text, so that streams can be compared.
        if effect.to_text().as_bytes() == text { Ok(effect) } else { Err(Fault::Effect) }
    }

    fn read(text: &[u8]) -> Option<Self> {
        let mut words = text.split(|byte| *byte == b' ');
        let verb = words.next()?;
        let at = At::new(number::count(words.next()?)?)?;
        let cost = number::count(words.next()?).filter(|cost| *cost > 0)?;
        if verb == b"refund" {
            return words.next().is_none().then_some(Self::Refund { at, cost });
        }
        let limit = number::limit(words.next()?, Fault::Effect).ok()?;
        let rule = match verb {
            b"slide" => Rule::Slide(SlideRule { limit, window: span(words.next()?)? }),
            b"window" => {
                let length = match words.next()? {
                    b"1mo" => Length::Month,
                    ms => Length::Span(span(ms)?),
                };
                Rule::Window(WindowRule { limit, length, offset: offset(words.next()?)? })
            }
            b"bucket" => {
                let refill = number::refill(words.next()?).ok()?;
                Rule::Bucket(BucketRule::new(limit, refill, span(words.next()?)?)?)
            }
            _ => return None,
        };
        words.next().is_none().then_some(Self::Admit { rule, at, cost })
    }
}

/// A window or period in milliseconds.
fn span(text: &[u8]) -> Option<Span> {
    number::count(text).map(Span::from_ms).filter(|span| span.ms() > 0 && *span <= Span::MAX)
}

fn offset(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        _ => (false, text),
    };
    let ms = number::count(digits).filter(|ms| *ms <= Span::MAX.ms())?.cast_signed();
    Some(if negative { ms.saturating_neg() } else { ms })
}

/// The numbers from 0 to 99.
static PAIRS: [[u8; 2]; 100] = pairs();

const fn pairs() -> [[u8; 2]; 100] {
    let mut pairs = [[b'0'; 2]; 100];
    let mut rest: &mut [[u8; 2]] = &mut pairs;
    let mut value = 0_u8;
    while let Some((pair, after)) = rest.split_first_mut() {
        *pair = [b'0' | (value / 10), b'0' | (value % 10)];
        rest = after;
        value = value.saturating_add(1);
    }
    pairs
}

/// A short text, without an allocation. Digits come out of a number last first, so the whole of it is
/// written from its end.
#[derive(Clone, Copy, Debug)]
pub struct Text {
    bytes: [u8; Text::CAPACITY],
    start: usize,
}

impl Default for Text {
    fn default() -> Self {
        Self { bytes: [0; Self::CAPACITY], start: Self::CAPACITY }
    }
}

impl Text {
    /// The longest: six words, none above twenty bytes.
    const CAPACITY: usize = 128;

    /// The text.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }

    /// Puts bytes before what is there.
    #[inline]
    fn word<const N: usize>(&mut self, word: &[u8; N]) -> &mut Self {
        if let Some((rest, place)) = self.bytes.get_mut(..self.start).and_then(<[u8]>::split_last_chunk_mut) {
            *place = *word;
            self.start = rest.len();
        }
        self
    }

    /// Puts a space and a number before what is there.
    fn number(&mut self, value: u64) -> &mut Self {
        self.digits(value, 1).word(b" ")
    }

    /// Puts a number with at least so many digits before what is there, two at a time.
    fn digits(&mut self, mut value: u64, at_least: u8) -> &mut Self {
        let mut written = 0_u8;
        while value > 9 {
            self.word(PAIRS.get((value % 100) as usize).unwrap_or(b"00"));
            value /= 100;
            written = written.saturating_add(2);
        }
        if value > 0 {
            self.word(&[b'0' | (value & 0xf) as u8]);
            written = written.saturating_add(1);
        }
        while written < at_least {
            self.word(b"0");
            written = written.saturating_add(1);
        }
        self
    }

    fn decimal(&mut self, decimal: Decimal) -> &mut Self {
        if decimal.scale == 0 {
            return self.digits(decimal.mantissa, 1);
        }
        let unit = power_of_ten(decimal.scale).unwrap_or(1);
        self.digits(decimal.mantissa.checked_rem(unit).unwrap_or(0), decimal.scale).word(b".");
        self.digits(decimal.mantissa.checked_div(unit).unwrap_or(0), 1)
    }
}

/// A refill as clients write it.
#[must_use]
pub fn decimal_text(decimal: Decimal) -> Text {
    let mut text = Text::default();
    text.decimal(decimal);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_these() {
        for text in [
            "slide 1764000000000 1 500 60000",
            "window 1764000000000 3 500 86400000 -28800000",
            "window 1 9007199254740991 9007199254740991 1mo 0",
            "bucket 1764000000000 1 50 8.33 1000",
            "bucket 1764000000000 1 50 0.00625 60000",
            "bucket 8796093022207 9007199254740991 9007199254740991 9007199254740991 315360000000",
            "refund 1764000000000 20",
        ] {
            let effect = Effect::parse(text.as_bytes()).unwrap();
            assert_eq!(effect.to_text().as_bytes(), text.as_bytes());
        }
    }

    #[test]
    fn what_is_no_effect_is_refused() {
        for text in [
            "",
            "slide",
            "slide 1 1 1",
            "slide 1 1 1 1 1",
            "slide 1 0 1 1",
            "slide 1 1 0 1",
            "slide 1 1 1 0",
            "slide 8796093022208 1 1 1",
            "slide 1 1 1 315360000001",
            "slide  1 1 1 1",
            " slide 1 1 1 1",
            "slide 1 1 1 1 ",
            "window 1 1 1 1",
            "window 1 1 1 1 -0",
            "window 1 1 1 2mo 0",
            "bucket 1 1 1 0 1",
            "bucket 1 1 1 1.0 1",
            "bucket 1 1 1 0.0000000000000000001 1",
            "refund 1",
            "refund 1 0",
            "refund 1 1 1",
            "SLIDE 1 1 1 1",
            "state 1",
            "slide 1 9007199254740992 1 1",
        ] {
            assert_eq!(Effect::parse(text.as_bytes()), Err(Fault::Effect), "{text:?}");
        }
    }
}
