//! The words that limits were spelled with, to know them again without reading them.
//!
//! A caller that spells its limits out sends the same words with every request. To compare them is
//! a third of the work of reading them.

use crate::request::Words;

/// Words, each behind its length in one byte.
#[derive(Debug)]
pub struct Spelling(Box<[u8]>);

impl Spelling {
    /// What these words are; `None` where one is too long to be kept, as none of a limit is.
    pub fn new<'a>(words: impl Iterator<Item = &'a [u8]>) -> Option<Self> {
        let mut bytes = Vec::new();
        for word in words {
            bytes.push(u8::try_from(word.len()).ok()?);
            bytes.extend_from_slice(word);
        }
        (!bytes.is_empty()).then(|| Self(bytes.into()))
    }

    /// Where `words` go on behind these, if these begin at `at`.
    pub fn follow<W: Words + ?Sized>(&self, words: &W, begin: usize) -> Option<usize> {
        let mut rest = &*self.0;
        for at in begin.. {
            let Some((len, behind)) = rest.split_first() else { return Some(at) };
            let (word, behind) = behind.split_at_checked(usize::from(*len))?;
            if words.word(at)? != word {
                return None;
            }
            rest = behind;
        }
        None
    }
}
