//! The node of a cluster for a command of several keys. The client takes the first word after the name for the key, which
//! is the number of keys here: the wrong node would answer `MOVED`, and the client would learn the whole map anew each time.

use crc16::{State, XMODEM};
use redis::Cmd;
use redis::cluster_routing::{Route, RoutingInfo, SingleNodeRoutingInfo, SlotAddr};

/// The number of slots of a cluster.
const SLOTS: u16 = 16_384;

/// The primary of the first key, if the command has several.
pub(super) fn of_several(command: &Cmd) -> Option<RoutingInfo> {
    let word = |at: usize| match command.args_iter().nth(at)? {
        redis::Arg::Simple(word) => Some(word),
        _ => None,
    };
    if word(0)? != b"RL.MQUOTA" {
        return None;
    }
    let route = Route::new(slot(word(2)?), SlotAddr::Master);
    Some(RoutingInfo::SingleNode(SingleNodeRoutingInfo::SpecificNode(route)))
}

/// The slot of a key: CRC-16/XMODEM of what is between the first braces, or of all of it.
fn slot(key: &[u8]) -> u16 {
    let tag = || {
        let begin = key.iter().position(|byte| *byte == b'{')?.checked_add(1)?;
        let inner = key.get(begin..)?;
        let end = inner.iter().position(|byte| *byte == b'}').filter(|end| *end > 0)?;
        inner.get(..end)
    };
    State::<XMODEM>::calculate(tag().unwrap_or(key)) & SLOTS.saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::slot;

    #[test]
    fn a_key_has_the_slot_of_its_tag() {
        assert_eq!((slot(b"foo"), slot(b"123456789")), (12_182, 0x31c3)); // as CLUSTER KEYSLOT and its specification say
        assert_eq!(slot(b"{foo}.bar"), slot(b"foo"));
        assert_eq!(slot(b"a{foo}{bar}"), slot(b"foo"));
        assert_eq!(slot(b"{{foo}}"), slot(b"{foo"));
        assert_ne!(slot(b"foo{}{bar}"), slot(b"bar"));
    }
}
