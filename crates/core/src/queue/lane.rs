//! The lanes of a line: the priorities of waiters.

/// The priority of a request, the most urgent first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// Goes before all other lanes.
    Critical,
    /// Goes before the normal lane.
    High,
    /// The default lane, also for requests that do not wait.
    #[default]
    Normal,
    /// Goes after all other lanes.
    Low,
}

impl Lane {
    /// All lanes, the most urgent first.
    pub const ALL: [Self; 4] = [Self::Critical, Self::High, Self::Normal, Self::Low];

    /// Returns the name, in lower case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::High => "high",
            Self::Normal => "normal",
            Self::Low => "low",
        }
    }

    /// Parses a name in any case, or a number from 0 (critical) to 3 (low).
    #[must_use]
    pub fn parse(word: &[u8]) -> Option<Self> {
        let is = |(number, lane): (u8, &Self)| {
            word == [number] || word.eq_ignore_ascii_case(lane.name().as_bytes())
        };
        (b'0'..).zip(&Self::ALL).find(|named| is(*named)).map(|(_, lane)| *lane)
    }

    /// Returns the index in [`Lane::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Returns the lane `steps` higher, at most the critical lane.
    #[must_use]
    pub fn risen(self, steps: u64) -> Self {
        let up = usize::try_from(steps).unwrap_or(usize::MAX);
        Self::ALL.get(self.index().saturating_sub(up)).copied().unwrap_or(Self::Critical)
    }
}
