//! The four lanes of every line.

/// How urgent a request is, the most urgent first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// Before all others.
    Critical,
    /// Before what is as usual.
    High,
    /// As usual: the lane of all that do not name one, also of those that do not wait.
    #[default]
    Normal,
    /// What can wait.
    Low,
}

impl Lane {
    /// All of them, in their order.
    pub const ALL: [Self; 4] = [Self::Critical, Self::High, Self::Normal, Self::Low];

    /// Its name, as a client writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::High => "high",
            Self::Normal => "normal",
            Self::Low => "low",
        }
    }

    /// The lane of that name, in upper or lower case, or of that number from 0 on.
    #[must_use]
    pub fn parse(word: &[u8]) -> Option<Self> {
        let is = |(number, lane): (u8, &Self)| {
            word == [number] || word.eq_ignore_ascii_case(lane.name().as_bytes())
        };
        (b'0'..).zip(&Self::ALL).find(|named| is(*named)).map(|(_, lane)| *lane)
    }

    /// Its place among [`Lane::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The lane so many steps up, at most the first.
    #[must_use]
    pub fn risen(self, steps: u64) -> Self {
        let up = usize::try_from(steps).unwrap_or(usize::MAX);
        Self::ALL.get(self.index().saturating_sub(up)).copied().unwrap_or(Self::Critical)
    }
}
