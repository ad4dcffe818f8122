//! The scribe's record of the keys that only a FLUSHALL deletes, checked against oracles.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::path::Path;

use super::requests::QUIET;
use crate::common::aof::{self, Effect};
use crate::common::ledger::Ledger;
use crate::common::oracle::Log;
use crate::common::quota::{Entry, Event};

/// The admissions between two FLUSHALLs.
#[derive(Default)]
struct Era {
    limits: HashMap<String, Log>,
    quotas: Vec<Entry>,
}

#[derive(Default)]
pub struct Record {
    eras: Vec<Era>,
    /// The ids of all reservations that were made.
    reserved: HashSet<String>,
}

/// Reads the append-only file of a server.
pub fn read(dir: &Path) -> Record {
    let mut record = Record { eras: vec![Era::default()], reserved: HashSet::new() };
    let mut db = String::new();
    for command in aof::commands(dir) {
        let name = command[0].to_ascii_uppercase();
        match name.as_slice() {
            b"SELECT" => db = String::from_utf8_lossy(&command[1]).into_owned(),
            b"FLUSHALL" => record.eras.push(Era::default()),
            b"RL.APPLY" if db == "9" => record.note(&command),
            _ => {}
        }
    }
    record
}

impl Record {
    fn note(&mut self, command: &[Vec<u8>]) {
        let era = self.eras.last_mut().unwrap();
        if let Some(effect) = Effect::of(command) {
            assert!(!effect.kind.contains("refund"), "no request refunds here");
            era.limits.entry(effect.key).or_default().admit(effect.at, effect.cost);
        } else if let Some(entry) = Entry::of(command) {
            if let Event::Admitted { reserved: Some((id, _)), .. } = &entry.event {
                self.reserved.insert(String::from_utf8_lossy(id).into_owned());
            }
            if entry.key == "quiet:quota" {
                era.quotas.push(entry);
            }
        }
    }

    /// Checks that no admission exceeded the limits in [`QUIET`].
    #[track_caller]
    pub fn assert_within_limits(&self) {
        assert_eq!(&QUIET[0][..26], "RL.SLIDE quiet:slide 20 50");
        for Era { limits, quotas } in &self.eras {
            for (key, log) in limits {
                match key.as_str() {
                    "quiet:slide" => assert!(log.most_sliding(500) <= 20, "{key}"),
                    "quiet:window" => assert!(log.most_fixed(400, 0) <= 15, "{key}"),
                    "quiet:bucket" => assert_eq!(log.beyond_bucket(10, 20, 1_000), None, "{key}"),
                    other => panic!("no request is for {other}"),
                }
            }
            Ledger::of(quotas.clone());
        }
    }

    /// Checks that none of these requests was ever admitted.
    #[track_caller]
    pub fn assert_none_of(&self, ids: &[String]) {
        assert!(!ids.is_empty(), "some were gone before their turn");
        let found: Vec<_> = ids.iter().filter(|id| self.reserved.contains(*id)).collect();
        assert!(found.is_empty(), "admitted for clients that were gone: {found:?}");
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limits = self.eras.iter().flat_map(|era| era.limits.values());
        let count: usize = limits.map(|log| log.0.len()).sum();
        let quotas: usize = self.eras.iter().map(|era| era.quotas.len()).sum();
        let (eras, reserved) = (self.eras.len(), self.reserved.len());
        write!(
            f,
            "{count} admissions of quiet limits, {quotas} of a quiet quota, {reserved} reservations, in {eras} eras"
        )
    }
}
