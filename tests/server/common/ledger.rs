//! An oracle for quotas. It keeps every effect of an append-only file, and sums up all charges again at each
//! admission.

use std::collections::HashMap;

use rl_core::limit::rule::Rule;
use rl_core::limit::window::Length;
use rl_core::quota::shape::{Limit, Measure};

use super::oracle::Log;
use super::quota::{Entry, Event};

/// All charges, by key.
#[derive(Default)]
pub struct Ledger(HashMap<String, Account>);

/// The state of one key.
#[derive(Default)]
pub struct Account {
    limits: Vec<Charged>,
    open: HashMap<Vec<u8>, Open>,
    admitted: u64,
}

/// The charges to one limit of a key.
pub struct Charged {
    limit: Limit,
    log: Log,
    most: u128,
}

struct Open {
    expires: u64,
    /// Pairs of a limit's index and an index in its log.
    charges: Vec<(usize, usize)>,
}

impl Ledger {
    /// Applies all effects, and fails if an admission did not fit. The excess of a settlement over its
    /// reservation is not checked, because it may exceed a limit.
    pub fn of(entries: Vec<Entry>) -> Self {
        let mut ledger = Self::default();
        for Entry { key, event } in entries {
            let account = ledger.0.entry(key.clone()).or_default();
            account.book(event, &key);
        }
        for (key, account) in &ledger.0 {
            for Charged { limit, log, .. } in &account.limits {
                if let Measure::Rate(Rule::Bucket(rule)) = &limit.measure {
                    let refill = rule.refill().mantissa;
                    let beyond = log.beyond_bucket(rule.capacity(), refill, rule.period().ms());
                    assert_eq!(beyond, None, "{key} {}", limit.name.as_str());
                }
            }
        }
        ledger
    }

    #[track_caller]
    pub fn account(&self, key: &str) -> &Account {
        self.0.get(key).unwrap_or_else(|| panic!("{key} has admitted nothing"))
    }
}

impl Account {
    /// Returns how many requests were admitted.
    pub fn admitted(&self) -> u64 {
        self.admitted
    }

    /// Returns the instant at which each unsettled reservation expires.
    pub fn expiries(&self) -> Vec<u64> {
        self.open.values().map(|open| open.expires).collect()
    }

    /// Returns the sum of all charges to a limit, as corrected by settlements.
    #[track_caller]
    pub fn total(&self, name: &str) -> u128 {
        self.limit(name).log.total()
    }

    /// Returns the highest usage of a limit at any time, as its window counts it.
    #[track_caller]
    pub fn most(&self, name: &str) -> u128 {
        self.limit(name).most
    }

    #[track_caller]
    fn limit(&self, name: &str) -> &Charged {
        let named = |charged: &&Charged| charged.limit.name.as_str() == name;
        self.limits.iter().find(named).unwrap_or_else(|| panic!("no limit {name}"))
    }

    fn book(&mut self, event: Event, key: &str) {
        match event {
            Event::Admitted { at, charges, reserved } => {
                self.admitted += 1;
                let places = charges.into_iter().map(|(limit, cost)| self.charge(limit, at, cost)).collect();
                if let Some((id, expires)) = reserved {
                    self.open.insert(id, Open { expires, charges: places });
                }
                for charged in &mut self.limits {
                    let open = self.open.values().filter(|open| open.expires > at).count();
                    charged.check(at, open, key);
                }
            }
            Event::Settled { id, used } => {
                let named = |limit: &Limit| {
                    used.iter().find(|(unit, _)| unit == limit.unit.as_bytes()).map(|(_, cost)| *cost)
                };
                self.settle(&id, named);
            }
            Event::Cancelled { id } => self.settle(&id, |_| Some(0)),
            Event::Renewed { id, expires } => self.open.get_mut(&id).expect("it is open").expires = expires,
        }
    }

    fn charge(&mut self, limit: Limit, at: u64, cost: u64) -> (usize, usize) {
        let known = self.limits.iter().position(|charged| charged.limit == limit);
        let index = known.unwrap_or_else(|| {
            self.limits.push(Charged { limit, log: Log::default(), most: 0 });
            self.limits.len() - 1
        });
        let log = &mut self.limits[index].log;
        log.admit(at, cost);
        (index, log.0.len() - 1)
    }

    fn settle(&mut self, id: &[u8], used: impl Fn(&Limit) -> Option<u64>) {
        for (limit, entry) in self.open.remove(id).expect("it is open").charges {
            let Charged { limit, log, .. } = &mut self.limits[limit];
            if let Some(used) = used(limit) {
                log.0[entry].1 = used;
            }
        }
    }
}

impl Charged {
    /// Checks an admission at `at` against the limit. `open` is the number of open reservations.
    fn check(&mut self, at: u64, open: usize, key: &str) {
        let (used, limit) = match &self.limit.measure {
            Measure::Rate(rule) => {
                let Some(used) = self.used(rule, at) else { return };
                (used, rule.quota())
            }
            Measure::InFlight(limit) => (u128::try_from(open).unwrap(), *limit),
        };
        let name = self.limit.name.as_str();
        assert!(used <= u128::from(limit), "{key} {name}: {used} of {limit} used at {at}");
        self.most = self.most.max(used);
    }

    /// Returns the cost that counts at `at`, or `None` for a bucket, which is checked over all intervals at the end.
    fn used(&self, rule: &Rule, at: u64) -> Option<u128> {
        if let Rule::Slide(rule) = rule {
            Some(self.recent(at, rule.window.ms()))
        } else if let Rule::Window(rule) = rule {
            let Length::Span(length) = rule.length else { panic!("no test has months") };
            Some(self.log.used_fixed(at, length.ms(), rule.offset))
        } else {
            assert_eq!(rule.algorithm(), "bucket", "how is it checked?");
            None
        }
    }

    /// Computes the same as [`Log::used_sliding`], but starts from the end of a long log.
    fn recent(&self, now: u64, length: u64) -> u128 {
        let counts = |(at, _): &&(u64, u64)| now < at + length;
        self.log.0.iter().rev().take_while(counts).map(|(_, cost)| u128::from(*cost)).sum()
    }
}
