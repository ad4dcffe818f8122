//! Which node of a cluster has a key.

use crate::reply::Reply;

/// The number of slots.
const SLOTS: u16 = 16_384;

/// Returns the slot of a key: CRC16 (XMODEM) of what stands between its first braces, else of all of it.
pub(super) fn slot(key: &str) -> u16 {
    let tag = key.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map(|(tag, _)| tag);
    let hashed = tag.filter(|tag| !tag.is_empty()).unwrap_or(key);
    let crc = hashed.bytes().fold(0_u16, |crc, byte| {
        (0..8).fold(
            crc ^ u16::from(byte) << 8,
            |crc, _| if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x1021 },
        )
    });
    crc % SLOTS
}

/// The address of a node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Address {
    pub(super) host: String,
    pub(super) port: u16,
}

/// Slots from the first to the last, and their primary.
#[derive(Debug)]
struct Range {
    first: u16,
    last: u16,
    primary: Address,
}

/// The primaries of a cluster.
#[derive(Debug, Default)]
pub(super) struct Slots(Vec<Range>);

impl Slots {
    /// Reads the reply of CLUSTER SLOTS. A node that does not know its own host is asked at `host`.
    pub(super) fn read(reply: &Reply, host: &str) -> Option<Self> {
        let range = |row: &Reply| {
            let row = row.list()?;
            let [own, port, ..] = row.get(2)?.list()? else { return None };
            let own =
                own.text().filter(|own| !own.is_empty() && own != "?").unwrap_or_else(|| host.to_owned());
            let primary = Address { host: own, port: u16::try_from(port.integer()?).ok()? };
            let number = |at: usize| u16::try_from(row.get(at)?.integer()?).ok();
            Some(Range { first: number(0)?, last: number(1)?, primary })
        };
        reply.list()?.iter().map(range).collect::<Option<_>>().map(Self)
    }

    /// Returns the primary of a slot, or any primary.
    pub(super) fn primary(&self, slot: Option<u16>) -> Option<&Address> {
        let has = |range: &&Range| slot.is_none_or(|slot| (range.first..=range.last).contains(&slot));
        self.0.iter().find(has).map(|range| &range.primary)
    }

    /// Returns all primaries.
    pub(super) fn primaries(&self) -> Vec<Address> {
        let mut all: Vec<Address> = self.0.iter().map(|range| range.primary.clone()).collect();
        all.sort();
        all.dedup();
        all
    }
}

/// A redirection by a node.
#[derive(Debug, PartialEq)]
pub(super) enum Redirect {
    /// The slot is there.
    Moved(Address),
    /// The slot is on its way there, and this key is not here any more.
    Ask(Address),
}

impl Redirect {
    /// Reads an error such as `MOVED 3999 127.0.0.1:6381`.
    pub(super) fn read(text: &str, host: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let (kind, _, to) = (words.next()?, words.next()?, words.next()?);
        let (own, port) = to.rsplit_once(':')?;
        let own = if own.is_empty() { host } else { own };
        let address = Address { host: own.to_owned(), port: port.parse().ok()? };
        match kind {
            "MOVED" => Some(Self::Moved(address)),
            "ASK" => Some(Self::Ask(address)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_those_of_the_server() {
        // As CLUSTER KEYSLOT answers.
        for (key, expected) in [
            ("123456789", 12_739),
            ("foo{hash_tag}", 2_515),
            ("{}a{b}", 16_175),
            ("", 0),
            ("foo{{bar}}zap", 4_015),
        ] {
            assert_eq!(slot(key), expected, "{key}");
        }
    }

    #[test]
    fn redirections_are_read() {
        let at = |host: &str, port| Address { host: host.to_owned(), port };
        assert_eq!(Redirect::read("MOVED 3999 ::1:6381", "h"), Some(Redirect::Moved(at("::1", 6_381))));
        assert_eq!(Redirect::read("ASK 3999 :7", "h"), Some(Redirect::Ask(at("h", 7))));
        assert_eq!(Redirect::read("TRYAGAIN the keys are moving", "h"), None);
    }
}
