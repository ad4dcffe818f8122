//! A history as bytes: each choice takes the next one. So proptest and the fuzzer make histories alike.

pub(crate) struct Dice<'a>(&'a [u8]);

impl<'a> Dice<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) const fn is_used_up(&self) -> bool {
        self.0.is_empty()
    }

    /// A number below `sides`, at most 256; 0 when all bytes are used up.
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        u64::from(*first) % sides
    }

    /// One of these.
    pub(crate) fn pick<'p, T>(&mut self, all: &'p [T]) -> &'p T {
        &all[self.roll(all.len() as u64) as usize]
    }

    /// Whether it happens, in one of so many cases.
    pub(crate) fn one_in(&mut self, cases: u64) -> bool {
        self.roll(cases) == cases - 1
    }
}
