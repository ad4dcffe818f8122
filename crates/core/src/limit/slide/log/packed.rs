//! A whole log as its head and bytes, for files.

use super::entries::{ENTRIES_MAX, Log};
use super::entry::{Entry, index, take};
use super::reading::Memo;
use crate::limit::algorithm::COST_MAX;
use crate::time::At;

/// The longest log in bytes that is accepted from a file.
pub const BYTES_MAX: usize = 225_000;

impl Log {
    /// Returns the oldest entry, and the packed bytes of those after it.
    #[must_use]
    pub fn packed(&self) -> (Entry, &[u8]) {
        (self.head, self.bytes.get(index(self.start)..).unwrap_or_default())
    }

    /// Makes a log of what [`Log::packed`] returned, or `None` if it never returns this.
    #[must_use]
    pub fn unpack(head: Entry, bytes: &[u8]) -> Option<Self> {
        if head.cost == 0 {
            let empty = head.at == At::MIN && bytes.is_empty();
            return empty.then(Self::default);
        }
        if bytes.len() > BYTES_MAX {
            return None;
        }
        let (mut at, mut cost, mut entries, mut tail, mut pos) = (head.at, head.cost, 1_u32, 0_u32, 0_u32);
        while index(pos) < bytes.len() {
            let (distance, part, next) = take(bytes, pos)?;
            at = At::new(at.ms().checked_add(distance)?)?;
            cost = cost.checked_add(part)?;
            entries = entries.checked_add(1)?;
            tail = pos;
            pos = next;
        }
        let sound = entries <= ENTRIES_MAX && cost <= COST_MAX && head.cost <= COST_MAX;
        sound.then(|| Self {
            head,
            last_at: at,
            cost,
            entries,
            start: 0,
            tail,
            bytes: bytes.to_vec(),
            memo: Memo::default(),
            is_timed: false,
        })
    }
}

/// Two logs are equal if they hold the same entries. Unused room in their buffers does not matter.
impl PartialEq for Log {
    fn eq(&self, other: &Self) -> bool {
        self.packed() == other.packed()
    }
}
