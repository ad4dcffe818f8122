//! Mixed commands on quotas: changed limits, reservations that are settled, cancelled, renewed, repeated or
//! left to expire, policies, requests about two keys, denials, reads, errors, and commands that work on any
//! key.

use super::random::Random;

/// Limits that share names, so that a key keeps its usage when the limits change.
const LIMITS: [&str; 8] = [
    "LIMIT a 50 1d LIMIT b 500 36h UNIT tokens LIMIT c 9000 30d UNIT tokens WINDOW",
    "LIMIT a 5 1d LIMIT b 90 36h UNIT tokens",
    "LIMIT a 50 2d LIMIT b 500 30d UNIT tokens BUCKET 60",
    "LIMIT b 500 30d UNIT tokens BUCKET 90 LIMIT a 40 1mo WINDOW",
    "LIMIT b 500 3650d UNIT tokens WINDOW OFFSET -5h LIMIT c 70 1d UNIT tokens LIMIT d 70 1d UNIT other",
    "LIMIT a 50 30d BUCKET 50",
    "LIMIT open 4 INFLIGHT LIMIT b 500 36h UNIT tokens LIMIT a 50 3650d WINDOW",
    "LIMIT a 90 1d LIMIT open 9 INFLIGHT LIMIT b 900 30d UNIT tokens BUCKET 200",
];

/// Limits with short windows, for short-lived keys.
const SHORT: [&str; 3] = [
    "LIMIT a 9 150ms LIMIT b 90 100ms UNIT tokens BUCKET 90",
    "LIMIT a 9 150ms WINDOW LIMIT open 3 INFLIGHT",
    "LIMIT b 90 200ms UNIT tokens LIMIT a 5 70ms",
];

/// Returns one command. Keys with windows under a second are named `short:…`.
pub fn command(random: &mut Random) -> String {
    let key = format!("quota:{}", random.below(25));
    let id = format!("id{}", random.below(6));
    let tokens = random.between(0, 60);
    let other = format!("quota:{}", random.below(25));
    let (policy, another) = (random.below(5), random.below(5));
    match random.below(36) {
        0..=7 => format!("RL.QUOTA {key} {} COST tokens {tokens}", random.pick(&LIMITS[..6])),
        8..=13 => {
            let (ttl, cost) = (random.pick(&["1d", "2d", "1h", "40ms"]), random.between(0, 4));
            let limits = random.pick(&LIMITS);
            format!("RL.QUOTA {key} {limits} COST tokens {tokens} COST requests {cost} RESERVE {ttl} ID {id}")
        }
        14 => format!("RL.QUOTA {key} {} RESERVE 1d COST other 3", random.pick(&LIMITS)),
        15..=18 => format!("RL.SETTLE {key} {id} COST tokens {}", random.between(0, 90)),
        19 => format!("RL.SETTLE {key} {id} COST other 2 COST requests 2"),
        20..=21 => format!("RL.CANCEL {key} {id}"),
        22..=23 => format!("RL.RENEW {key} {id} {}", random.pick(&["1d", "5d", "30ms"])),
        24 => format!("RL.PEEK {key} COST 3 COST tokens {tokens}"),
        25..=26 => {
            let (limits, ttl) = (random.pick(&SHORT), random.between(20, 300));
            format!("RL.QUOTA short:{key} {limits} COST tokens {tokens} RESERVE {ttl}ms ID {id}")
        }
        27 => format!("{} short:{key} {id}", random.pick(&["RL.SETTLE", "RL.CANCEL"])),
        28 => (*random.pick(&[
            "RL.QUOTA slide:1 LIMIT a 5 1d",
            "RL.SLIDE quota:1 5 1d",
            "RL.QUOTA quota:1 LIMIT a 5 1d LIMIT a 5 1d",
            "RL.QUOTA quota:1 LIMIT open 5 INFLIGHT",
            "RL.REFUND quota:1 1",
            "RL.INFO quota:1",
        ]))
        .to_owned(),
        29..=30 => format!("RL.QUOTA {key} POLICY p{policy} COST tokens {tokens} RESERVE 1d ID {id}"),
        31 => format!("RL.QUOTA {key} POLICY p{policy} COST tokens {tokens}"),
        32..=33 => {
            let reserve = random.pick(&["RESERVE 1d ID both", "RESERVE 1d", "RESERVE 2d ID one", ""]);
            format!("RL.MQUOTA 2 {key} {other} POLICY p{policy} p{another} COST tokens {tokens} {reserve}")
        }
        34 => match random.below(4) {
            0 => format!("RL.POLICY DEL p{policy}"),
            _ => format!("RL.POLICY SET p{policy} {}", random.pick(&LIMITS)),
        },
        _ => match random.below(12) {
            0 => format!("DEL {key}"),
            1 => format!("RENAME {key} {other}"),
            2 => format!("COPY {key} {other} REPLACE"),
            3 => format!("EXPIRE {key} 100000"),
            4 => format!("PERSIST {key}"),
            _ => format!("RL.INFO {key}"),
        },
    }
}
